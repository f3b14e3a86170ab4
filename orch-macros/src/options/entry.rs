use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, LitInt, LitStr, Path, Token, Type, TypePath, parenthesized};

use super::{Options, Table};
use crate::errors::{Errors, Rule};

/// One option as it was written: `word`, `key = value` or `key(…)`.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What follows a key.
#[derive(Clone)]
pub(crate) enum Value {
    /// Nothing.
    Word,
    /// `= "text"`
    Text(LitStr),
    /// `= 3`
    Number(LitInt),
    /// `= Type` or `= some::path`, which look the same.
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
        let value = if input.peek(Token![=]) { value(input)? } else { Value::Word };
        Ok(Self { key, value })
    }
}

/// `= …` up to the next comma.
fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    let ends = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
    let equals: Token![=] = input.parse()?;
    if ends(input) {
        return Ok(Value::Other(quote!(#equals)));
    }
    // A type first: as an expression, `Vec<u8>` is a comparison that breaks off.
    let ahead = input.fork();
    if ahead.parse::<Type>().is_ok() && ends(&ahead) {
        return input.parse().map(Value::Type);
    }
    Ok(match ungrouped(input.parse()?) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Value::Text(text),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Value::Number(number),
        other => Value::Other(quote!(#other)),
    })
}

/// The expression itself, where a `macro_rules!` has passed it on as a fragment.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

/// An option where its value is read.
pub(crate) struct Given<'a> {
    pub(crate) entry: &'a Entry,
    /// How it may be written, for messages.
    pub(crate) example: &'a str,
    pub(crate) errors: &'a mut Errors,
}

impl Given<'_> {
    /// The text of `key = "text"`.
    pub(crate) fn text(&mut self) -> Option<LitStr> {
        match &self.entry.value {
            Value::Text(text) => Some(text.clone()),
            _ => self.wrong("a text in quotes"),
        }
    }

    /// The number of `key = 3`.
    pub(crate) fn number(&mut self) -> Option<LitInt> {
        match &self.entry.value {
            Value::Number(number) => Some(number.clone()),
            _ => self.wrong("a whole number"),
        }
    }

    /// The path of `key = some::path`.
    pub(crate) fn path(&mut self) -> Option<Path> {
        match self.entry.value.path() {
            Some(path) => Some(path.clone()),
            None => self.wrong("a path, without quotes"),
        }
    }

    /// The type of `key = Type`.
    pub(crate) fn ty(&mut self) -> Option<Type> {
        match &self.entry.value {
            Value::Type(ty) => Some((**ty).clone()),
            _ => self.wrong("a type, without quotes"),
        }
    }

    /// The values of `key(…)`.
    pub(crate) fn list<T: Table>(&mut self) -> Option<T> {
        match &self.entry.value {
            Value::List(entries) => {
                let mut options = Options::of(entries.clone(), self.entry.key.span());
                Some(options.read(self.errors))
            }
            _ => self.wrong("a list in parentheses"),
        }
    }

    /// Nothing behind the key.
    pub(crate) fn word(&mut self) -> Option<Ident> {
        match &self.entry.value {
            Value::Word => Some(self.entry.key.clone()),
            _ => self.wrong("no value"),
        }
    }

    /// The entry itself, where its rule needs more than the value.
    pub(crate) fn entry(&mut self) -> Option<Entry> {
        Some(self.entry.clone())
    }

    fn wrong<T>(&mut self, expected: &str) -> Option<T> {
        let Entry { key, value } = self.entry;
        let rule = Rule {
            rule: &format!("`{key}` takes {expected}"),
            reason: "options are decided when the macro expands, so their form is fixed",
            remedy: &format!("write `{}`", self.example),
        };
        match value {
            Value::Text(text) => rule.at(text, self.errors),
            Value::Number(number) => rule.at(number, self.errors),
            Value::Type(ty) => rule.at(ty, self.errors),
            Value::Other(tokens) => rule.at(tokens, self.errors),
            Value::List(_) | Value::Word => rule.at(key, self.errors),
        }
        None
    }
}

impl Value {
    /// The path, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        let Self::Type(ty) = self else { return None };
        let mut ty = &**ty;
        // Where a `macro_rules!` has passed it on as a fragment.
        while let Type::Group(group) = ty {
            ty = &group.elem;
        }
        match ty {
            Type::Path(TypePath { qself: None, path, .. }) => Some(path),
            _ => None,
        }
    }
}
