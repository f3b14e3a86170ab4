use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Certainty, Ending, Named, Outcome};
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
        Ending::Retry { after: Some(after) } => arm_after(&head, after, &quote!(retry_after)),
        Ending::StillRunning { after: None } => quote! {
            #head { .. } => __orch::Ending::StillRunning { after: __orch::None },
        },
        Ending::StillRunning { after: Some(after) } => {
            arm_after(&head, after, &quote!(still_running_after))
        }
        Ending::AlreadyDone => quote!(#head { .. } => __orch::Ending::AlreadyDone,),
        Ending::Submitted { reference, account, after } => {
            submitted(&head, reference.as_ref(), account.as_ref(), after.as_ref())
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

/// The ending that this function makes of the field that `after` names.
fn arm_after(head: &TokenStream, after: &Named, function: &TokenStream) -> TokenStream {
    let (member, span) = after;
    // At the user's token, so that a field of another type is reported there.
    let wait = Ident::new("__orch_after", *span);
    let ending = quote_spanned!(*span=> __orch::Ending::#function(#wait));
    quote!(#head { #member: #wait, .. } => #ending,)
}

/// The ending with what these fields say.
fn submitted(
    head: &TokenStream,
    reference: Option<&Named>,
    account: Option<&Named>,
    after: Option<&Named>,
) -> TokenStream {
    let mut fields = TokenStream::new();
    let mut field = |named: &Named, name| {
        let (member, span) = named;
        let bound = Ident::new(name, *span);
        fields.extend(quote!(#member: #bound,));
        bound
    };
    // Each call at the user's token, so that a field of another type is reported there.
    let mut submitted = match reference {
        Some(named) => {
            let reference = field(named, "__orch_reference");
            quote_spanned!(named.1=> __orch::Submitted::with(__orch::reference_text(#reference)))
        }
        None => quote!(__orch::Submitted::without_reference()),
    };
    if let Some(named) = account {
        let account = field(named, "__orch_account");
        submitted = quote_spanned!(named.1=> #submitted.account(__orch::reference_text(#account)));
    }
    if let Some(named) = after {
        let after = field(named, "__orch_after");
        submitted = quote_spanned!(named.1=> #submitted.after(__orch::after(#after)));
    }
    quote!(#head { #fields .. } => __orch::Ending::Submitted(#submitted),)
}
