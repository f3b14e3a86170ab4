use proc_macro2::{Ident, Span};
use syn::{Fields, LitStr, Member, Path};

use super::parse::{ErrorType, Shape};
use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::{Entry, Options, Value};
use crate::shared::krate;
use crate::values;

const ENDINGS: [&str; 3] = ["retry", "fail", "in_doubt"];
const OPTIONS: [&str; 6] = ["retry", "fail", "in_doubt", "after", "code", "uncertain"];

/// An error type whose every value says how the attempt ends.
pub(super) struct Outcome<'a> {
    pub(super) krate: Path,
    pub(super) ident: &'a Ident,
    /// `None` stands for a struct.
    pub(super) arms: Vec<(Option<&'a Ident>, Ending)>,
}

/// How it ends.
pub(super) enum Ending {
    Retry { after: Option<After> },
    Fail { code: LitStr, uncertain: bool },
    InDoubt,
}

/// The field that says how long to wait, and where it was named.
pub(super) struct After {
    pub(super) member: Member,
    pub(super) span: Span,
}

impl<'a> Outcome<'a> {
    /// Applies every rule; what breaks one is left out.
    pub(super) fn new(raw: ErrorType<'a>, errors: &mut Errors) -> Self {
        let mut options = raw.options;
        let krate = krate(&mut options, errors);
        let arms = match raw.shape {
            Shape::Struct(fields) => {
                let ending = ending(options, "this error", fields, errors);
                ending.map(|ending| (None, ending)).into_iter().collect()
            }
            Shape::Enum(variants) => {
                not_on_the_enum(options, errors);
                let mut arms = Vec::new();
                for variant in variants {
                    let name = format!("`{}`", variant.ident);
                    let ending = ending(variant.options, &name, variant.fields, errors);
                    arms.extend(ending.map(|ending| (Some(variant.ident), ending)));
                }
                arms
            }
        };
        Self { krate, ident: raw.ident, arms }
    }
}

fn not_on_the_enum(mut options: Options, errors: &mut Errors) {
    for key in OPTIONS {
        let Some(entry) = options.take(key) else { continue };
        errors.at(
            &entry.key,
            &Rule {
                rule: &format!("`{key}` stands on a variant, not on the enum"),
                reason: "each way to go wrong has its own ending, and a default would be a guess",
                remedy: "write `#[outcome(…)]` above every variant",
            },
        );
        // The rest of the same attribute is part of the same mistake.
        return;
    }
    options.only(&["crate"], errors);
}

/// How a value of this variant, or of this struct, ends the attempt.
fn ending(options: Options, what: &str, fields: &Fields, errors: &mut Errors) -> Option<Ending> {
    let before = errors.count();
    let mut options = options.only(&OPTIONS, errors);
    let mut endings = ENDINGS.into_iter().filter_map(|key| options.take(key)).collect::<Vec<_>>();
    if endings.is_empty() && errors.count() > before {
        // A word that was meant to be an ending has been refused.
        return None;
    }
    let Some(first) = (!endings.is_empty()).then(|| endings.remove(0)) else {
        unmarked(&options, what, errors);
        return None;
    };
    if let Some(second) = endings.first() {
        contradiction(&first.key, second, errors);
        return None;
    }
    let word = first.word(errors)?;
    let (after, code) = (options.take("after"), options.take("code"));
    let uncertain = options.take("uncertain");
    match word.to_string().as_str() {
        "retry" => {
            [code, uncertain].into_iter().flatten().for_each(|e| stray(&e, "fail", errors));
            match after {
                Some(entry) => {
                    Some(Ending::Retry { after: Some(member(entry, what, fields, errors)?) })
                }
                None => Some(Ending::Retry { after: None }),
            }
        }
        "fail" => {
            after.into_iter().for_each(|entry| stray(&entry, "retry", errors));
            let uncertain = uncertain.map(|entry| entry.word(errors)).is_some();
            Some(Ending::Fail { code: checked_code(code, &word, errors)?, uncertain })
        }
        _ => {
            after.into_iter().for_each(|entry| stray(&entry, "retry", errors));
            [code, uncertain].into_iter().flatten().for_each(|e| stray(&e, "fail", errors));
            Some(Ending::InDoubt)
        }
    }
}

fn unmarked(options: &Options, what: &str, errors: &mut Errors) {
    options.missing(
        "retry",
        &Rule {
            rule: &format!("{what} does not say how the attempt ends"),
            reason: "after an error orch must know whether the provider certainly did nothing, said no, or may have acted",
            remedy: "add `#[outcome(retry)]`, `#[outcome(fail, code = \"…\")]` or `#[outcome(in_doubt)]`",
        },
        errors,
    );
}

fn contradiction(first: &Ident, second: &Entry, errors: &mut Errors) {
    errors.at(
        &second.key,
        &Rule {
            rule: &format!("`{}` contradicts `{first}`", second.key),
            reason: "an attempt ends in one way",
            remedy: "keep one of the two, or make two variants",
        },
    );
}

fn stray(entry: &Entry, owner: &str, errors: &mut Errors) {
    errors.at(
        &entry.key,
        &Rule {
            rule: &format!("`{}` belongs to `{owner}`", entry.key),
            reason: "it has no meaning for this ending, so orch would ignore it",
            remedy: &format!("remove it, or write `{owner}`"),
        },
    );
}

fn checked_code(code: Option<Entry>, fail: &Ident, errors: &mut Errors) -> Option<LitStr> {
    let example = "code = \"CARD_DECLINED\"";
    let Some(entry) = code else {
        errors.at(
            fail,
            &Rule {
                rule: "`fail` has no `code`",
                reason: "programs tell failures apart by their code; texts change",
                remedy: &format!("write `#[outcome(fail, {example})]`"),
            },
        );
        return None;
    };
    let text = entry.text(example, errors)?;
    match values::code(&text.value()) {
        Ok(()) => Some(text),
        Err(wrong) => {
            errors.at(
                text,
                &Rule {
                    rule: &format!("`code` is not a legal code: {wrong}"),
                    reason: "codes are stored and compared, so they are one capital word of at most 50 characters",
                    remedy: &format!("write it as in `{example}`"),
                },
            );
            None
        }
    }
}

/// The field that `after` names: by its name, or by its number in a tuple.
fn member(entry: Entry, what: &str, fields: &Fields, errors: &mut Errors) -> Option<After> {
    let members: Vec<String> = fields.members().map(|member| shown(&member)).collect();
    let named = match &entry.value {
        Value::Path(path) => path.get_ident().map(|ident| (ident.to_string(), ident.span())),
        Value::Number(number) => Some((number.to_string(), number.span())),
        _ => None,
    };
    let Some((name, span)) = named else {
        let example = members.first().map_or("wait", String::as_str);
        return entry.path(&format!("after = {example}"), errors).and(None);
    };
    let found = fields.members().find(|member| shown(member) == name);
    if found.is_none() {
        let known: Vec<&str> = members.iter().map(String::as_str).collect();
        let remedy = match did_you_mean(&name, &known) {
            Some(meant) => format!("did you mean `after = {meant}`?"),
            None if known.is_empty() => "add a field of type `std::time::Duration`".to_owned(),
            None => format!("the fields are {}", listed(&known)),
        };
        errors.at_span(
            span,
            &Rule {
                rule: &format!("{what} has no field `{name}`"),
                reason: "`after` names the field that says how long the provider wants to be left alone",
                remedy: &remedy,
            },
        );
    }
    Some(After { member: found?, span })
}

fn shown(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
