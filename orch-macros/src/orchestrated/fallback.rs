use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::model::Fragment;
use super::parse::Function;
use crate::shared::scope;

/// The function, and its binding if that much is known, so that the places that accept its
/// command do not add errors of their own. The build has failed already.
pub(super) fn handler(function: &Function, fragment: &Fragment<'_>) -> TokenStream {
    let Fragment { krate, bound: Some(types) } = fragment else {
        return function.to_token_stream();
    };
    let (command, output) = (types.command, types.output());
    let conditions = function.conditions();
    let items = quote! {
        impl __orch::HandledCommand for #command {
            const DOMAIN: &'static __orch::str = "";
            const EVENT: &'static __orch::str = "";
            type Output = #output;
        }
    };
    let scope = scope(krate, &items);
    quote! {
        #function
        #(#conditions)*
        #scope
    }
}
