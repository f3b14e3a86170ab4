use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Asking, Backoff, Binding, Effect, Handler, InDoubt};
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
    let unique = quote_spanned!(event.span()=> static __ORCH_UNIQUE: __orch::Unique = 0;);
    let binding = binding(handler);
    let arguments = arguments(handler);
    let rules = rules(handler);
    let registration = registration(function, handler);
    quote! {
        #function

        #(#conditions)*
        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __orch;

            // The only attribute of ours that Rust counts as unsafe. It lands in the user's crate,
            // also under `forbid(unsafe_code)`: lints pass over what another crate's macro emits.
            // The symbol is data of one byte that nothing reads, and its name has spaces, so that no
            // identifier can be meant by it.
            #[unsafe(export_name = #symbol)]
            #unique

            #binding

            #arguments
            #rules
            const __ORCH_REGISTRATION: __orch::Registration = #registration;
            __orch::inventory::submit! { __ORCH_REGISTRATION }
        };
    }
}

/// The `HandledCommand` of the command: implemented here, or compared with what its derive says.
fn binding(handler: &Handler<'_>) -> TokenStream {
    let Handler { domain, event, .. } = handler;
    let (command, output) = (handler.types.command, handler.types.output());
    match handler.binding {
        Binding::Handler => quote_spanned! {command.span()=>
            impl __orch::HandledCommand for #command {
                const DOMAIN: &'static __orch::str = #domain;
                const EVENT: &'static __orch::str = #event;
                type Output = #output;
            }
        },
        Binding::Command => {
            let bound = bound(handler);
            let domain_is = quote_spanned!(domain.span()=> __orch::domain_is(&#bound, #domain));
            let event_is = quote_spanned!(event.span()=> __orch::event_is(&#bound, #event));
            quote! {
                const _: () = #domain_is;
                const _: () = #event_is;
            }
        }
    }
}

/// How each argument behind the command is taken, at the place of its type.
fn arguments(handler: &Handler<'_>) -> TokenStream {
    let names = argument_names(handler);
    let contract = contract(handler);
    let arguments = names.iter().zip(&handler.types.arguments).map(|(name, ty)| {
        let argument = match &contract {
            None => quote_spanned!(ty.span()=> __orch::argument::<#ty>()),
            Some(contract) => quote_spanned!(ty.span()=> #contract.argument::<#ty>()),
        };
        quote_spanned!(ty.span()=> const #name: __orch::Argument<#ty> = #argument;)
    });
    quote!(#(#arguments)*)
}

/// The rules that need the contract of the provider. Where the attribute names neither provider
/// nor effect there are none.
fn rules(handler: &Handler<'_>) -> TokenStream {
    let Handler { provider, effect, in_doubt, .. } = handler;
    let carried = contract(handler).map(|contract| {
        let effect = effect_of(handler);
        let in_doubt = in_doubt.as_ref().map(declared);
        let in_doubt = in_doubt.unwrap_or_else(|| quote!(__orch::Descriptor::DEFAULTS.in_doubt));
        let timeout = handler.attempt_timeout.map(millis);
        let timeout =
            timeout.unwrap_or_else(|| quote!(__orch::Descriptor::DEFAULTS.attempt_timeout));
        let carried = quote_spanned! {provider.span()=>
            #contract.carries(#effect, #in_doubt, #timeout)
        };
        quote!(const _: () = #carried;)
    });
    let place = match effect {
        Some(effect) if effect.is_keyed() => Some(effect.text.span()),
        Some(_) => None,
        None => provider.as_ref().map(Spanned::span),
    };
    let taken = place.map(|place| {
        let any = || quote_spanned!(place=> __orch::contract::<__orch::AnyProvider>());
        let (contract, arguments) =
            (contract(handler).unwrap_or_else(any), argument_names(handler));
        let taken = quote_spanned!(place=> #contract.key_is_taken(&[#(#arguments.has_key),*]));
        quote!(const _: () = #taken;)
    });
    quote!(#carried #taken)
}

fn effect_of(handler: &Handler<'_>) -> TokenStream {
    match handler.effect.as_ref().map(Effect::variant) {
        Some(effect) => quote!(__orch::Effect::#effect),
        None => quote!(__orch::Descriptor::DEFAULTS.effect),
    }
}

/// The contract of the named provider, the same to the letter wherever it is asked for.
fn contract(handler: &Handler<'_>) -> Option<TokenStream> {
    let provider = handler.provider.as_ref()?;
    Some(quote_spanned!(provider.span()=> __orch::contract::<#provider>()))
}

fn argument_names(handler: &Handler<'_>) -> Vec<Ident> {
    let count = handler.types.arguments.len();
    (1..=count).map(|n| Ident::new(&format!("__ORCH_{n}"), Span::call_site())).collect()
}

fn registration(function: &Function, handler: &Handler<'_>) -> TokenStream {
    let ident = &function.signature.ident;
    let types = &handler.types;
    let (result, output) = (types.result, types.output());
    let (descriptor, bound) = (descriptor(ident, handler), bound(handler));
    let arguments = argument_names(handler);
    let call = local("__orch_call");
    let attempt = quote_spanned!(output.span()=> #bound.attempt::<#result>);
    let called = quote_spanned! {ident.span()=>
        #ident(#bound.command(#call)? #(, (#arguments.take)(#call)?)*)
    };
    let (reconcile, reconcile_needs) = reconcile(handler);
    let finalize = finalize(handler);
    quote! {
        __orch::Registration::new(
            #descriptor,
            |#call| #attempt(#called),
            || __orch::needs(&[#(#arguments.need),*], #reconcile_needs),
        )
        #reconcile
        #finalize
    }
}

/// The constants; what is not given is core's default.
fn descriptor(ident: &Ident, handler: &Handler<'_>) -> TokenStream {
    let Handler { domain, event, .. } = handler;
    let name = format!("::{ident}");
    let attempt_timeout = handler.attempt_timeout.map(millis);
    let backoff = handler.backoff.as_ref().map(delays);
    let in_doubt = handler.in_doubt.as_ref().map(declared);
    let effect = handler.effect.as_ref().map(|_| effect_of(handler));
    let key_lifetime = contract(handler).map(|contract| {
        let effect = effect_of(handler);
        quote!(#contract.key_lifetime(#effect))
    });
    let replays_errors = contract(handler).map(|contract| quote!(#contract.replays_errors()));
    let (given, values): (Vec<&str>, Vec<TokenStream>) = [
        ("attempt_timeout", attempt_timeout),
        ("max_attempts", handler.max_attempts.map(|attempts| quote!(#attempts))),
        ("backoff", backoff),
        ("in_doubt", in_doubt),
        ("effect", effect),
        ("key_lifetime", key_lifetime),
        ("replays_errors", replays_errors),
        ("reconcile_timeout", asking(handler).and_then(|asking| asking.timeout.map(millis))),
        (
            "reconcile_backoff",
            asking(handler).and_then(|asking| asking.backoff.as_ref().map(delays)),
        ),
        ("max_reconciles", asking(handler).and_then(|asking| asking.max.map(|max| quote!(#max)))),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field, value?)))
    .unzip();
    let given = given.iter().map(|field| Ident::new(field, Span::call_site()));
    quote! {
        __orch::Descriptor {
            name: __orch::concat!(__orch::module_path!(), #name),
            file: __orch::file!(),
            line: __orch::line!(),
            domain: #domain,
            event_type: #event,
            #(#given: #values,)*
            ..__orch::Descriptor::DEFAULTS
        }
    }
}

/// The shim that asks the provider, and what asking needs.
fn reconcile(handler: &Handler<'_>) -> (Option<TokenStream>, TokenStream) {
    let Some(Asking { path, .. }) = asking(handler) else {
        return (None, quote!(__orch::None));
    };
    let (bound, call) = (bound(handler), local("__orch_call"));
    let reconcile = match contract(handler) {
        None => quote_spanned!(path.span()=> #bound.reconcile(#path)),
        Some(contract) => quote_spanned!(path.span()=> #contract.reconcile(&#bound, #path)),
    };
    (
        Some(quote!(.reconcile(|#call| #reconcile.start(#call)))),
        quote!(__orch::Some(#reconcile.needs)),
    )
}

fn finalize(handler: &Handler<'_>) -> Option<TokenStream> {
    let path = handler.finalize.as_ref()?;
    let bound = bound(handler);
    let hook = quote_spanned!(path.span()=> #bound.hook(#path));
    let (connection, outcome) = (local("__orch_connection"), local("__orch_outcome"));
    let of = local("__orch_of");
    Some(quote! {
        .finalize(__orch::FinalizeHook {
            connection: || #hook.connection,
            run: |#connection, #outcome, #of| #hook.run(#connection, #outcome, #of),
        })
    })
}

/// The binding of the command, the same to the letter wherever it is asked for.
fn bound(handler: &Handler<'_>) -> TokenStream {
    let command = handler.types.command;
    quote_spanned!(command.span()=> __orch::bound::<#command>())
}

/// A local of generated code: one place and one hygiene, wherever it is used.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn asking<'a>(handler: &'a Handler<'_>) -> Option<&'a Asking> {
    match handler.in_doubt.as_ref()? {
        InDoubt::Reconcile(asking) => Some(asking),
        InDoubt::Declared(_) => None,
    }
}

fn declared(in_doubt: &InDoubt) -> TokenStream {
    match in_doubt {
        InDoubt::Declared(choice) => quote!(__orch::InDoubt::#choice),
        InDoubt::Reconcile(_) => quote!(__orch::InDoubt::Reconcile),
    }
}

fn delays(backoff: &Backoff) -> TokenStream {
    let (base, cap) = (whole_millis(backoff.base), whole_millis(backoff.cap));
    quote!(__orch::Backoff::from_millis(#base, #cap))
}

fn millis(duration: Duration) -> TokenStream {
    let millis = whole_millis(duration);
    quote!(__orch::Duration::from_millis(#millis))
}

/// Whole milliseconds: the unit of every duration that an option can hold.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
