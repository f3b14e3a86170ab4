//! `#[derive(Command)]`.

mod expand;
mod fallback;
mod keys;
mod model;
mod parse;
mod versions;

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// The implementations that make a struct a command.
pub(crate) fn expand(item: TokenStream) -> (TokenStream, Vec<syn::Error>) {
    let input = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return (TokenStream::new(), vec![error]),
    };
    let mut errors = Errors::default();
    let Some(raw) = parse::command(&input, &mut errors) else {
        return (TokenStream::new(), errors.into_vec());
    };
    let tokens = match model::Command::new(raw, &mut errors) {
        Ok(command) => expand::command(&command),
        Err(krate) => fallback::command(&krate, &input.ident),
    };
    (tokens, errors.into_vec())
}

#[cfg(test)]
mod tests;
