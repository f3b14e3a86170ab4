use syn::{Attribute, Data, DeriveInput, Fields, FieldsNamed, Ident, Type};

use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::shared::no_generics;

/// A struct with named fields, and what is written on it.
pub(super) struct Struct<'a> {
    pub(super) ident: &'a Ident,
    pub(super) attributes: &'a [Attribute],
    pub(super) options: Options,
    pub(super) fields: Vec<Field<'a>>,
}

/// One field, and what is written on it.
pub(super) struct Field<'a> {
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
    pub(super) attributes: &'a [Attribute],
    pub(super) options: Options,
}

/// Reads the input. Anything but a struct with named fields and without generics is refused.
pub(super) fn command<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Struct<'a>> {
    let fields = fields(input, errors)?;
    plain(input, errors).then(|| Struct {
        ident: &input.ident,
        attributes: &input.attrs,
        options: Options::of_attributes("command", &input.attrs, input.ident.span(), errors),
        fields: fields.named.iter().filter_map(|field| read(field, errors)).collect(),
    })
}

fn fields<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a FieldsNamed> {
    let name = input.ident.span();
    let (place, rule) = match &input.data {
        Data::Enum(data) => (data.enum_token.span, "a command is a struct, not an enum"),
        Data::Union(data) => (data.union_token.span, "a command is a struct, not a union"),
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(fields),
            Fields::Unnamed(_) => (name, "a command has named fields; this is a tuple struct"),
            Fields::Unit => (name, "a command has named fields; this struct has none"),
        },
    };
    let reason = "it is stored as a JSON object, and its fields make up the keys";
    let remedy = "write `struct Name { field: Type, … }`";
    Rule { rule, reason, remedy }.at_span(place, errors);
    None
}

fn plain(input: &DeriveInput, errors: &mut Errors) -> bool {
    let borrows = input.generics.lifetimes().next().is_some();
    let rule = if borrows {
        Rule {
            rule: "a command borrows nothing",
            reason: "each attempt decodes it from the store again, so there is nothing to borrow from",
            remedy: "remove the lifetime, and give it fields that own their data, such as `String`",
        }
    } else {
        Rule {
            rule: "a command has no generics",
            reason: "one handler takes it, under one domain and event type",
            remedy: "name the types, or write one command for each",
        }
    };
    no_generics(&input.generics, &rule, errors)
}

fn read<'a>(field: &'a syn::Field, errors: &mut Errors) -> Option<Field<'a>> {
    let ident = field.ident.as_ref()?;
    let options = Options::of_attributes("command", &field.attrs, ident.span(), errors);
    Some(Field { ident, ty: &field.ty, attributes: &field.attrs, options })
}
