//! What a call does at the provider.

use proc_macro2::{Ident, Span};
use syn::LitStr;

use super::written::choice;
use crate::errors::Errors;
use crate::options::Options;

/// `effect = "…"` as it was written.
pub(in crate::orchestrated) struct Effect {
    pub(in crate::orchestrated) text: LitStr,
}

pub(super) fn effect(options: &mut Options, errors: &mut Errors) -> Option<Effect> {
    let known = ["keyed", "read", "idempotent", "unsafe"];
    choice(options.take("effect")?, &known, errors).map(|text| Effect { text })
}

impl Effect {
    /// The variant of core's `Effect`.
    pub(in crate::orchestrated) fn variant(&self) -> Ident {
        let variant = match self.text.value().as_str() {
            "read" => "Read",
            "idempotent" => "Idempotent",
            "unsafe" => "Unsafe",
            _ => "Keyed",
        };
        Ident::new(variant, Span::call_site())
    }

    pub(in crate::orchestrated) fn is_keyed(&self) -> bool {
        self.text.value() == "keyed"
    }

    pub(super) fn is_unsafe(&self) -> bool {
        self.text.value() == "unsafe"
    }
}
