use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Handler, limits};
use super::parse::Function;
use crate::options::Table;
use crate::shared::{local, scope, time_budget_const};

/// The function, and one scope with its claim to the name, its binding and its registration.
///
/// Each call carries the place of the user's token that can be wrong in it, so that rustc
/// reports a missing trait there. Where the same call is written twice, it is the same to the
/// letter: rustc folds equal errors at one place into one. No call that refuses something is
/// generic or inside another function, so that `cargo check` evaluates all of them.
pub(super) fn handler(function: &Function, handler: &Handler<'_>) -> TokenStream {
    let Handler { krate, domain, event, .. } = handler;
    let conditions = function.conditions();
    let symbol = symbol(&domain.value(), &event.value());
    let unique = quote_spanned!(event.span()=> static __ORCH_UNIQUE: __orch::Unique = 0;);
    let binding = binding(handler);
    let arguments = arguments(handler);
    let descriptor = descriptor(function, handler);
    let rules = rules(handler);
    let registration = registration(function, handler);
    let items = quote! {
        // The only attribute of ours that Rust counts as unsafe. It lands in the user's crate,
        // also under `forbid(unsafe_code)`: lints pass over what another crate's macro emits.
        // The symbol is data of one byte that nothing reads, and its name has dots, so that no
        // identifier can be meant by it.
        #[unsafe(export_name = #symbol)]
        #unique

        #binding

        #arguments
        const __ORCH_DESCRIPTOR: __orch::Descriptor = #descriptor;
        #rules
        const __ORCH_REGISTRATION: __orch::Registration = #registration;
        __orch::inventory::submit! { __ORCH_REGISTRATION }
    };
    let scope = scope(krate, &items);
    quote! {
        #function
        #(#conditions)*
        #scope
    }
}

/// A name that only one pair has, of letters, digits, underscores and dots: the linker of a shared
/// library takes no others. The lengths keep two pairs from being spelt alike.
fn symbol(domain: &str, event: &str) -> String {
    format!("orch_handler.{}.{domain}.{}.{event}", domain.len(), event.len())
}

