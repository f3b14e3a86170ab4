//! `#[derive(Outcome)]`.

mod expand;
mod fallback;
mod model;
mod parse;

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// The implementation that says how an attempt ends with this error.
pub(crate) fn expand(item: TokenStream) -> (TokenStream, Vec<syn::Error>) {
    let input = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return (TokenStream::new(), vec![error]),
    };
    let mut errors = Errors::default();
    let Some(raw) = parse::outcome(&input, &mut errors) else {
        return (TokenStream::new(), errors.into_vec());
    };
    let outcome = model::Outcome::new(raw, &mut errors);
    let tokens =
        if errors.is_empty() { expand::outcome(&outcome) } else { fallback::outcome(&outcome) };
    (tokens, errors.into_vec())
}

#[cfg(test)]
mod tests;
