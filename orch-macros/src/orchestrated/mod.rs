//! `#[orchestrated]`.

mod expand;
mod fallback;
mod model;
mod options;
mod parse;
mod signature;

use proc_macro2::{Span, TokenStream};

use crate::errors::Errors;
use crate::options::Options;

/// The function as it was, and what orch adds to it.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> (TokenStream, Vec<syn::Error>) {
    let mut errors = Errors::default();
    let options = Options::parse(args, Span::call_site(), &mut errors);
    let Some(function) = parse::function(&item, &mut errors) else {
        return (item, errors.into_vec());
    };
    let tokens = match model::Handler::new(options, &function, &mut errors) {
        Ok(handler) => expand::handler(&function, &handler),
        Err(fragment) => fallback::handler(&function, &fragment),
    };
    (tokens, errors.into_vec())
}

#[cfg(test)]
mod tests;