/// The `HandledCommand` of the command: implemented here, or compared with what its derive says.
fn binding(handler: &Handler<'_>) -> TokenStream {
    let Handler { domain, event, .. } = handler;
    let (command, output) = (handler.types.command, handler.types.output());
    if handler.said.binding.is_none() {
        let time_budget = time_budget_const(handler.said.time_budget);
        return quote_spanned! {command.span()=>
            impl __orch::HandledCommand for #command {
                const DOMAIN: &'static __orch::str = #domain;
                const EVENT: &'static __orch::str = #event;
                #time_budget
                type Output = #output;
            }
        };
    }
    let bound = bound(handler);
    let timeouts_fit = limits::timeouts(&handler.said).map(|(option, timeout)| {
        let fits =
            quote_spanned!(timeout.text.span()=> __orch::timeout_fits(&#bound, #option, #timeout));
        quote!(const _: () = #fits;)
    });
    let domain_is = quote_spanned!(domain.span()=> __orch::domain_is(&#bound, #domain));
    let event_is = quote_spanned!(event.span()=> __orch::event_is(&#bound, #event));
    quote! {
        const _: () = #domain_is;
        const _: () = #event_is;
        #(#timeouts_fit)*
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

/// The constants. What is not given is core's default, or what the contract says.
fn descriptor(function: &Function, handler: &Handler<'_>) -> TokenStream {
    let name = format!("::{}", function.signature.ident);
    let given = handler.said.descriptor();
    let time_budget = handler.said.binding.as_ref().map(|_| {
        let bound = bound(handler);
        quote!(time_budget: #bound.time_budget,)
    });
    let in_doubt = in_doubt(handler);
    let descriptor = quote! {
        __orch::Descriptor {
            name: __orch::concat!(__orch::module_path!(), #name),
            file: __orch::file!(),
            line: __orch::line!(),
            #time_budget
            #in_doubt
            #given
            ..__orch::Descriptor::DEFAULTS
        }
    };
    match contract(handler) {
        None => descriptor,
        Some(contract) => quote!(#contract.describe(#descriptor)),
    }
}

/// What follows doubt where the handler names a provider and says nothing of it.
fn in_doubt(handler: &Handler<'_>) -> Option<TokenStream> {
    let (None, Some(contract)) = (&handler.said.in_doubt, contract(handler)) else { return None };
    let effect = match &handler.said.effect {
        Some(effect) => quote!(#effect),
        None => quote!(__orch::Descriptor::DEFAULTS.effect),
    };
    Some(quote!(in_doubt: #contract.in_doubt(#effect),))
}

/// The rules that need the contract of the provider. Where the attribute names neither provider
/// nor effect there are none.
fn rules(handler: &Handler<'_>) -> TokenStream {
    let provider = handler.said.provider.as_ref().map(Spanned::span);
    let effect = handler.said.effect.as_ref().map(|effect| effect.span);
    let carried = provider.zip(contract(handler)).map(|(place, contract)| {
        let carried = quote_spanned!(place=> #contract.carries(&__ORCH_DESCRIPTOR));
        quote!(const _: () = #carried;)
    });
    let taken = effect.or(provider).map(|place| {
        let any = || quote_spanned!(place=> __orch::contract::<__orch::AnyProvider>());
        let contract = contract(handler).unwrap_or_else(any);
        let arguments = argument_names(handler);
        let taken = quote_spanned! {place=>
            #contract.key_is_taken(&__ORCH_DESCRIPTOR, &[#(#arguments.has_key),*])
        };
        quote!(const _: () = #taken;)
    });
    quote!(#carried #taken)
}

/// The contract of the named provider, the same to the letter wherever it is asked for.
fn contract(handler: &Handler<'_>) -> Option<TokenStream> {
    let provider = handler.said.provider.as_ref()?;
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
    let bound = bound(handler);
    let arguments = argument_names(handler);
    let call = local("__orch_call");
    let attempt = quote_spanned!(output.span()=> #bound.attempt::<#result>);
    let called = quote_spanned! {ident.span()=>
        #ident(#bound.command(#call)? #(, (#arguments.take)(#call)?)*)
    };
    let (reconcile, reconcile_needs) = reconcile(handler).unzip();
    let (finalize, hook_needs) = finalize(handler).unzip();
    let needs = [reconcile_needs, hook_needs].into_iter().flatten();
    let command = types.command;
    let checks = quote_spanned!(command.span()=> __orch::checks::<#command>());
    quote! {
        __orch::Registration::new(
            __ORCH_DESCRIPTOR,
            |#call| #attempt(#called),
            || __orch::needs(&[#(#arguments.need),*], &[#(#needs),*]),
        )
        .checks(#checks)
        #reconcile
        #finalize
    }
}

/// The shim that asks the provider, and what asking needs.
fn reconcile(handler: &Handler<'_>) -> Option<(TokenStream, TokenStream)> {
    let path = handler.said.reconcile.as_ref()?;
    let (bound, call) = (bound(handler), local("__orch_call"));
    let reconcile = match contract(handler) {
        None => quote_spanned!(path.span()=> #bound.reconcile(#path)),
        Some(contract) => quote_spanned!(path.span()=> #contract.reconcile(&#bound, #path)),
    };
    Some((quote!(.reconcile(|#call| #reconcile.start(#call))), quote!(#reconcile.needs)))
}

/// The hook behind its types, and what running it needs.
fn finalize(handler: &Handler<'_>) -> Option<(TokenStream, TokenStream)> {
    let path = handler.said.finalize.as_ref()?;
    let bound = bound(handler);
    let hook = quote_spanned!(path.span()=> #bound.hook(#path));
    let (connection, outcome) = (local("__orch_connection"), local("__orch_outcome"));
    let of = local("__orch_of");
    let finalize = quote! {
        .finalize(__orch::HookFn {
            connection: || #hook.connection,
            run: |#connection, #outcome, #of| #hook.run(#connection, #outcome, #of),
        })
    };
    Some((finalize, quote!(#hook.needs)))
}

/// The binding of the command, the same to the letter wherever it is asked for.
fn bound(handler: &Handler<'_>) -> TokenStream {
    let command = handler.types.command;
    quote_spanned!(command.span()=> __orch::bound::<#command>())
}
