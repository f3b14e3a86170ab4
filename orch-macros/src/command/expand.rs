use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Binding, Command, Member, Part};
use super::versions::Versioned;
use crate::shared::{local, scope, time_budget_const};

/// The implementation of `TypedCommand`, and that of `HandledCommand` if the command is bound here.
pub(super) fn command(command: &Command<'_>) -> TokenStream {
    let Command { krate, ident, idem_ignore, sets, .. } = command;
    let biz_key = key(&command.biz_key.parts);
    let form = form(command);
    let earlier = earlier(command);
    let (key, idem_key) = match command.idem_key {
        Some(member) => {
            let part = key_part(member);
            (quote!(KeyInCommand), quote!(__orch::Some(__orch::key(&[#part]))))
        }
        None => (quote!(KeyFromCaller), quote!(__orch::None)),
    };
    let unique = command.unique.then(|| {
        quote!(
            const UNIQUE: __orch::bool = true;
        )
    });
    let (version, follows) = command.versioned.as_ref().map(|it| versioned(command, it)).unzip();
    let binding = command.binding.as_ref().map(|binding| handled(command, binding));
    let items = quote! {
        #[automatically_derived]
        impl __orch::TypedCommand for #ident {
            const IDEM_IGNORE: &'static [&'static __orch::str] = &[#(#idem_ignore),*];
            const SETS: &'static [&'static __orch::str] = &[#(#sets),*];
            #form
            #unique
            #version
            type Key = __orch::#key;

            fn biz_key(&self) -> __orch::String {
                #biz_key
            }

            fn idem_key(&self) -> __orch::Option<__orch::String> {
                #idem_key
            }

            #earlier
        }

        #follows
        #binding
    };
    scope(krate, &items)
}

/// What `TypedCommand` says of a later version; and beside it the check that its upgrade takes an
/// earlier one.
fn versioned(
    command: &Command<'_>,
    Versioned { version, upgrade }: &Versioned,
) -> (TokenStream, TokenStream) {
    let ident = command.ident;
    let place = upgrade.span();
    let upgrade = quote_spanned!(place=> __orch::upgrade::<#ident, _, _, _>(#upgrade));
    let follows = quote_spanned!(place=> #upgrade.leads_to(#version));
    let (stored, reading) = (local("__orch_stored"), local("__orch_reading"));
    let members = quote! {
        const VERSION: __orch::u32 = #version;

        fn upgraded(
            #stored: &__orch::Payload,
            #reading: __orch::Reading,
        ) -> __orch::Result<Self, __orch::CannotRead> {
            #upgrade.read(#stored, #reading)
        }
    };
    (members, quote!(const _: () = #follows;))
}

/// The constant that other releases are compared by: what a request is found again by.
fn form(command: &Command<'_>) -> TokenStream {
    let number = command.form.number;
    let idem_key = match command.idem_key {
        Some(Member { ident, .. }) => format!("idem_key {{{}}}", ident.unraw()),
        None => "the caller's idem_key".to_owned(),
    };
    let keys = format!("biz_key = {:?} and {idem_key}", command.biz_key.written);
    quote! {
        const FORM: __orch::Option<__orch::IdentityForm> =
            __orch::Some(__orch::IdentityForm { number: #number, keys: #keys });
    }
}

fn earlier(command: &Command<'_>) -> Option<TokenStream> {
    let earlier: Vec<TokenStream> = command.form.earlier.iter().map(|parts| key(parts)).collect();
    (!earlier.is_empty()).then(|| {
        quote! {
            fn earlier_biz_keys(&self) -> __orch::Vec<__orch::String> {
                __orch::Vec::from([#(#earlier),*])
            }
        }
    })
}

fn key(parts: &[Part<'_>]) -> TokenStream {
    let parts = parts.iter().map(|part| match part {
        Part::Text(text) => quote!(&#text),
        Part::Field(member) => key_part(*member),
    });
    quote!(__orch::key(&[#(#parts),*]))
}

/// A field as text, with its type as the place of a missing `Display`.
fn key_part(Member { ident, ty }: Member<'_>) -> TokenStream {
    quote_spanned!(ty.span()=> __orch::key_part::<#ty>(&self.#ident))
}

fn handled(command: &Command<'_>, binding: &Binding) -> TokenStream {
    let ident = command.ident;
    let Binding { domain, event, output, time_budget } = binding;
    let time_budget = time_budget_const(*time_budget);
    quote! {
        #[automatically_derived]
        impl __orch::HandledCommand for #ident {
            const DOMAIN: &'static __orch::str = #domain;
            const EVENT: &'static __orch::str = #event;
            #time_budget
            type Output = #output;
        }
    }
}
