//! Options as users write them, and the tables that say which ones there are.

mod entry;
mod table;

use proc_macro2::{Ident, Span, TokenStream};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Token};

pub(crate) use self::entry::{Entry, Given, Value};
pub(crate) use self::table::{Table, name_of, options};
use crate::errors::{Errors, Rule, did_you_mean, listed};

/// The options of one attribute.
pub(crate) struct Options {
    entries: Vec<Entry>,
    /// Options that are wrong in a way that has been reported: that they are missing is no
    /// separate mistake.
    excused: Vec<String>,
    /// True if the list could not be read to its end, so that anything may be missing.
    cut_off: bool,
    /// Where to say that an option is missing.
    span: Span,
}

impl Options {
    /// Reads `key = value, …`. A slip in the syntax is one error, and the options before it
    /// are lost.
    pub(crate) fn parse(tokens: TokenStream, span: Span, errors: &mut Errors) -> Self {
        let mut options = Self::of(Vec::new(), span);
        match Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(entries) => options.entries = entries.into_iter().collect(),
            Err(error) => {
                options.cut_off = true;
                errors.push(syn::Error::new(
                    error.span(),
                    format!(
                        "options are written `key = value`, separated by commas\nnote: {error}\n\
                         help: see the reference page of the macro for every option"
                    ),
                ));
            }
        }
        options
    }

    /// The options of every attribute of this name, `#[name(…)]`.
    pub(crate) fn of_attributes(
        name: &str,
        attributes: &[Attribute],
        span: Span,
        errors: &mut Errors,
    ) -> Self {
        let mut all = Self::of(Vec::new(), span);
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
            match attribute.meta.require_list() {
                Ok(list) => {
                    let options = Self::parse(list.tokens.clone(), span, errors);
                    all.entries.extend(options.entries);
                    all.cut_off |= options.cut_off;
                }
                Err(_) => {
                    all.cut_off = true;
                    Rule {
                        rule: &format!("`#[{name}]` says nothing"),
                        reason: "its options stand in parentheses",
                        remedy: &format!("write `#[{name}(…)]`"),
                    }
                    .at(attribute, errors);
                }
            }
        }
        all
    }

    fn of(entries: Vec<Entry>, span: Span) -> Self {
        Self { entries, excused: Vec::new(), cut_off: false, span }
    }

    /// Takes the values of a table, and refuses everything else.
    pub(crate) fn read<T: Table>(&mut self, errors: &mut Errors) -> T {
        self.only::<T>(errors);
        T::read(self, errors)
    }

    /// Refuses what is not in the table, and what is written twice.
    pub(crate) fn only<T: Table>(&mut self, errors: &mut Errors) {
        let mut seen: Vec<String> = Vec::new();
        let excused = &mut self.excused;
        self.entries.retain(|Entry { key, .. }| {
            let name = key.to_string();
            if !T::NAMES.contains(&name.as_str()) {
                excused.extend(unknown(key, T::NAMES, errors));
                return false;
            }
            if seen.contains(&name) {
                Rule {
                    rule: &format!("`{name}` is given twice"),
                    reason: "each option has one value, and none of the two may win silently",
                    remedy: &format!("remove one `{name}`"),
                }
                .at(key, errors);
                return false;
            }
            seen.push(name);
            true
        });
    }

    /// An option as it was written.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Where an option was written.
    pub(crate) fn key(&self, name: &str) -> Option<&Ident> {
        self.get(name).map(|entry| &entry.key)
    }

    /// True for an option that was written, also if it was misspelt.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.excused.iter().any(|excused| excused == name) || self.key(name).is_some()
    }

    /// Says that an option is missing, unless it is there or that follows from another mistake.
    pub(crate) fn require(&self, name: &str, rule: &Rule<'_>, errors: &mut Errors) {
        if !self.cut_off && !self.has(name) {
            rule.at_span(self.span, errors);
        }
    }

    /// Takes an option away that does not belong here.
    pub(crate) fn take(&mut self, name: &str) -> Option<Ident> {
        let at = self.entries.iter().position(|entry| entry.key == name)?;
        Some(self.entries.remove(at).key)
    }
}

/// Refuses an option, and returns the one that was probably meant.
fn unknown(key: &Ident, known: &[&str], errors: &mut Errors) -> Option<String> {
    let meant = did_you_mean(&key.to_string(), known);
    let remedy = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the options are {}", listed(known)),
    };
    Rule {
        rule: &format!("`{key}` is not an option here"),
        reason: "an option that orch does not know would be ignored, and you would count on it",
        remedy: &remedy,
    }
    .at(key, errors);
    meant.map(str::to_owned)
}
