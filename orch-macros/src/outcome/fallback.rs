use proc_macro2::TokenStream;
use quote::quote;

use super::model::Outcome;
use crate::shared::scope;

/// An ending for all, so that a handler that returns this error adds no further errors.
/// The build has failed already; nothing here ever runs.
pub(super) fn outcome(outcome: &Outcome<'_>) -> TokenStream {
    let Outcome { krate, ident, .. } = outcome;
    let items = quote! {
        impl __orch::HandlerError for #ident {
            fn ending(&self) -> __orch::Ending {
                __orch::Ending::InDoubt
            }
        }
    };
    scope(krate, &items)
}
