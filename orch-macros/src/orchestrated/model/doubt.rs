//! What follows an attempt in doubt.

use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::Path;

use super::limits::{Backoff, backoff, max_reconciles, reconcile_timeout};
use super::{Effect, written::choice};
use crate::errors::{Errors, Rule};
use crate::options::{Entry, Options};

/// What follows an attempt in doubt.
pub(in crate::orchestrated) enum InDoubt {
    /// A variant of core's `InDoubt`.
    Declared(Ident),
    /// The provider is asked.
    Reconcile(Asking),
}

/// How the provider is asked; `None` leaves the default to core.
pub(in crate::orchestrated) struct Asking {
    pub(in crate::orchestrated) path: Path,
    pub(in crate::orchestrated) timeout: Option<Duration>,
    pub(in crate::orchestrated) backoff: Option<Backoff>,
    pub(in crate::orchestrated) max: Option<u32>,
}

pub(super) fn in_doubt(
    effect: Option<&Effect>,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<InDoubt> {
    let asks = options.has("reconcile");
    let said = options.has("in_doubt");
    let reconcile = options.take("reconcile");
    let declared = options.take("in_doubt");
    if !asks {
        without_reconcile(options, errors);
    }
    if let (Some(_), Some(declared)) = (&reconcile, &declared) {
        contradiction(declared, errors);
        return None;
    }
    match effect {
        Some(effect) if effect.is_unsafe() && !asks && !said => unsafe_undeclared(effect, errors),
        _ => {}
    }
    match (reconcile, declared) {
        (Some(entry), _) => asking(entry, options, errors).map(InDoubt::Reconcile),
        (None, Some(entry)) => declaration(entry, effect, errors).map(InDoubt::Declared),
        (None, None) => None,
    }
}

fn asking(entry: Entry, options: &mut Options, errors: &mut Errors) -> Option<Asking> {
    let path = entry.path("reconcile = path::to::function", errors);
    let timeout = reconcile_timeout(options, errors);
    let backoff = backoff("reconcile_backoff", options, errors);
    let max = max_reconciles(options, errors);
    Some(Asking { path: path?, timeout, backoff, max })
}

fn declaration(entry: Entry, effect: Option<&Effect>, errors: &mut Errors) -> Option<Ident> {
    let text = choice(entry, &["retry", "park", "fail"], errors)?;
    let variant = match text.value().as_str() {
        "park" => "Park",
        "fail" => "Fail",
        _ => "Retry",
    };
    if variant == "Retry" && effect.is_some_and(Effect::is_unsafe) {
        errors.at(
            &text,
            &Rule {
                rule: "`in_doubt = \"retry\"` contradicts `effect = \"unsafe\"`",
                reason: "in doubt the call may have acted, and repeated it would act again",
                remedy: "give `reconcile = …` to ask the provider, or write `\"park\"` for a person, or `\"fail\"`",
            },
        );
    }
    Some(Ident::new(variant, Span::call_site()))
}

fn contradiction(declared: &Entry, errors: &mut Errors) {
    errors.at(
        &declared.key,
        &Rule {
            rule: "`in_doubt` contradicts `reconcile`",
            reason: "with `reconcile`, doubt is cleared by asking the provider, and never falls through to something else",
            remedy: "remove one of the two",
        },
    );
}

fn unsafe_undeclared(effect: &Effect, errors: &mut Errors) {
    errors.at(
        &effect.text,
        &Rule {
            rule: "`effect = \"unsafe\"` does not say what follows an attempt in doubt",
            reason: "nobody knows then whether the call has acted, and repeated it would act again",
            remedy: "add `reconcile = …` to ask the provider, or `in_doubt = \"park\"` for a person, or `in_doubt = \"fail\"`",
        },
    );
}

/// The limits of questions, where there are none.
fn without_reconcile(options: &mut Options, errors: &mut Errors) {
    for key in ["reconcile_timeout", "reconcile_backoff", "max_reconciles"] {
        let Some(entry) = options.take(key) else { continue };
        errors.at(
            &entry.key,
            &Rule {
                rule: &format!("`{key}` is given without `reconcile`"),
                reason: "it limits the questions to the provider, and this handler asks none",
                remedy: &format!("add `reconcile = …`, or remove `{key}`"),
            },
        );
    }
}
