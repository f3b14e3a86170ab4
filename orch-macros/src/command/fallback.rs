use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path};

use crate::shared::scope;

/// An empty command, so that a handler that takes it adds no further errors. The build
/// has failed already; nothing here ever runs.
pub(super) fn command(krate: &Path, ident: &Ident) -> TokenStream {
    let items = quote! {
        impl __orch::TypedCommand for #ident {
            const IDEM_IGNORE: &'static [&'static __orch::str] = &[];
            const SETS: &'static [&'static __orch::str] = &[];
            type Key = __orch::KeyInCommand;
            fn biz_key(&self) -> __orch::String {
                __orch::key(&[])
            }
            fn idem_key(&self) -> __orch::Option<__orch::String> {
                __orch::None
            }
        }
    };
    scope(krate, &items)
}
