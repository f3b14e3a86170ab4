use proc_macro2::{Ident, Span};
use syn::{Field, Fields, LitStr, Member, Path};

use super::parse::{ErrorType, Shape};
use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::{Entry, Given, Options, Table, Value, options};
use crate::shared::krate;
use crate::values;

options! {
    /// What `#[outcome(…)]` says. Of the first seven, each error has one.
    Said {
        [retry]                    retry: Ident,           Given::word;
        [fail]                     fail: Ident,            Given::word;
        [in_doubt]                 in_doubt: Ident,        Given::word;
        [still_running]            still_running: Ident,   Given::word;
        [already_done]             already_done: Ident,    Given::word;
        [submitted]                submitted: Ident,       Given::word;
        [from = function]          from: Path,             Given::path;
        [after = field]            after: Entry,           Given::entry;
        [reference = field]        reference: Entry,       Given::entry;
        [account = field]          account: Entry,         Given::entry;
        [code = "CARD_DECLINED"]   code: LitStr,           code;
        [uncertain]                uncertain: Ident,       Given::word;
        [clears_doubt]             clears_doubt: Ident,    Given::word;
    }
}

options! {
    /// What `#[outcome(…)]` says on a type, besides the ending of a struct.
    OnType {
        [crate = path::to::orch]   krate: Path,   Given::path;
    }
}

const ENDINGS: [&str; 7] =
    ["retry", "fail", "in_doubt", "still_running", "already_done", "submitted", "from"];

/// An error type whose every value says how the attempt ends.
pub(super) struct Outcome<'a> {
    pub(super) krate: Path,
    pub(super) ident: &'a Ident,
    /// `None` means a struct.
    pub(super) arms: Vec<(Option<&'a Ident>, Ending)>,
}

/// How it ends.
pub(super) enum Ending {
    /// After the time in this field, which was named there.
    Retry {
        after: Option<Named>,
    },
    Fail {
        code: LitStr,
        certainty: Certainty,
    },
    InDoubt,
    /// The same of an answer that the provider is at work.
    StillRunning {
        after: Option<Named>,
    },
    AlreadyDone,
    /// With what these fields say.
    Submitted {
        reference: Option<Named>,
        account: Option<Named>,
        after: Option<Named>,
    },
    /// As this function says of the error in this field.
    From {
        function: Path,
        member: Member,
    },
}

/// A field, and where it was named.
pub(super) type Named = (Member, Span);

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

