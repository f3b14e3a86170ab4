use syn::{Data, DeriveInput, Fields, Ident};

use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::shared::no_generics;

/// An error type and what is written on it.
pub(super) struct ErrorType<'a> {
    pub(super) ident: &'a Ident,
    pub(super) options: Options,
    pub(super) shape: Shape<'a>,
}

/// What the type is made of.
pub(super) enum Shape<'a> {
    /// One way to go wrong; the options on the type say how it ends.
    Struct(&'a Fields),
    /// Several; each variant has its own.
    Enum(Vec<Variant<'a>>),
}

/// A variant and what is written on it.
pub(super) struct Variant<'a> {
    pub(super) ident: &'a Ident,
    pub(super) fields: &'a Fields,
    pub(super) options: Options,
}

/// Reads the input. Unions and generic types are refused.
pub(super) fn outcome<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<ErrorType<'a>> {
    let shape = match &input.data {
        Data::Struct(data) => Shape::Struct(&data.fields),
        Data::Enum(data) => Shape::Enum(
            data.variants
                .iter()
                .map(|variant| Variant {
                    ident: &variant.ident,
                    fields: &variant.fields,
                    options: Options::of_attributes(
                        "outcome",
                        &variant.attrs,
                        variant.ident.span(),
                        errors,
                    ),
                })
                .collect(),
        ),
        Data::Union(data) => {
            Rule {
                rule: "an error is an enum or a struct, not a union",
                reason: "each of its variants says how the attempt ends",
                remedy: "write `enum Name { … }`",
            }
            .at(data.union_token, errors);
            return None;
        }
    };
    let rule = Rule {
        rule: "the error of a handler has no generics",
        reason: "its text and its ending are stored, so it is one type that borrows nothing",
        remedy: "name the types, and box what may vary: `Box<dyn std::error::Error + Send + Sync>`",
    };
    no_generics(&input.generics, &rule, errors).then(|| ErrorType {
        ident: &input.ident,
        options: Options::of_attributes("outcome", &input.attrs, input.ident.span(), errors),
        shape,
    })
}
