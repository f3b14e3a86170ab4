//! The version of a command, and the upgrade from the one before.

use syn::{Attribute, Ident, LitInt, Path};

use super::model::OnStruct;
use super::parse::Field;
use crate::errors::{Errors, Rule};
use crate::options::{Options, Value};

/// The key under which a payload carries its version. A test of the facade holds it to that of core.
const VERSION_KEY: &str = "$version";

/// A version from 2 on, and what leads to it.
pub(super) struct Versioned {
    pub(super) version: u32,
    pub(super) upgrade: Path,
}

/// Both options, or none. Version 1 is what a command has that says nothing.
pub(super) fn versioned(
    said: &mut OnStruct,
    options: &Options,
    ident: &Ident,
    errors: &mut Errors,
) -> Option<Versioned> {
    let upgrade = said.upgrade.take();
    let Some(text) = said.version.take() else {
        if let (Some(key), false) = (options.key("upgrade"), options.has("version")) {
            Rule {
                rule: "`upgrade` is given without `version`",
                reason: "an upgrade leads to a later version, and a command that says none is of version 1",
                remedy: "add `version = 2`",
            }
            .at(key, errors);
        }
        return None;
    };
    let version = number(&text, errors)?;
    match (version, upgrade) {
        (1, None) => None,
        (1, Some(upgrade)) => {
            Rule {
                rule: "`upgrade` leads to version 1",
                reason: "version 1 is the first: there is none before it to upgrade from",
                remedy: "write `version = 2`, or remove `upgrade`",
            }
            .at(upgrade, errors);
            None
        }
        (version, Some(upgrade)) => {
            Some(Versioned { version, upgrade: of_the_struct(upgrade, ident) })
        }
        (version, None) => {
            if !options.has("upgrade") {
                let function = format!("fn name(before: Before) -> {ident}");
                Rule {
                    rule: &format!("version {version} has no `upgrade`"),
                    reason: "what an earlier version has stored is still under way, and could not be read",
                    remedy: &format!("keep the earlier type, and add `upgrade = name` with `{function}`"),
                }
                .at(&text, errors);
            }
            None
        }
    }
}

fn number(text: &LitInt, errors: &mut Errors) -> Option<u32> {
    let (rule, reason) = match text.base10_parse::<u32>() {
        Ok(0) => (
            "`version` is 0",
            "what is stored without a version is of version 1, so they begin there",
        ),
        Ok(version) => return Some(version),
        Err(_) => {
            ("`version` is no whole number of 32 bits", "versions are counted: 2 comes after 1")
        }
    };
    Rule { rule, reason, remedy: "write `version = 2`, or the next after the one that is in use" }
        .at(text, errors);
    None
}

/// The function is named outside of an `impl` as well, where `Self` means nothing.
fn of_the_struct(mut path: Path, ident: &Ident) -> Path {
    let longer = path.segments.len() > 1;
    if let Some(first) = path.segments.first_mut().filter(|first| longer && first.ident == "Self") {
        let span = first.ident.span();
        first.ident = ident.clone();
        first.ident.set_span(span);
    }
    path
}

/// Refuses a field that JSON has under the name of the version.
pub(super) fn no_field_of_that_name(
    on_struct: &[Attribute],
    fields: &[Field<'_>],
    errors: &mut Errors,
) {
    let named = |attributes, options| said_by_serde(attributes, options).into_iter();
    let tags = named(on_struct, &["tag"]);
    for name in tags.chain(fields.iter().flat_map(|field| named(field.attributes, &["rename"]))) {
        if name.value() == VERSION_KEY {
            Rule {
                rule: &format!("a field cannot be called `{VERSION_KEY}` in the JSON"),
                reason: "orch keeps the version of the command under that name",
                remedy: "give it another name: `#[serde(rename = \"…\")]`",
            }
            .at(name, errors);
        }
    }
}

/// The texts of these options in `#[serde(…)]`, also of `rename(serialize = "…")`.
fn said_by_serde(attributes: &[Attribute], names: &[&str]) -> Vec<syn::LitStr> {
    let (nowhere, mut ignored) = (proc_macro2::Span::call_site(), Errors::default());
    let options = Options::of_attributes("serde", attributes, nowhere, &mut ignored);
    let mut texts = Vec::new();
    for entry in names.iter().filter_map(|name| options.get(name)) {
        match &entry.value {
            Value::Text(text) => texts.push(text.clone()),
            Value::List(entries) => {
                texts.extend(entries.iter().filter_map(|entry| match &entry.value {
                    Value::Text(text) if entry.key == "serialize" => Some(text.clone()),
                    _ => None,
                }))
            }
            _ => {}
        }
    }
    texts
}
