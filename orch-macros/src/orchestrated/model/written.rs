//! Words and durations as they stand in quotes.

use std::time::Duration;

use syn::LitStr;

use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::Entry;
use crate::values;

/// One of a few words in quotes.
pub(super) fn choice(entry: Entry, known: &[&str], errors: &mut Errors) -> Option<LitStr> {
    let key = entry.key.to_string();
    let text = entry.text(&format!("{key} = \"{}\"", known[0]), errors)?;
    let chosen = text.value();
    if known.contains(&chosen.as_str()) {
        return Some(text);
    }
    let remedy = match did_you_mean(&chosen, known) {
        Some(meant) => format!("did you mean `{key} = \"{meant}\"`?"),
        None => format!("write `{key} = \"{}\"`", known[0]),
    };
    errors.at(
        text,
        &Rule {
            rule: &format!("`{chosen}` is not a value of `{key}`"),
            reason: &format!("its values are {}", listed(known)),
            remedy: &remedy,
        },
    );
    None
}

/// A number with a unit in quotes.
pub(super) fn duration(
    entry: Entry,
    example: &str,
    errors: &mut Errors,
) -> Option<(LitStr, Duration)> {
    let key = entry.key.to_string();
    let text = entry.text(&format!("{key} = \"{example}\""), errors)?;
    match values::duration(&text.value()) {
        Ok(duration) => Some((text, duration)),
        Err(wrong) => {
            errors.at(
                text,
                &Rule {
                    rule: &format!("`{key}` is not a duration: {wrong}"),
                    reason: "a duration is a whole number with one of the units `ms`, `s`, `m` and `h`",
                    remedy: &format!("write `{key} = \"{example}\"`"),
                },
            );
            None
        }
    }
}
