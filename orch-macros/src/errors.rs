use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use strsim::jaro_winkler;

/// Everything that is wrong with one input. Collected, so that the user sees all mistakes at once.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

/// What a message says: what holds, why it does, and what to write instead.
pub(crate) struct Rule<'a> {
    pub(crate) rule: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) remedy: &'a str,
}

impl Rule<'_> {
    /// Points at these tokens.
    pub(crate) fn at(&self, tokens: impl ToTokens, errors: &mut Errors) {
        errors.push(syn::Error::new_spanned(tokens, self.text()));
    }

    /// Points at this place.
    pub(crate) fn at_span(&self, span: Span, errors: &mut Errors) {
        errors.push(syn::Error::new(span, self.text()));
    }

    fn text(&self) -> String {
        format!("{}\nnote: {}\nhelp: {}", self.rule, self.reason, self.remedy)
    }
}

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<syn::Error> {
        self.0
    }
}

/// The expansion, with one `compile_error!` per mistake behind it.
pub(crate) fn finish((tokens, errors): (TokenStream, Vec<syn::Error>)) -> TokenStream {
    errors.iter().map(syn::Error::to_compile_error).fold(tokens, |mut all, error| {
        all.extend(error);
        all
    })
}

/// The known word that was probably meant.
pub(crate) fn did_you_mean<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|word| (jaro_winkler(written, word), *word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

/// `` `a`, `b` and `c` ``
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} and `{last}`", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word() {
        let known = ["domain", "event", "max_attempts", "attempt_timeout"];
        assert_eq!(did_you_mean("domian", &known), Some("domain"));
        assert_eq!(did_you_mean("max_attempt", &known), Some("max_attempts"));
        assert_eq!(did_you_mean("timeout", &known), None);
        assert_eq!(did_you_mean("priority", &known), None);
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(listed(&[]), "none");
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
