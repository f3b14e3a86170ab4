use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::{LitStr, Path};

use super::parse::Function;
use super::signature::{Types, types};
use crate::errors::{Errors, Rule, did_you_mean, listed};
use crate::options::{Entry, Options};
use crate::shared::{krate, name};
use crate::values;

const OPTIONS: [&str; 10] = [
    "domain",
    "event",
    "attempt_timeout",
    "max_attempts",
    "backoff",
    "in_doubt",
    "reconcile",
    "finalize",
    "binding",
    "crate",
];
/// The default time budget of core. A test of the facade holds the two together.
const TIME_BUDGET: Duration = Duration::from_secs(300);
/// The longest cap of a backoff.
const MAX_CAP: Duration = Duration::from_secs(24 * 60 * 60);

/// A handler that has passed every rule that can be decided without types.
pub(super) struct Handler<'a> {
    pub(super) krate: Path,
    pub(super) domain: LitStr,
    pub(super) event: LitStr,
    /// `None`, here and below, leaves the default to core.
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
    pub(super) backoff: Option<Backoff>,
    pub(super) in_doubt: Option<InDoubt>,
    pub(super) finalize: Option<Path>,
    pub(super) binding: Binding,
    pub(super) types: Types<'a>,
}

/// First and longest delay.
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) cap: Duration,
}

/// What follows an attempt in doubt.
pub(super) enum InDoubt {
    /// A variant of core's `InDoubt`.
    Declared(Ident),
    /// The function that asks the provider.
    Reconcile(Path),
}

/// Who implements `Handled`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// This handler.
    Handler,
    /// The command's derive, perhaps in another crate; the handler must agree.
    Command,
}

/// What is left of a handler with mistakes.
pub(super) struct Fragment<'a> {
    pub(super) krate: Path,
    pub(super) binding: Binding,
    /// There if the signature is without mistakes.
    pub(super) types: Option<Types<'a>>,
}

impl<'a> Handler<'a> {
    /// Applies every rule.
    pub(super) fn new(
        options: Options,
        function: &'a Function,
        errors: &mut Errors,
    ) -> Result<Self, Fragment<'a>> {
        once(function, errors);
        let mut options = options.only(&OPTIONS, errors);
        let krate = krate(&mut options, errors);
        let domain = name("domain", "PAYMENT", &mut options, errors);
        let event = name("event", "CHARGE", &mut options, errors);
        let attempt_timeout = attempt_timeout(&mut options, errors);
        let max_attempts = max_attempts(&mut options, errors);
        let backoff = backoff(&mut options, errors);
        let in_doubt = in_doubt(&mut options, errors);
        let finalize = finalize(&mut options, errors);
        let binding = binding(&mut options, errors);
        let types = types(&function.signature, errors);
        match (domain, event, types) {
            (Some(domain), Some(event), Some(types)) if errors.is_empty() => Ok(Self {
                krate,
                domain,
                event,
                attempt_timeout,
                max_attempts,
                backoff,
                in_doubt,
                finalize,
                binding,
                types,
            }),
            (_, _, types) => Err(Fragment { krate, binding, types }),
        }
    }
}

fn once(function: &Function, errors: &mut Errors) {
    for attribute in function.attributes.iter().filter(|a| Function::is_orchestrated(a)) {
        errors.at(
            attribute,
            &Rule {
                rule: "a function is orchestrated once",
                reason: "it takes one command, and a command belongs to one domain and event type",
                remedy: "remove one attribute, or write two functions that call a third",
            },
        );
    }
}

fn attempt_timeout(options: &mut Options, errors: &mut Errors) -> Option<Duration> {
    let (text, timeout) = duration(options.take("attempt_timeout")?, "30s", errors)?;
    if timeout.is_zero() {
        errors.at(
            text,
            &Rule {
                rule: "`attempt_timeout` is zero",
                reason: "every attempt would be cut off before it began, and end in doubt",
                remedy: "write `attempt_timeout = \"30s\"`, a little more than your client's own timeout",
            },
        );
    } else if timeout > TIME_BUDGET {
        errors.at(
            text,
            &Rule {
                rule: &format!(
                    "`attempt_timeout` of {} is longer than the default time budget of 5m",
                    values::shown(timeout)
                ),
                reason: "the operation would be over before its first attempt could be",
                remedy: "write a shorter one; for work that takes longer, poll the provider in attempts of their own",
            },
        );
    }
    Some(timeout)
}

