//! How long and how often: the limits of attempts, and of questions to a provider.

use std::time::Duration;

use syn::LitStr;

use super::written::duration;
use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::values;

/// The default time budget of core. A test of the facade holds the two together.
const TIME_BUDGET: Duration = Duration::from_secs(300);
/// The longest cap of a backoff.
const MAX_CAP: Duration = Duration::from_secs(24 * 60 * 60);

/// First and longest delay.
pub(in crate::orchestrated) struct Backoff {
    pub(in crate::orchestrated) base: Duration,
    pub(in crate::orchestrated) cap: Duration,
}

pub(super) fn attempt_timeout(options: &mut Options, errors: &mut Errors) -> Option<Duration> {
    let zero = Rule {
        rule: "`attempt_timeout` is zero",
        reason: "every attempt would be cut off before it began, and end in doubt",
        remedy: "write `attempt_timeout = \"30s\"`, a little more than your client's own timeout",
    };
    let (reason, remedy) = (
        "the operation would be over before its first attempt could be",
        "write a shorter one; for work that takes longer, poll the provider in attempts of their own",
    );
    timeout("attempt_timeout", &zero, reason, remedy, options, errors)
}

pub(super) fn reconcile_timeout(options: &mut Options, errors: &mut Errors) -> Option<Duration> {
    let zero = Rule {
        rule: "`reconcile_timeout` is zero",
        reason: "every question to the provider would be cut off before it was put",
        remedy: "write `reconcile_timeout = \"30s\"`, a little more than your client's own timeout",
    };
    let (reason, remedy) = (
        "one question without an answer would outlast the whole operation",
        "write a shorter one; the question is put again, as `reconcile_backoff` says",
    );
    timeout("reconcile_timeout", &zero, reason, remedy, options, errors)
}

/// A time that is neither zero nor longer than the default time budget.
fn timeout(
    key: &str,
    zero: &Rule<'_>,
    reason: &str,
    remedy: &str,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<Duration> {
    let (text, timeout) = duration(options.take(key)?, "30s", errors)?;
    if timeout.is_zero() {
        errors.at(text, zero);
    } else if timeout > TIME_BUDGET {
        let rule = format!(
            "`{key}` of {} is longer than the default time budget of 5m",
            values::shown(timeout)
        );
        errors.at(text, &Rule { rule: &rule, reason, remedy });
    }
    Some(timeout)
}

pub(super) fn max_attempts(options: &mut Options, errors: &mut Errors) -> Option<u32> {
    let rule = Rule {
        rule: "`max_attempts` is a plain number from 1 to 1000",
        reason: "it counts every execution, the first one included; the time budget ends retries long before 1000",
        remedy: "write `max_attempts = 3`, or 1 to never retry",
    };
    count("max_attempts", "max_attempts = 3", &rule, options, errors)
}

pub(super) fn max_reconciles(options: &mut Options, errors: &mut Errors) -> Option<u32> {
    let rule = Rule {
        rule: "`max_reconciles` is a plain number from 1 to 1000",
        reason: "it counts the questions to the provider; without an answer to the last one, the operation waits for a person",
        remedy: "write `max_reconciles = 10`; to ask nothing, leave `reconcile` out",
    };
    count("max_reconciles", "max_reconciles = 10", &rule, options, errors)
}

fn count(
    key: &str,
    example: &str,
    rule: &Rule<'_>,
    options: &mut Options,
    errors: &mut Errors,
) -> Option<u32> {
    let number = options.take(key)?.number(example, errors)?;
    if let Ok(count @ 1..=1000) = number.base10_parse()
        && number.suffix().is_empty()
    {
        return Some(count);
    }
    errors.at(number, rule);
    None
}

/// `backoff(…)` or `reconcile_backoff(…)`.
pub(super) fn backoff(key: &str, options: &mut Options, errors: &mut Errors) -> Option<Backoff> {
    let example = format!("{key}(base = \"1s\", cap = \"300s\")");
    let mut inner = options.take(key)?.list(&example, errors)?.only(&["base", "cap"], errors);
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
