use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Signature, Visibility};

use crate::errors::{Errors, Rule};

/// The user's function. The signature is read, the body is carried as it is: mistakes in it
/// stay rustc's, and half-typed code completes.
pub(super) struct Function {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) signature: Signature,
    body: TokenStream,
}

/// Reads the item. Anything but a function is refused, and left as it is.
pub(super) fn function(item: &TokenStream, errors: &mut Errors) -> Option<Function> {
    match read.parse2(item.clone()) {
        Ok(function) => Some(function),
        Err(_) => {
            let head = (|input: ParseStream<'_>| {
                Attribute::parse_outer(input)?;
                input.parse::<Visibility>()?;
                input.parse::<TokenStream>()
            })
            .parse2(item.clone());
            let first = head.ok().and_then(|tokens| tokens.into_iter().next());
            Rule {
                rule: "`#[orchestrated]` goes on an `async fn`",
                reason: "it makes a function that calls a provider safe to run again; nothing else can be run",
                remedy: "write `async fn name(cmd: YourCommand, ctx: Context) -> Result<T, E>`",
            }
            .at(first, errors);
            None
        }
    }
}

fn read(input: ParseStream<'_>) -> syn::Result<Function> {
    Ok(Function {
        attributes: Attribute::parse_outer(input)?,
        visibility: input.parse()?,
        signature: input.parse()?,
        body: input.parse()?,
    })
}

impl Function {
    /// True for another `#[orchestrated]`, which would have to be expanded on its own.
    pub(super) fn is_orchestrated(attribute: &Attribute) -> bool {
        attribute.path().segments.last().is_some_and(|last| last.ident == "orchestrated")
    }

    /// The attributes that decide whether the function is there at all.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(self.attributes.iter().filter(|a| !Self::is_orchestrated(a)));
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
