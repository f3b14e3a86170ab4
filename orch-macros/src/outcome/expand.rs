use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Certainty, Ending, Outcome};
use crate::shared::scope;

/// The implementation of `HandlerError`: one arm per variant.
pub(super) fn outcome(outcome: &Outcome<'_>) -> TokenStream {
    let Outcome { krate, ident, arms } = outcome;
    let scrutinee = if arms.is_empty() { quote!(*self) } else { quote!(self) };
    let arms = arms.iter().map(|(variant, ending)| arm(*variant, ending));
    let items = quote! {
        #[automatically_derived]
        impl __orch::HandlerError for #ident {
            fn ending(&self) -> __orch::Ending {
                match #scrutinee {
                    #(#arms)*
                }
            }
        }
    };
    scope(krate, &items)
}

fn arm(variant: Option<&Ident>, ending: &Ending) -> TokenStream {
    let head = match variant {
        Some(variant) => quote!(Self::#variant),
        None => quote!(Self),
    };
    match ending {
        Ending::Retry { after: None } => quote! {
            #head { .. } => __orch::Ending::Retry { after: __orch::None },
        },
        Ending::Retry { after: Some((member, span)) } => {
            // At the user's token, so that a field of another type is reported there.
            let wait = Ident::new("__orch_after", *span);
            let retry = quote_spanned!(*span=> __orch::Ending::retry_after(#wait));
            quote!(#head { #member: #wait, .. } => #retry,)
        }
        Ending::Fail { code, certainty } => {
            let ending = match certainty {
                Certainty::Uncertain => quote!(fail(#code, true)),
                Certainty::OfThisCall => quote!(fail(#code, false)),
                Certainty::ClearsDoubt => quote!(fail_clearing_doubt(#code)),
            };
            quote!(#head { .. } => __orch::Ending::#ending,)
        }
        Ending::InDoubt => quote!(#head { .. } => __orch::Ending::InDoubt,),
        Ending::From { function, member } => {
            let error = Ident::new("__orch_error", Span::mixed_site());
            // At the user's path, so that a function that does not fit is reported there.
            let ending =
                quote_spanned!(function.span()=> __orch::underneath(#error).ending(#function));
            quote!(#head { #member: #error, .. } => #ending,)
        }
    }
}
