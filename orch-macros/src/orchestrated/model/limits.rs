//! How long and how often: the limits of attempts, and of questions to a provider.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::LitStr;

use crate::errors::{Errors, Rule};
use crate::options::{Given, Options, options};
use crate::orchestrated::options::Said;
use crate::shared::duration;
use crate::values::Millis;

/// The default time budget of core. A test of the facade holds the two together.
const TIME_BUDGET: Millis = Millis(5 * 60 * 1000);
/// The shortest and the longest retention of core, held together likewise.
const RETENTIONS: [Millis; 2] = [Millis(1_000), Millis(50 * Millis::YEAR)];
/// The longest cap of a backoff.
const MAX_CAP: Millis = Millis(24 * 60 * 60 * 1000);

pub(crate) fn attempt_timeout(given: &mut Given<'_>) -> Option<Timeout> {
    timeout(given, "every attempt would be cut off before it began, and end in doubt")
}

pub(crate) fn reconcile_timeout(given: &mut Given<'_>) -> Option<Timeout> {
    timeout(given, "every question to the provider would be cut off before it was put")
}

/// How long one call may take, and where that is written.
#[derive(Clone)]
pub(crate) struct Timeout {
    pub(crate) text: LitStr,
    pub(crate) millis: Millis,
}

fn timeout(given: &mut Given<'_>, if_zero: &str) -> Option<Timeout> {
    let (text, millis) = duration(given)?;
    let Given { entry, example, errors } = given;
    if millis == Millis(0) {
        Rule {
            rule: &format!("`{}` is zero", entry.key),
            reason: if_zero,
            remedy: &format!("write `{example}`, a little more than your client's own timeout"),
        }
        .at(&text, errors);
    }
    Some(Timeout { text, millis })
}

/// The timeouts that the handler gives, by the option's name.
pub(crate) fn timeouts(said: &Said) -> impl Iterator<Item = (&'static str, &Timeout)> {
    let both = [
        ("attempt_timeout", &said.attempt_timeout),
        ("reconcile_timeout", &said.reconcile_timeout),
    ];
    both.into_iter().filter_map(|(option, timeout)| Some((option, timeout.as_ref()?)))
}

/// Holds the timeouts against the time budget, the handler's own or the default one. Where the
/// command holds the binding, its budget is known only with its type: that is compared while
/// constants are evaluated.
pub(super) fn within_budget(said: &Said, options: &Options, errors: &mut Errors) {
    let budget = match said.time_budget {
        Some(budget) => budget,
        None if options.has("time_budget") || options.has("binding") => return,
        None => TIME_BUDGET,
    };
    let which = if said.time_budget.is_some() { "the" } else { "the default" };
    for (option, Timeout { text, millis }) in timeouts(said).filter(|(_, it)| it.millis > budget) {
        let (reason, instead) = match option {
            "attempt_timeout" => (
                "the operation would be over before its first attempt could be",
                "for work that takes hours, poll the provider in separate attempts",
            ),
            _ => (
                "one question without an answer would outlast the whole operation",
                "a question is put again, as `reconcile_backoff` says",
            ),
        };
        Rule {
            rule: &format!("`{option}` of {millis} is longer than {which} time budget of {budget}"),
            reason,
            remedy: &format!("write a shorter one, or a longer `time_budget`; {instead}"),
        }
        .at(text, errors);
    }
}

impl ToTokens for Timeout {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.millis.to_tokens(tokens);
    }
}

/// How long finished operations are kept.
pub(crate) struct Kept(Millis);

pub(crate) fn retention(given: &mut Given<'_>) -> Option<Kept> {
    let (text, kept) = duration(given)?;
    let [shortest, longest] = RETENTIONS;
    if kept < shortest || kept > longest {
        Rule {
            rule: &format!(
                "`{}` of {kept} does not lie between {shortest} and {longest}",
                given.entry.key
            ),
            reason: "while an operation is kept, a repeated request gets its answer; after that it calls again",
            remedy: &format!("write for how long requests may be repeated, such as `{}`", given.example),
        }
        .at(text, given.errors);
    }
    Some(Kept(kept))
}

impl ToTokens for Kept {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let kept = self.0;
        tokens.extend(quote!(__orch::Some(#kept)));
    }
}

pub(crate) fn max_attempts(given: &mut Given<'_>) -> Option<u32> {
    let reason = "it counts every execution, the first one included; the time budget ends retries long before 1000";
    count(given, reason, "write `max_attempts = 3`, or 1 to never retry")
}

pub(crate) fn max_uncounted(given: &mut Given<'_>) -> Option<u32> {
    let reason = "it counts the executions that use up no attempt, as when the provider is still at work; beyond it they count as attempts";
    count(given, reason, "write `max_uncounted = 100`")
}

pub(crate) fn max_reconciles(given: &mut Given<'_>) -> Option<u32> {
    let reason = "it counts the reconciles; when the last one gives no answer, the operation is parked for an operator";
    count(given, reason, "write `max_reconciles = 10`; to ask nothing, leave `reconcile` out")
}

fn count(given: &mut Given<'_>, reason: &str, remedy: &str) -> Option<u32> {
    let number = given.number()?;
    if let Ok(count @ 1..=1000) = number.base10_parse()
        && number.suffix().is_empty()
    {
        return Some(count);
    }
    let rule = format!("`{}` is a plain number from 1 to 1000", given.entry.key);
    Rule { rule: &rule, reason, remedy }.at(number, given.errors);
    None
}

/// First and longest delay.
pub(crate) struct Backoff {
    base: Millis,
    cap: Millis,
}

options! {
    /// What `backoff(…)` and `reconcile_backoff(…)` say.
    Delays {
        [base = "1s"]    base: (LitStr, Millis), duration;
        [cap = "300s"]   cap: (LitStr, Millis),  duration;
    }
}

pub(crate) fn backoff(given: &mut Given<'_>) -> Option<Backoff> {
    let Delays { base, cap } = given.list()?;
    let first = base.as_ref().or(cap.as_ref()).map(|(text, _)| text.clone());
    let backoff = Backoff {
        base: base.map_or(Millis(1_000), |(_, base)| base),
        cap: cap.as_ref().map_or(Millis(300_000), |(_, cap)| *cap),
    };
    match cap {
        Some((text, cap)) if cap > MAX_CAP => cap_too_long(&text, given.errors),
        _ => base_within_cap(&backoff, first, given.errors),
    }
    Some(backoff)
}

fn cap_too_long(text: &LitStr, errors: &mut Errors) {
    Rule {
        rule: "the cap of a backoff is at most 24h",
        reason: "a delay beyond it outlives every time budget that people wait for",
        remedy: "write a shorter `cap`",
    }
    .at(text, errors);
}

fn base_within_cap(Backoff { base, cap }: &Backoff, place: Option<LitStr>, errors: &mut Errors) {
    if *base == Millis(0) {
        Rule {
            rule: "the base of a backoff is zero",
            reason: "retries would hammer a provider that is in trouble already",
            remedy: "write at least `base = \"1ms\"`",
        }
        .at(place, errors);
    } else if base > cap {
        Rule {
            rule: &format!("the base of {base} is longer than the cap of {cap}"),
            reason: "delays double from the base until they reach the cap",
            remedy: "write a shorter `base` or a longer `cap`",
        }
        .at(place, errors);
    }
}

impl ToTokens for Backoff {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let (base, cap) = (self.base.0, self.cap.0);
        tokens.extend(quote!(__orch::Backoff::from_millis(#base, #cap)));
    }
}
