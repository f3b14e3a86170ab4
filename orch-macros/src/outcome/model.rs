use proc_macro2::{Ident, Span};
use syn::{Field, Fields, LitStr, Member, Path};

use super::parse::{ErrorType, Shape};
use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::{Entry, Options, Value};
use crate::shared::krate;
use crate::values;

const ENDINGS: [&str; 4] = ["retry", "fail", "in_doubt", "from"];
const OPTIONS: [&str; 8] =
    ["retry", "fail", "in_doubt", "from", "after", "code", "uncertain", "clears_doubt"];

/// An error type whose every value says how the attempt ends.
pub(super) struct Outcome<'a> {
    pub(super) krate: Path,
    pub(super) ident: &'a Ident,
    /// `None` stands for a struct.
    pub(super) arms: Vec<(Option<&'a Ident>, Ending)>,
}

/// How it ends.
pub(super) enum Ending {
    Retry {
        after: Option<After>,
    },
    Fail {
        code: LitStr,
        certainty: Certainty,
    },
    InDoubt,
    /// As this function says of the error in this field.
    From {
        function: Path,
        member: Member,
    },
}

/// What a failure says about whether the provider has acted.
#[derive(Clone, Copy)]
pub(super) enum Certainty {
    /// It may have.
    Uncertain,
    /// Not by the call that was refused; nothing of earlier ones.
    OfThisCall,
    /// Neither by this call nor by an earlier one.
    ClearsDoubt,
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
    let (after, code) = (options.take("after"), options.take("code"));
    let (uncertain, clears) = (options.take("uncertain"), options.take("clears_doubt"));
    let key = first.key.clone();
    match key.to_string().as_str() {
        "retry" => {
            first.word(errors)?;
            let strays = [code, uncertain, clears].into_iter().flatten();
            strays.for_each(|entry| stray(&entry, "fail", errors));
            match after {
                Some(entry) => {
                    Some(Ending::Retry { after: Some(member(entry, what, fields, errors)?) })
                }
                None => Some(Ending::Retry { after: None }),
            }
        }
        "fail" => {
            first.word(errors)?;
            after.into_iter().for_each(|entry| stray(&entry, "retry", errors));
            let certainty = certainty(uncertain, clears, errors);
            Some(Ending::Fail { code: checked_code(code, &key, errors)?, certainty: certainty? })
        }
        other => {
            after.into_iter().for_each(|entry| stray(&entry, "retry", errors));
            let strays = [code, uncertain, clears].into_iter().flatten();
            strays.for_each(|entry| stray(&entry, "fail", errors));
            if other == "in_doubt" {
                first.word(errors).map(|_| Ending::InDoubt)
            } else {
                let function = first.path("from = function", errors)?;
                let member = source(&key, what, fields, errors)?;
                Some(Ending::From { function, member })
            }
        }
    }
}

fn unmarked(options: &Options, what: &str, errors: &mut Errors) {
    options.missing(
        "retry",
        &Rule {
            rule: &format!("{what} does not say how the attempt ends"),
            reason: "after an error orch must know whether the provider certainly did nothing, said no, or may have acted",
            remedy: "add `#[outcome(retry)]`, `#[outcome(fail, code = \"…\")]` or `#[outcome(in_doubt)]`; or `#[outcome(from = function)]`, where a function knows of the error underneath",
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

fn certainty(
    uncertain: Option<Entry>,
    clears: Option<Entry>,
    errors: &mut Errors,
) -> Option<Certainty> {
    if let (Some(_), Some(clears)) = (&uncertain, &clears) {
        errors.at(
            &clears.key,
            &Rule {
                rule: "`clears_doubt` contradicts `uncertain`",
                reason: "the one says that no call with this key has acted, the other that this very call may have",
                remedy: "keep one of the two, or make two variants",
            },
        );
        return None;
    }
    match (uncertain, clears) {
        (Some(entry), _) => entry.word(errors).map(|_| Certainty::Uncertain),
        (None, Some(entry)) => entry.word(errors).map(|_| Certainty::ClearsDoubt),
        (None, None) => Some(Certainty::OfThisCall),
    }
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

/// The field with the error underneath: the one marked `#[source]` or `#[from]`, the only one, or
/// the one named `source`.
fn source(from: &Ident, what: &str, fields: &Fields, errors: &mut Errors) -> Option<Member> {
    let marked = |field: &Field| {
        field.attrs.iter().any(|a| a.path().is_ident("source") || a.path().is_ident("from"))
    };
    let all = || fields.members().zip(fields.iter());
    let sources: Vec<Member> = match fields.len() {
        1 => fields.members().collect(),
        _ if fields.iter().any(marked) => {
            all().filter(|(_, field)| marked(field)).map(|(member, _)| member).collect()
        }
        _ => fields.members().filter(|member| shown(member) == "source").collect(),
    };
    if let [source] = &sources[..] {
        return Some(source.clone());
    }
    let (rule, remedy) = match fields.len() {
        0 => (
            format!("{what} holds no error that `from` could ask about"),
            "add the field: `Name(#[from] ItsError)`; or say `retry`, `fail` or `in_doubt` here",
        ),
        several => (
            format!("{what} has {several} fields, and one of them has to be the error underneath"),
            "mark that one field `#[source]` or `#[from]`",
        ),
    };
    let reason =
        "`from` names a function that gets the error underneath and says how the attempt ends";
    errors.at(from, &Rule { rule: &rule, reason, remedy });
    None
}

fn shown(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
