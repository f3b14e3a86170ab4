//! What follows an attempt in doubt.

use proc_macro2::Ident;
use syn::spanned::Spanned;

use super::Choice;
use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::orchestrated::options::Said;

/// Holds `in_doubt`, `reconcile` and `effect` together; a `reconcile` decides what follows doubt.
pub(super) fn decide(said: &mut Said, options: &Options, errors: &mut Errors) {
    if let (Some(_), Some(declared)) = (options.key("reconcile"), options.key("in_doubt")) {
        contradiction(declared, errors);
    }
    if !options.has("reconcile") {
        without_reconcile(options, errors);
        not_repeated_if_unsafe(said, options, errors);
    }
    if let Some(path) = &said.reconcile {
        said.in_doubt = Some(Choice::reconcile(path.span()));
    }
}

fn contradiction(declared: &Ident, errors: &mut Errors) {
    Rule {
        rule: "`in_doubt` contradicts `reconcile`",
        reason: "with `reconcile`, doubt is cleared by asking the provider, and never falls through to something else",
        remedy: "remove one of the two",
    }
    .at(declared, errors);
}

/// The limits of questions, where there are none.
fn without_reconcile(options: &Options, errors: &mut Errors) {
    for name in ["reconcile_timeout", "reconcile_backoff", "max_reconciles"] {
        let Some(key) = options.key(name) else { continue };
        Rule {
            rule: &format!("`{key}` is given without `reconcile`"),
            reason: "it limits the questions to the provider, and this handler asks none",
            remedy: &format!("add `reconcile = …`, or remove `{key}`"),
        }
        .at(key, errors);
    }
}

fn not_repeated_if_unsafe(said: &Said, options: &Options, errors: &mut Errors) {
    let Some(effect) = said.effect.as_ref().filter(|effect| effect.word == "unsafe") else {
        return;
    };
    if !options.has("in_doubt") {
        Rule {
            rule: "`effect = \"unsafe\"` does not say what follows an attempt in doubt",
            reason: "the provider may have acted: repeating the call would act twice",
            remedy: "add `reconcile = …` to ask the provider, or `in_doubt = \"park\"` to leave it to an operator, or `in_doubt = \"fail\"`",
        }
        .at_span(effect.span, errors);
    }
    if let Some(declared) = said.in_doubt.as_ref().filter(|declared| declared.word == "retry") {
        Rule {
            rule: "`in_doubt = \"retry\"` contradicts `effect = \"unsafe\"`",
            reason: "in doubt the call may have acted, and repeated it would act again",
            remedy: "give `reconcile = …` to ask the provider, or write `\"park\"` to leave it to an operator, or `\"fail\"`",
        }
        .at_span(declared.span, errors);
    }
}