impl<'a> Outcome<'a> {
    /// Applies every rule; what breaks one is left out.
    pub(super) fn new(raw: ErrorType<'a>, errors: &mut Errors) -> Self {
        let mut options = raw.options;
        let krate = krate(OnType::read(&options, errors).krate);
        let arms = match raw.shape {
            Shape::Struct(fields) => {
                options.take("crate");
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
    let Some(key) = Said::NAMES.iter().find_map(|name| options.take(name)) else {
        return options.only::<OnType>(errors);
    };
    // The rest of the same attribute is part of the same mistake.
    Rule {
        rule: &format!("`{key}` belongs on a variant, not on the enum"),
        reason: "each way to go wrong has its own ending, and a default would be a guess",
        remedy: "write `#[outcome(…)]` above every variant",
    }
    .at(&key, errors);
}

/// How a value of this variant, or of this struct, ends the attempt.
fn ending(
    mut options: Options,
    what: &str,
    fields: &Fields,
    errors: &mut Errors,
) -> Option<Ending> {
    let before = errors.count();
    options.only::<Said>(errors);
    let mut endings = ENDINGS.into_iter().filter_map(|name| options.key(name).cloned());
    let Some(ending) = endings.next() else {
        // A word that was refused may have been meant to be an ending.
        if errors.count() == before {
            unmarked(&options, what, errors);
        }
        return None;
    };
    if let Some(second) = endings.next() {
        contradiction(&ending, &second, errors);
        return None;
    }
    strays(&ending, &mut options, errors);
    let said = Said::read(&options, errors);
    let mut named = |option, entry: &Option<Entry>| match entry {
        Some(entry) => member(option, entry, what, fields, errors).map(Some),
        None => Some(None),
    };
    let after = named(&AFTER, &said.after);
    let reference = named(&REFERENCE, &said.reference);
    let account = named(&ACCOUNT, &said.account);
    let (after, reference, account) = (after?, reference?, account?);
    match said {
        Said { retry: Some(_), .. } => Some(Ending::Retry { after }),
        Said { still_running: Some(_), .. } => Some(Ending::StillRunning { after }),
        Said { already_done: Some(_), .. } => Some(Ending::AlreadyDone),
        Said { submitted: Some(_), account: Some(entry), .. } if reference.is_none() => {
            account_without_reference(&entry, errors);
            None
        }
        Said { submitted: Some(_), .. } => Some(Ending::Submitted { reference, account, after }),
        Said { fail: Some(fail), code, uncertain, clears_doubt, .. } => {
            let certainty = certainty(uncertain, clears_doubt, errors);
            if !options.has("code") {
                without_code(&fail, errors);
            }
            Some(Ending::Fail { code: code?, certainty })
        }
        Said { in_doubt: Some(_), .. } => Some(Ending::InDoubt),
        Said { from: Some(function), .. } => {
            Some(Ending::From { function, member: source(&ending, what, fields, errors)? })
        }
        _ => None,
    }
}

fn unmarked(options: &Options, what: &str, errors: &mut Errors) {
    options.require(
        "retry",
        &Rule {
            rule: &format!("{what} does not say how the attempt ends"),
            reason: "after an error orch must know whether the provider certainly did nothing, said no, or may have acted",
            remedy: "add `#[outcome(retry)]`, `#[outcome(fail, code = \"…\")]` or `#[outcome(in_doubt)]`; or `#[outcome(from = function)]`, where a function knows of the error underneath",
        },
        errors,
    );
}

fn contradiction(first: &Ident, second: &Ident, errors: &mut Errors) {
    Rule {
        rule: &format!("`{second}` contradicts `{first}`"),
        reason: "an attempt ends in one way",
        remedy: "keep one of the two, or make two variants",
    }
    .at(second, errors);
}

/// Refuses what belongs to another ending, whatever its value.
fn strays(ending: &Ident, options: &mut Options, errors: &mut Errors) {
    let owners: [(&str, &[&str]); 6] = [
        ("after", &["retry", "still_running", "submitted"]),
        ("reference", &["submitted"]),
        ("account", &["submitted"]),
        ("code", &["fail"]),
        ("uncertain", &["fail"]),
        ("clears_doubt", &["fail"]),
    ];
    let others = owners.into_iter().filter(|(_, owners)| !owners.iter().any(|it| ending == it));
    for (name, owners) in others {
        let Some(stray) = options.take(name) else { continue };
        let quoted: Vec<String> = owners.iter().map(|it| format!("`{it}`")).collect();
        let owners = match &quoted[..] {
            [first @ .., second, last] => {
                [first, &[format!("{second} or {last}")]].concat().join(", ")
            }
            _ => quoted.concat(),
        };
        Rule {
            rule: &format!("`{stray}` belongs to {owners}"),
            reason: "it has no meaning for this ending, so orch would ignore it",
            remedy: &format!("remove it, or write {owners}"),
        }
        .at(&stray, errors);
    }
}

fn certainty(uncertain: Option<Ident>, clears: Option<Ident>, errors: &mut Errors) -> Certainty {
    match (uncertain, clears) {
        (None, None) => Certainty::OfThisCall,
        (None, Some(_)) => Certainty::ClearsDoubt,
        (Some(_), None) => Certainty::Uncertain,
        (Some(_), Some(clears)) => {
            Rule {
                rule: "`clears_doubt` contradicts `uncertain`",
                reason: "the one says that no call with this key has acted, the other that this very call may have",
                remedy: "keep one of the two, or make two variants",
            }
            .at(clears, errors);
            Certainty::Uncertain
        }
    }
}

fn without_code(fail: &Ident, errors: &mut Errors) {
    Rule {
        rule: "`fail` has no `code`",
        reason: "programs tell failures apart by their code; texts change",
        remedy: "write `#[outcome(fail, code = \"CARD_DECLINED\")]`",
    }
    .at(fail, errors);
}

fn code(given: &mut Given<'_>) -> Option<LitStr> {
    let text = given.text()?;
    let Err(wrong) = values::code(&text.value()) else { return Some(text) };
    Rule {
        rule: &format!("`code` is not a legal code: {wrong}"),
        reason: "codes are stored and compared, so they are one capital word of at most 50 characters",
        remedy: &format!("write it as in `{}`", given.example),
    }
    .at(text, given.errors);
    None
}

fn account_without_reference(account: &Entry, errors: &mut Errors) {
    Rule {
        rule: "`account` has no `reference`",
        reason: "a message finds its operation by the provider's reference within an account",
        remedy: "add `reference = field`, the field with the provider's id of the call; or remove `account`",
    }
    .at(&account.key, errors);
}

/// An option that names a field.
struct NamesField {
    name: &'static str,
    /// What the field says.
    says: &'static str,
    /// What to do where there is no field at all.
    remedy: &'static str,
}

const AFTER: NamesField = NamesField {
    name: "after",
    says: "how long the provider wants to be left alone",
    remedy: "add a field of type `std::time::Duration`",
};
const REFERENCE: NamesField = NamesField {
    name: "reference",
    says: "what the provider calls the call, as its messages will",
    remedy: "add a field of type `String`; or leave `reference` out, and let messages carry the operation's id",
};
const ACCOUNT: NamesField = NamesField {
    name: "account",
    says: "at which of your accounts the provider has accepted the call",
    remedy: "add a field of type `String`; or leave `account` out",
};

/// The field that an option names: by its name, or by its number in a tuple.
fn member(
    option: &NamesField,
    entry: &Entry,
    what: &str,
    fields: &Fields,
    errors: &mut Errors,
) -> Option<Named> {
    let &NamesField { name: key, says, remedy } = option;
    let members: Vec<String> = fields.members().map(|member| shown(&member)).collect();
    let named = match &entry.value {
        Value::Number(number) => Some((number.to_string(), number.span())),
        value => {
            let ident = value.path().and_then(Path::get_ident);
            ident.map(|ident| (ident.to_string(), ident.span()))
        }
    };
    let Some((name, span)) = named else {
        let example = members.first().map_or("field", String::as_str);
        return Given { entry, example: &format!("{key} = {example}"), errors }.path().and(None);
    };
    let found = fields.members().find(|member| shown(member) == name);
    if found.is_none() {
        let known: Vec<&str> = members.iter().map(String::as_str).collect();
        let remedy = match did_you_mean(&name, &known) {
            Some(meant) => format!("did you mean `{key} = {meant}`?"),
            None if known.is_empty() => remedy.to_owned(),
            None => format!("the fields are {}", listed(&known)),
        };
        Rule {
            rule: &format!("{what} has no field `{name}`"),
            reason: &format!("`{key}` names the field that says {says}"),
            remedy: &remedy,
        }
        .at_span(span, errors);
    }
    Some((found?, span))
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
    Rule { rule: &rule, reason, remedy }.at(from, errors);
    None
}

fn shown(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
