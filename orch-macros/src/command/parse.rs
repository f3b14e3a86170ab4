use syn::{Attribute, Data, DeriveInput, Fields, Ident, Type};

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

const SHAPE_REASON: &str = "it is stored as a JSON object, and its fields make up the keys";
const SHAPE_REMEDY: &str = "write `struct Name { field: Type, … }`";

/// Reads the input. Anything but a struct with named fields and without generics is refused.
pub(super) fn command<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Struct<'a>> {
    let wrong = |rule| Rule { rule, reason: SHAPE_REASON, remedy: SHAPE_REMEDY };
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => named,
            Fields::Unnamed(_) => {
                errors
                    .at(&input.ident, &wrong("a command has named fields; this is a tuple struct"));
                return None;
            }
            Fields::Unit => {
                errors.at(&input.ident, &wrong("a command has named fields; this struct has none"));
                return None;
            }
        },
        Data::Enum(data) => {
            errors.at(data.enum_token, &wrong("a command is a struct, not an enum"));
            return None;
        }
        Data::Union(data) => {
            errors.at(data.union_token, &wrong("a command is a struct, not a union"));
            return None;
        }
    };
    plain(input, errors).then(|| Struct {
        ident: &input.ident,
        attributes: &input.attrs,
        options: Options::of_attributes("command", &input.attrs, input.ident.span(), errors),
        fields: named.named.iter().filter_map(|field| read(field, errors)).collect(),
    })
}

fn plain(input: &DeriveInput, errors: &mut Errors) -> bool {
    let borrows = input.generics.lifetimes().next().is_some();
    let rule = if borrows {
        Rule {
            rule: "a command borrows nothing",
            reason: "each attempt decodes it anew from the store, so there is nobody to borrow from",
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
