//! The keys of a command: the template of its biz key, and those of earlier forms of its identity.

use syn::{Expr, ExprArray, ExprLit, Ident, Lit, LitInt, LitStr};

use super::model::{Member, OnStruct, Part};
use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::{Entry, Given, Options, Value};
use crate::values::{self, Piece};

/// The biz key, as it was written and in its parts.
pub(super) struct BizKey<'a> {
    pub(super) written: String,
    pub(super) parts: Vec<Part<'a>>,
}

/// Which form of the identity this is, and the biz keys of earlier ones.
pub(super) struct Form<'a> {
    pub(super) number: u32,
    pub(super) earlier: Vec<Vec<Part<'a>>>,
}

impl Form<'_> {
    /// That of a command that says nothing.
    const FIRST: Self = Self { number: 1, earlier: Vec::new() };
}

pub(super) fn biz_key<'a>(
    entry: Option<Entry>,
    options: &Options,
    members: &[Member<'a>],
    errors: &mut Errors,
) -> Option<BizKey<'a>> {
    let example = format!("biz_key = {}", example(members));
    options.require(
        "biz_key",
        &Rule {
            rule: "this command has no `biz_key`",
            reason: "the biz key names the entity acted on; it is part of the operation's identity, and people search by it",
            remedy: &format!("add `#[command({example})]`"),
        },
        errors,
    );
    let text = Given { entry: &entry?, example: &example, errors }.text()?;
    let parts = template("biz_key", &text, members, errors)?;
    Some(BizKey { written: text.value(), parts })
}

/// What `identity` and `earlier` say.
pub(super) fn form<'a>(
    said: &mut OnStruct,
    options: &Options,
    members: &[Member<'a>],
    errors: &mut Errors,
) -> Form<'a> {
    let (identity, earlier) = (said.identity.take(), said.earlier.take());
    let Some(text) = identity else {
        if let (Some(entry), false) = (earlier, options.has("identity")) {
            Rule {
                rule: "`earlier` is given without `identity`",
                reason: "an earlier biz key belongs to an earlier form of the identity, and a command that says none is in its first",
                remedy: "add `identity = 2`",
            }
            .at(entry.key, errors);
        }
        return Form::FIRST;
    };
    let Some(number) = number(&text, errors) else { return Form::FIRST };
    if number > 1 && said.unique.is_some() {
        Rule {
            rule: "`unique` does not go together with a later `identity`",
            reason: "an operation that holds the biz key in its earlier form would not keep another one from being accepted",
            remedy: "keep the biz key as it was, or remove `unique`",
        }
        .at(&text, errors);
    }
    match earlier {
        None if number > 1 && !options.has("earlier") => {
            without_earlier(&text, number, members, errors)
        }
        Some(entry) if number == 1 => {
            Rule {
                rule: "`earlier` names what came before form 1 of the identity",
                reason: "form 1 is the first: what was accepted before it is not to be found",
                remedy: "write `identity = 2`, or remove `earlier`",
            }
            .at(entry.key, errors);
        }
        Some(entry) => return Form { number, earlier: templates(&entry, number, members, errors) },
        None => {}
    }
    Form { number, earlier: Vec::new() }
}

fn number(text: &LitInt, errors: &mut Errors) -> Option<u32> {
    match text.base10_parse::<u32>() {
        Ok(number) if number > 0 && i32::try_from(number).is_ok() => return Some(number),
        _ => Rule {
            rule: "`identity` is no whole number from 1",
            reason: "the forms of an identity are counted: 2 comes after 1",
            remedy: "write `identity = 2`, or the next after the one that is in use",
        }
        .at(text, errors),
    }
    None
}

