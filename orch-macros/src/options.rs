use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Path, Token, Type, parenthesized,
};

use crate::errors::{Errors, Rule, did_you_mean, listed};

/// The options that take a type, which cannot be read as an expression.
const TYPED: [&str; 2] = ["output", "provider"];

/// One option as it was written: `word`, `key = value` or `key(…)`.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What stands behind a key.
pub(crate) enum Value {
    /// Nothing.
    Word,
    /// `= "text"`
    Text(LitStr),
    /// `= 3`
    Number(LitInt),
    /// `= some::path`
    Path(Path),
    /// `= Type`
    Type(Box<Type>),
    /// `(…)`
    List(Vec<Entry>),
    /// `=` and something else.
    Other(TokenStream),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            let list = Punctuated::<Self, Token![,]>::parse_terminated(&content)?;
            return Ok(Self { key, value: Value::List(list.into_iter().collect()) });
        }
        if !input.peek(Token![=]) {
            return Ok(Self { key, value: Value::Word });
        }
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Self { key, value: Value::Other(quote::quote!(#equals)) });
        }
        if TYPED.contains(&key.to_string().as_str()) && !input.peek(Lit) {
            return Ok(Self { key, value: Value::Type(input.parse()?) });
        }
        let value = match ungrouped(input.parse()?) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Value::Text(text),
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Value::Number(number),
            Expr::Path(ExprPath { qself: None, path, .. }) => Value::Path(path),
            other => Value::Other(quote::quote!(#other)),
        };
        Ok(Self { key, value })
    }
}

/// The expression itself, where a `macro_rules!` has passed it on as a fragment.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

/// The options of one attribute.
pub(crate) struct Options {
    entries: Vec<Entry>,
    /// Options that are wrong in a way that has been reported: that they are missing is no
    /// mistake of its own.
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
                    errors.at(
                        attribute,
                        &Rule {
                            rule: &format!("`#[{name}]` says nothing"),
                            reason: "its options stand in parentheses",
                            remedy: &format!("write `#[{name}(…)]`"),
                        },
                    );
                }
            }
        }
        all
    }

    fn of(entries: Vec<Entry>, span: Span) -> Self {
        Self { entries, excused: Vec::new(), cut_off: false, span }
    }

    /// Refuses what is unknown, and what is written twice.
    pub(crate) fn only(mut self, known: &[&str], errors: &mut Errors) -> Self {
        let mut seen: Vec<String> = Vec::new();
        let excused = &mut self.excused;
        self.entries.retain(|entry| {
            let key = entry.key.to_string();
            if !known.contains(&key.as_str()) {
                excused.extend(unknown(entry, &key, known, errors));
                return false;
            }
            if seen.contains(&key) {
                errors.at(
                    &entry.key,
                    &Rule {
                        rule: &format!("`{key}` is given twice"),
                        reason: "each option has one value, and none of the two may win silently",
                        remedy: &format!("remove one `{key}`"),
                    },
                );
                return false;
            }
            seen.push(key);
            true
        });
        self
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.excused.iter().any(|excused| excused == key)
            || self.entries.iter().any(|entry| entry.key == key)
    }

    /// Says that an option is missing, unless that follows from another mistake.
    pub(crate) fn missing(&self, key: &str, rule: &Rule<'_>, errors: &mut Errors) {
        if !self.cut_off && !self.excused.iter().any(|excused| excused == key) {
            errors.at_span(self.span, rule);
        }
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }
}

/// Refuses an option, and returns the one that was probably meant.
fn unknown(entry: &Entry, key: &str, known: &[&str], errors: &mut Errors) -> Option<String> {
    let meant = did_you_mean(key, known);
    let remedy = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the options are {}", listed(known)),
    };
    errors.at(
        &entry.key,
        &Rule {
            rule: &format!("`{key}` is not an option here"),
            reason: "an option that orch does not know would be ignored, and you would count on it",
            remedy: &remedy,
        },
    );
    meant.map(str::to_owned)
}

impl Entry {
    /// The text of `key = "text"`.
    pub(crate) fn text(self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        match self.value {
            Value::Text(text) => Some(text),
            _ => self.wrong("a text in quotes", example, errors),
        }
    }

    /// The number of `key = 3`.
    pub(crate) fn number(self, example: &str, errors: &mut Errors) -> Option<LitInt> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => self.wrong("a whole number", example, errors),
        }
    }

    /// The path of `key = some::path`.
    pub(crate) fn path(self, example: &str, errors: &mut Errors) -> Option<Path> {
        match self.value {
            Value::Path(path) => Some(path),
            _ => self.wrong("a path, without quotes", example, errors),
        }
    }

    /// The type of `key = Type`.
    pub(crate) fn ty(self, example: &str, errors: &mut Errors) -> Option<Type> {
        match self.value {
            Value::Type(ty) => Some(*ty),
            _ => self.wrong("a type, without quotes", example, errors),
        }
    }

    /// The options of `key(…)`.
    pub(crate) fn list(self, example: &str, errors: &mut Errors) -> Option<Options> {
        match self.value {
            Value::List(entries) => Some(Options::of(entries, self.key.span())),
            _ => self.wrong("a list in parentheses", example, errors),
        }
    }

    /// Nothing behind the key.
    pub(crate) fn word(self, errors: &mut Errors) -> Option<Ident> {
        match self.value {
            Value::Word => Some(self.key),
            _ => {
                let example = self.key.to_string();
                self.wrong("no value", &example, errors)
            }
        }
    }

    fn wrong<T>(self, expected: &str, example: &str, errors: &mut Errors) -> Option<T> {
        let rule = format!("`{}` takes {expected}", self.key);
        let rule = Rule {
            rule: &rule,
            reason: "options are decided when the macro expands, so their form is fixed",
            remedy: &format!("write `{example}`"),
        };
        match self.value {
            Value::Text(text) => errors.at(text, &rule),
            Value::Number(number) => errors.at(number, &rule),
            Value::Path(path) => errors.at(path, &rule),
            Value::Type(ty) => errors.at(ty, &rule),
            Value::Other(tokens) => errors.at(tokens, &rule),
            Value::List(_) | Value::Word => errors.at_span(self.key.span(), &rule),
        }
        None
    }
}
