//! Rules that more than one macro has.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Generics, LitStr, Path};

use crate::errors::{Errors, Rule};
use crate::options::{Given, Options};
use crate::values::{self, Millis};

/// The path of the crate `orch`, unless `crate = path` gives another.
pub(crate) fn krate(given: Option<Path>) -> Path {
    given.unwrap_or_else(|| syn::parse_quote!(::orch))
}

/// One scope for what is generated. `__orch` is the private door of the crate there.
pub(crate) fn scope(krate: &Path, items: &TokenStream) -> TokenStream {
    quote! {
        #[allow(deprecated)]
        const _: () = {
            use #krate::__private as __orch;
            #items
        };
    }
}

/// A local of generated code: one place and one hygiene, wherever it is used.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// A domain or event type.
pub(crate) fn name(given: &mut Given<'_>) -> Option<LitStr> {
    let text = given.text()?;
    let Err(wrong) = values::name(&text.value()) else { return Some(text) };
    let key = &given.entry.key;
    let remedy = match values::corrected(&text.value()) {
        Some(corrected) => format!("write `{key} = \"{corrected}\"`"),
        None => format!("write `{}`", given.example),
    };
    Rule {
        rule: &format!("`{key}` is not a legal name: {wrong}"),
        reason: "names stand in columns, logs and metrics, so they are capital words joined by dots, at most 50 characters",
        remedy: &remedy,
    }
    .at(text, given.errors);
    None
}

/// A number with a unit in quotes.
pub(crate) fn duration(given: &mut Given<'_>) -> Option<(LitStr, Millis)> {
    let text = given.text()?;
    match Millis::read(&text.value()) {
        Ok(duration) => Some((text, duration)),
        Err(wrong) => {
            Rule {
                rule: &format!("`{}` is not a duration: {wrong}", given.entry.key),
                reason: "a duration is a whole number with one of the units `ms`, `s`, `m`, `h`, `d` and `y`",
                remedy: &format!("write `{}`", given.example),
            }
            .at(text, given.errors);
            None
        }
    }
}

/// The longest time budget: a year. A test of the facade holds it to that of core.
const MAX_TIME_BUDGET: Millis = Millis(365 * 24 * 60 * 60 * 1000);

/// From 1 ms to a year.
pub(crate) fn time_budget(given: &mut Given<'_>) -> Option<Millis> {
    let (text, budget) = duration(given)?;
    let (rule, reason) = if budget == Millis(0) {
        ("`time_budget` is zero".to_owned(), "every operation would be over when it is accepted")
    } else if budget > MAX_TIME_BUDGET {
        (
            format!("`time_budget` of {budget} is longer than a year"),
            "whoever waits for the operation, or for its end to be noticed, would wait as long",
        )
    } else {
        return Some(budget);
    };
    let remedy =
        format!("write one from `1ms` to `{MAX_TIME_BUDGET}`, such as `{}`", given.example);
    Rule { rule: &rule, reason, remedy: &remedy }.at(text, given.errors);
    None
}

/// What `HandledCommand` says of it, if that is not the default.
pub(crate) fn time_budget_const(given: Option<Millis>) -> Option<TokenStream> {
    given.map(|budget| quote!(const TIME_BUDGET: __orch::Duration = #budget;))
}

/// Domain and event type must be there.
pub(crate) fn require_names(options: &Options, errors: &mut Errors) {
    for (key, example) in [("domain", "PAYMENT"), ("event", "CHARGE")] {
        options.require(
            key,
            &Rule {
                rule: &format!("`{key}` is missing"),
                reason: "domain and event type say which operations are meant, in every process and for years",
                remedy: &format!("add `{key} = \"{example}\"`"),
            },
            errors,
        );
    }
}

/// Refuses type parameters and lifetimes. True if there are none.
pub(crate) fn no_generics(generics: &Generics, rule: &Rule<'_>, errors: &mut Errors) -> bool {
    if generics.params.is_empty() {
        return true;
    }
    rule.at(generics, errors);
    false
}