fn without_earlier(text: &LitInt, number: u32, members: &[Member<'_>], errors: &mut Errors) {
    let example = example(members);
    Rule {
        rule: &format!("form {number} of the identity has no `earlier`"),
        reason: "a request that was accepted in an earlier form, and comes again, would not be found: it would act a second time",
        remedy: &format!(
            "add the biz key that it had, `earlier = {example}`; once none of those operations is kept any more, `earlier = none`"
        ),
    }
    .at(text, errors);
}

/// The templates of `earlier = "…"`, `earlier = ["…", "…"]` or `earlier = none`.
fn templates<'a>(
    entry: &Entry,
    number: u32,
    members: &[Member<'a>],
    errors: &mut Errors,
) -> Vec<Vec<Part<'a>>> {
    let texts = match &entry.value {
        Value::Text(text) => vec![text.clone()],
        value if value.path().is_some_and(|path| path.is_ident("none")) => Vec::new(),
        Value::Other(tokens) => match syn::parse2::<ExprArray>(tokens.clone()) {
            Ok(array) => match array.elems.iter().map(text_of).collect() {
                Some(texts) => texts,
                None => return no_templates(entry, members, errors),
            },
            Err(_) => return no_templates(entry, members, errors),
        },
        _ => return no_templates(entry, members, errors),
    };
    if u32::try_from(texts.len()).is_ok_and(|count| count >= number) {
        Rule {
            rule: &format!("form {number} of the identity has at most {} before it", number - 1),
            reason: "each of them has one biz key",
            remedy: "raise `identity`, or remove a biz key",
        }
        .at(&entry.key, errors);
        return Vec::new();
    }
    texts.iter().filter_map(|text| template("earlier", text, members, errors)).collect()
}

fn text_of(expr: &Expr) -> Option<LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

fn no_templates<'a>(
    entry: &Entry,
    members: &[Member<'_>],
    errors: &mut Errors,
) -> Vec<Vec<Part<'a>>> {
    let example = example(members);
    Rule {
        rule: "`earlier` takes the biz keys of earlier forms",
        reason: "an operation that was accepted under one of them is found by it",
        remedy: &format!("write `earlier = {example}`, for several `earlier = [{example}, …]`, or `earlier = none`"),
    }
    .at(&entry.key, errors);
    Vec::new()
}

fn template<'a>(
    option: &str,
    text: &LitStr,
    members: &[Member<'a>],
    errors: &mut Errors,
) -> Option<Vec<Part<'a>>> {
    match values::template(&text.value()) {
        Ok(pieces) => parts(option, text, pieces, members, errors),
        Err(wrong) => {
            Rule {
                rule: &format!("`{option}` is not a template: {wrong}"),
                reason: "a template is text and `{field}`, and nothing else",
                remedy: &format!("write it as in `{option} = {}`", example(members)),
            }
            .at(text, errors);
            None
        }
    }
}

/// A template of the first field.
fn example(members: &[Member<'_>]) -> String {
    let field = members.first().map_or("id".to_owned(), |member| member.ident.to_string());
    format!("\"ORDER-{{{field}}}\"")
}

fn parts<'a>(
    option: &str,
    text: &LitStr,
    pieces: Vec<Piece>,
    members: &[Member<'a>],
    errors: &mut Errors,
) -> Option<Vec<Part<'a>>> {
    let before = errors.count();
    let mut parts = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => parts.push(Part::Text(text)),
            Piece::Field(name) => match members.iter().find(|member| names(member.ident, &name)) {
                Some(member) => parts.push(Part::Field(*member)),
                None => no_such_field(text, &name, members, errors),
            },
        }
    }
    if errors.count() > before {
        return None;
    }
    if !parts.iter().any(|part| matches!(part, Part::Field(_))) {
        Rule {
            rule: &format!("this `{option}` names no field"),
            reason: "every operation would act on the same entity, as far as orch can tell",
            remedy: &format!(
                "put the entity's id into it, as in `{option} = {}`",
                example(members)
            ),
        }
        .at(text, errors);
        return None;
    }
    Some(parts)
}

/// `type` names the field `r#type`.
fn names(ident: &Ident, name: &str) -> bool {
    ident == name || ident.to_string().strip_prefix("r#") == Some(name)
}

fn no_such_field(text: &LitStr, name: &str, members: &[Member<'_>], errors: &mut Errors) {
    let known: Vec<String> = members.iter().map(|member| member.ident.to_string()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let remedy = match did_you_mean(name, &known) {
        Some(meant) => format!("did you mean `{{{meant}}}`?"),
        None => format!("the fields are {}", listed(&known)),
    };
    Rule {
        rule: &format!("`{{{name}}}` is not a field of this command"),
        reason: "the biz key is made of the command's own fields",
        remedy: &remedy,
    }
    .at(text, errors);
}
