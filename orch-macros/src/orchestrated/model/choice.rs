use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use crate::errors::{Rule, did_you_mean, listed};
use crate::options::Given;

/// A word in quotes that names a variant of an enum of core.
pub(crate) struct Choice {
    of: &'static str,
    pub(super) word: &'static str,
    /// Where it was written.
    pub(crate) span: Span,
}

impl Choice {
    pub(crate) fn effect(given: &mut Given<'_>) -> Option<Self> {
        let (word, span) = one_of(&["keyed", "read", "idempotent", "unsafe"], given)?;
        Some(Self { of: "Effect", word, span })
    }

    pub(crate) fn in_doubt(given: &mut Given<'_>) -> Option<Self> {
        let (word, span) = one_of(&["retry", "park", "fail"], given)?;
        Some(Self { of: "InDoubt", word, span })
    }

    /// What follows an attempt in doubt where there is a `reconcile`.
    pub(super) fn reconcile(span: Span) -> Self {
        Self { of: "InDoubt", word: "reconcile", span }
    }
}

impl ToTokens for Choice {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let of = Ident::new(self.of, Span::call_site());
        let (first, rest) = self.word.split_at(1);
        let variant = Ident::new(&(first.to_uppercase() + rest), Span::call_site());
        tokens.extend(quote!(__orch::#of::#variant));
    }
}

/// The command's derive implements `HandledCommand`, perhaps in another crate; the handler must agree.
pub(crate) struct BoundByCommand;

impl BoundByCommand {
    pub(crate) fn read(given: &mut Given<'_>) -> Option<Self> {
        one_of(&["command"], given).map(|_| Self)
    }
}

fn one_of(words: &[&'static str], given: &mut Given<'_>) -> Option<(&'static str, Span)> {
    let text = given.text()?;
    let written = text.value();
    if let Some(word) = words.iter().find(|word| **word == written) {
        return Some((word, text.span()));
    }
    let key = &given.entry.key;
    let remedy = match did_you_mean(&written, words) {
        Some(meant) => format!("did you mean `{key} = \"{meant}\"`?"),
        None => format!("write `{}`", given.example),
    };
    Rule {
        rule: &format!("`{written}` is not a value of `{key}`"),
        reason: &format!("its values are {}", listed(words)),
        remedy: &remedy,
    }
    .at(text, given.errors);
    None
}
