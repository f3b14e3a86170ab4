//! Rules that more than one macro has.

use syn::{Generics, LitStr, Path};

use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::values;

/// The path of the crate `orch`, as `crate = path` gives it.
pub(crate) fn krate(options: &mut Options, errors: &mut Errors) -> Path {
    options
        .take("crate")
        .and_then(|entry| entry.path("crate = path::to::orch", errors))
        .unwrap_or_else(|| syn::parse_quote!(::orch))
}

/// A domain or event type, which must be there.
pub(crate) fn name(
    key: &str,
    example: &str,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<LitStr> {
    let Some(entry) = options.take(key) else {
        options.missing(
            key,
            &Rule {
                rule: &format!("`{key}` is missing"),
                reason: "domain and event type say which operations are meant, in every process and for years",
                remedy: &format!("add `{key} = \"{example}\"`"),
            },
            errors,
        );
        return None;
    };
    let text = entry.text(&format!("{key} = \"{example}\""), errors)?;
    let Err(wrong) = values::name(&text.value()) else { return Some(text) };
    let example = values::corrected(&text.value()).unwrap_or_else(|| example.to_owned());
    errors.at(
        &text,
        &Rule {
            rule: &format!("`{key}` is not a legal name: {wrong}"),
            reason: "names stand in columns, logs and metrics, so they are capital words joined by dots, at most 50 characters",
            remedy: &format!("write `{key} = \"{example}\"`"),
        },
    );
    None
}

/// Refuses type parameters and lifetimes. True if there are none.
pub(crate) fn no_generics(generics: &Generics, rule: &Rule<'_>, errors: &mut Errors) -> bool {
    if generics.params.is_empty() {
        return true;
    }
    errors.at(generics, rule);
    false
}