fn max_attempts(options: &mut Options, errors: &mut Errors) -> Option<u32> {
    let number = options.take("max_attempts")?.number("max_attempts = 3", errors)?;
    if let Ok(attempts @ 1..=1000) = number.base10_parse()
        && number.suffix().is_empty()
    {
        return Some(attempts);
    }
    errors.at(
        number,
        &Rule {
            rule: "`max_attempts` is a plain number from 1 to 1000",
            reason: "it counts every execution, the first one included; the time budget ends retries long before 1000",
            remedy: "write `max_attempts = 3`, or 1 to never retry",
        },
    );
    None
}

fn backoff(options: &mut Options, errors: &mut Errors) -> Option<Backoff> {
    let example = "backoff(base = \"1s\", cap = \"300s\")";
    let mut inner = options.take("backoff")?.list(example, errors)?.only(&["base", "cap"], errors);
    let base = inner.take("base").and_then(|entry| duration(entry, "1s", errors));
    let cap = inner.take("cap").and_then(|entry| duration(entry, "300s", errors));
    let place = base.as_ref().or(cap.as_ref()).map(|(text, _)| text.clone());
    let backoff = Backoff {
        base: base.map_or(Duration::from_secs(1), |(_, base)| base),
        cap: cap.as_ref().map_or(Duration::from_secs(300), |(_, cap)| *cap),
    };
    match cap {
        Some((text, cap)) if cap > MAX_CAP => cap_too_long(&text, errors),
        _ => base_within_cap(&backoff, place, errors),
    }
    Some(backoff)
}

fn cap_too_long(text: &LitStr, errors: &mut Errors) {
    errors.at(
        text,
        &Rule {
            rule: "the cap of a backoff is at most 24h",
            reason: "a delay beyond it outlives every time budget that people wait for",
            remedy: "write a shorter `cap`",
        },
    );
}

fn base_within_cap(backoff: &Backoff, place: Option<LitStr>, errors: &mut Errors) {
    if backoff.base.is_zero() {
        errors.at(
            place,
            &Rule {
                rule: "the base of a backoff is zero",
                reason: "retries would hammer a provider that is in trouble already",
                remedy: "write at least `base = \"1ms\"`",
            },
        );
    } else if backoff.base > backoff.cap {
        let (base, cap) = (values::shown(backoff.base), values::shown(backoff.cap));
        errors.at(
            place,
            &Rule {
                rule: &format!("the base of {base} is longer than the cap of {cap}"),
                reason: "delays double from the base until they reach the cap",
                remedy: "write a shorter `base` or a longer `cap`",
            },
        );
    }
}

fn in_doubt(options: &mut Options, errors: &mut Errors) -> Option<InDoubt> {
    let reconcile = options.take("reconcile");
    let declared = options.take("in_doubt");
    if let (Some(_), Some(declared)) = (&reconcile, &declared) {
        errors.at(
            &declared.key,
            &Rule {
                rule: "`in_doubt` contradicts `reconcile`",
                reason: "with `reconcile`, doubt is settled by asking the provider, and never falls through to something else",
                remedy: "remove one of the two",
            },
        );
        return None;
    }
    if let Some(entry) = reconcile {
        return entry.path("reconcile = path::to::function", errors).map(InDoubt::Reconcile);
    }
    let variant = match choice(declared?, &["retry", "park", "fail"], errors)?.as_str() {
        "park" => "Park",
        "fail" => "Fail",
        _ => "Retry",
    };
    Some(InDoubt::Declared(Ident::new(variant, Span::call_site())))
}

fn finalize(options: &mut Options, errors: &mut Errors) -> Option<Path> {
    options.take("finalize")?.path("finalize = path::to::hook", errors)
}

fn binding(options: &mut Options, errors: &mut Errors) -> Binding {
    let choice = options.take("binding").and_then(|entry| choice(entry, &["command"], errors));
    if choice.is_some() { Binding::Command } else { Binding::Handler }
}

/// One of a few words in quotes.
fn choice(entry: Entry, known: &[&str], errors: &mut Errors) -> Option<String> {
    let key = entry.key.to_string();
    let text = entry.text(&format!("{key} = \"{}\"", known[0]), errors)?;
    let chosen = text.value();
    if known.contains(&chosen.as_str()) {
        return Some(chosen);
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

fn duration(entry: Entry, example: &str, errors: &mut Errors) -> Option<(LitStr, Duration)> {
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
