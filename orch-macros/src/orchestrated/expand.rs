use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Binding, Handler, InDoubt};
use super::parse::Function;

/// The function, and one scope with its claim to the name, its binding and its registration.
///
/// Each call carries the place of the user's token that can be wrong in it, so that rustc
/// reports a missing trait there. Where the same call stands twice, it is the same to the
/// letter: rustc folds equal errors at one place into one.
pub(super) fn handler(function: &Function, handler: &Handler<'_>) -> TokenStream {
    let Handler { krate, domain, event, .. } = handler;
    let conditions = function.conditions();
    let symbol = format!("orch handler {}/{}", domain.value(), event.value());
    let binding = binding(handler);
    let registration = registration(function, handler);
    quote! {
        #function

        #(#conditions)*
        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __orch;

            #[unsafe(export_name = #symbol)]
            static __ORCH_UNIQUE: __orch::Unique = 0;

            #binding

            const __ORCH_REGISTRATION: __orch::Registration = #registration;
            __orch::inventory::submit! { __ORCH_REGISTRATION }
        };
    }
}

/// The `Handled` of the command: implemented here, or compared with what its derive says.
fn binding(handler: &Handler<'_>) -> TokenStream {
    let Handler { domain, event, .. } = handler;
    let (command, output) = (handler.types.command, handler.types.output());
    let bound = bound(handler);
    match handler.binding {
        Binding::Handler => quote! {
            impl __orch::Handled for #command {
                const DOMAIN: &'static __orch::str = #domain;
                const EVENT: &'static __orch::str = #event;
                type Output = #output;
            }
        },
        Binding::Command => {
            let domain_is = quote_spanned!(domain.span()=> #bound.domain_is(#domain));
            let event_is = quote_spanned!(event.span()=> #bound.event_is(#event));
            quote! {
                const _: () = #domain_is;
                const _: () = #event_is;
            }
        }
    }
}

fn registration(function: &Function, handler: &Handler<'_>) -> TokenStream {
    let ident = &function.signature.ident;
    let Handler { domain, event, max_attempts, types, .. } = handler;
    let name = format!("::{ident}");
    let attempt_timeout = millis(handler.attempt_timeout);
    let (base, cap) = (millis(handler.backoff.base), millis(handler.backoff.cap));
    let (in_doubt, reconcile, asked) = in_doubt(handler);
    let finalize = finalize(handler);
    let result = types.result;
    let bound = bound(handler);
    let arguments: Vec<TokenStream> = types
        .arguments
        .iter()
        .map(|ty| quote_spanned!(ty.span()=> __orch::argument::<#ty>()))
        .collect();
    let run = quote_spanned!(result.span()=> #bound.run::<#result>);
    let called =
        quote_spanned!(ident.span()=> #ident(__orch_command #(, (#arguments.take)(__orch_call)?)*));
    quote! {
        __orch::Registration {
            descriptor: __orch::Descriptor {
                name: __orch::concat!(__orch::module_path!(), #name),
                file: __orch::file!(),
                line: __orch::line!(),
                domain: #domain,
                event_type: #event,
                attempt_timeout: __orch::Duration::from_millis(#attempt_timeout),
                max_attempts: #max_attempts,
                backoff: __orch::Backoff::from_millis(#base, #cap),
                in_doubt: __orch::InDoubt::#in_doubt,
            },
            run: |__orch_call| {
                let __orch_command = #bound.command(__orch_call)?;
                #run(#called)
            },
            reconcile: #reconcile,
            finalize: #finalize,
            needs: || __orch::needs(&[#((#arguments.need)()),*], #asked),
        }
    }
}

/// The policy, the shim that asks, and what asking needs.
fn in_doubt(handler: &Handler<'_>) -> (TokenStream, TokenStream, TokenStream) {
    let bound = bound(handler);
    match &handler.in_doubt {
        InDoubt::Declared(choice) => (quote!(#choice), quote!(__orch::None), quote!(__orch::None)),
        InDoubt::Reconcile(path) => {
            let question = quote_spanned!(path.span()=> #bound.question(#path));
            (
                quote!(Reconcile),
                quote!(__orch::Some(|__orch_call| #question.start(__orch_call))),
                quote!(__orch::Some(#question.needs)),
            )
        }
    }
}

fn finalize(handler: &Handler<'_>) -> TokenStream {
    let Some(path) = &handler.finalize else { return quote!(__orch::None) };
    let bound = bound(handler);
    let hook = quote_spanned!(path.span()=> #bound.hook(#path));
    quote! {
        __orch::Some(__orch::FinalizeHook {
            connection: || #hook.connection,
            run: |__orch_connection, __orch_settlement| #hook.run(__orch_connection, __orch_settlement),
        })
    }
}

/// The binding of the command, the one place that asks for it.
fn bound(handler: &Handler<'_>) -> TokenStream {
    let command = handler.types.command;
    quote_spanned!(command.span()=> __orch::bound::<#command>())
}

/// Whole milliseconds: the unit of every duration that an option can hold.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
