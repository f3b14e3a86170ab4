use std::fmt;

use crate::words::{
    AttemptEnd, Failure, Fence, FinalOutcome, LogEntry, Outcome, Payload, Source, canonical, code,
};

/// What a log entry means for the outcome of its operation. Derived from the log and the
/// outcome whenever it is read; no store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bearing {
    /// The operation's status followed it, or will once it is finalized.
    Counts,
    /// Without effect, and it agrees with the outcome.
    Corroborates,
    /// Without effect, and it contradicts the outcome: an operator has to check.
    Diverges,
    /// Without effect, and there is nothing to compare: the operation has no outcome yet, or the
    /// entry does not say whether the provider has acted.
    Kept,
}

impl fmt::Display for Bearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counts => "counts",
            Self::Corroborates => "corroborates",
            Self::Diverges => "diverges",
            Self::Kept => "kept",
        })
    }
}

/// The bearing of each entry of a log, in its order. `outcome` is the operation's outcome, if
/// it is terminal: what the latest entry that is not late came to.
#[must_use]
pub fn bearings(outcome: Option<&FinalOutcome>, log: &[LogEntry]) -> Vec<Bearing> {
    let ended_under = log.iter().filter(|entry| !entry.late).map(|entry| entry.fence).max();
    log.iter().map(|entry| bearing(entry, ended_under, outcome, log)).collect()
}

/// How many entries of a log diverge from the outcome.
#[must_use]
pub fn divergences(outcome: &FinalOutcome, log: &[LogEntry]) -> u32 {
    let bearings = bearings(Some(outcome), log);
    let diverging = bearings.into_iter().filter(|bearing| *bearing == Bearing::Diverges).count();
    u32::try_from(diverging).unwrap_or(u32::MAX)
}

fn bearing(
    entry: &LogEntry,
    ended_under: Option<Fence>,
    outcome: Option<&FinalOutcome>,
    log: &[LogEntry],
) -> Bearing {
    let Some(outcome) = outcome else {
        return if entry.late { Bearing::Kept } else { Bearing::Counts };
    };
    // Under one fence at most one entry has an effect. An outcome under an older fence had none,
    // marked late or not: whatever was logged there, the operation was not finished by it.
    let ends = matches!(entry.end, AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)));
    if !entry.late && (Some(entry.fence) == ended_under || !ends) {
        return Bearing::Counts;
    }
    let before_a_run = entry.end == AttemptEnd::NotHappened && was_run_after(entry.fence, log);
    if before_a_run { Bearing::Kept } else { compare(outcome, &entry.end) }
}

/// True if the handler was run under a later claim: by its own word, or because that claim was
/// lost while it ran.
fn was_run_after(fence: Fence, log: &[LogEntry]) -> bool {
    log.iter().filter(|entry| entry.fence.may_follow(fence)).any(|entry| match entry.source {
        Source::Handler => true,
        Source::Engine => entry.started_at.is_some(),
        Source::Reconcile | Source::Operator | Source::Provider => false,
    })
}

/// Compares another answer with the outcome: [`Bearing::Corroborates`], [`Bearing::Diverges`],
/// or [`Bearing::Kept`] for an answer that is not definite.
///
/// | answer \ outcome | COMPLETED | FAILED |
/// |---|---|---|
/// | `Ok` | the output is equal as JSON, or diverges | diverges, even where the failure is uncertain |
/// | `Fail` | diverges | the code is the same, or orch's own; or diverges |
/// | `Fail`, uncertain | kept: the provider may have acted or not | kept, unless the code is the same |
/// | `NotHappened` | diverges, unless the handler was run after the reconcile | corroborates |
/// | already done | kept: who did it is what the reconcile was asked | diverges, unless the failure says the same (`ALREADY_DONE`) |
/// | submitted | kept: what became of it is told later | diverges: a call is under way of which the failure says nothing |
/// | `Retry` | kept: it is about its own call, and another one may have acted | kept |
/// | in doubt, still running | kept: it says nothing | kept |
///
/// A call that succeeded and whose result cannot be read back says that the provider has acted, and
/// so does the failure that release 0.1.0 made of it (`OUTPUT_NOT_ENCODABLE`).
#[must_use]
pub fn compare(outcome: &FinalOutcome, said: &AttemptEnd) -> Bearing {
    let Some(said) = claim_of(outcome, said) else { return Bearing::Kept };
    let agree = match (outcome_of(outcome), said) {
        (Says::Acted(Some(ours)), Says::Acted(Some(theirs))) => same_value(ours, theirs),
        (Says::NotActed(Some(ours)), Says::NotActed(Some(theirs))) => ours == theirs,
        (Says::Acted(_), Says::Acted(_)) | (Says::NotActed(_), Says::NotActed(_)) => true,
        (Says::Acted(_), Says::NotActed(_)) | (Says::NotActed(_), Says::Acted(_)) => false,
    };
    if agree { Bearing::Corroborates } else { Bearing::Diverges }
}

/// Whether the provider has acted, as an answer says.
enum Says<'a> {
    /// It has, with this result if it is known.
    Acted(Option<&'a Payload>),
    /// It has not, with the provider's own code if it gave one.
    NotActed(Option<&'a str>),
}

/// What the outcome means. A failure that orch itself wrote still means an operation that was not
/// done: that is what every caller was told.
fn outcome_of(outcome: &FinalOutcome) -> Says<'_> {
    match outcome {
        FinalOutcome::Ok(output) => Says::Acted(Some(output)),
        FinalOutcome::Failed(failure) => match failure.code.as_str() {
            code::OUTPUT_NOT_ENCODABLE => Says::Acted(None),
            code::TIME_BUDGET_EXCEEDED
            | code::ATTEMPTS_EXHAUSTED
            | code::IN_DOUBT
            | code::NOT_HAPPENED => Says::NotActed(None),
            _ if failure.uncertain => Says::NotActed(None),
            of_the_provider => Says::NotActed(Some(of_the_provider)),
        },
    }
}

/// True for the failure that orch makes of this answer. A handler may have a code of the same name; it is
/// certain then.
fn is_already_done(failure: &Failure) -> bool {
    failure.uncertain && failure.code == code::ALREADY_DONE
}

/// What another answer says; `None` if it is not definite.
fn claim_of<'a>(outcome: &FinalOutcome, said: &'a AttemptEnd) -> Option<Says<'a>> {
    match said {
        AttemptEnd::Outcome(Outcome::Ok { output }) => Some(Says::Acted(Some(output))),
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            let same = matches!(outcome, FinalOutcome::Failed(ours) if ours.code == failure.code);
            match failure.code.as_str() {
                code::OUTPUT_NOT_ENCODABLE => Some(Says::Acted(None)),
                _ if failure.uncertain && same => Some(Says::NotActed(None)),
                _ if failure.uncertain => None,
                definite => Some(Says::NotActed(Some(definite))),
            }
        }
        AttemptEnd::Unreadable { .. } => Some(Says::Acted(None)),
        AttemptEnd::NotHappened => Some(Says::NotActed(None)),
        // That the reference was used, by this operation or by another one: of a success that is nothing
        // new, and a failure has told its caller that nothing was done.
        AttemptEnd::AlreadyDone { .. } => match outcome {
            FinalOutcome::Ok(_) => None,
            FinalOutcome::Failed(ours) if is_already_done(ours) => Some(Says::NotActed(None)),
            FinalOutcome::Failed(_) => Some(Says::Acted(None)),
        },
        AttemptEnd::Submitted { .. } => match outcome {
            FinalOutcome::Ok(_) => None,
            FinalOutcome::Failed(_) => Some(Says::Acted(None)),
        },
        AttemptEnd::Outcome(Outcome::Retry { .. })
        | AttemptEnd::InDoubt { .. }
        | AttemptEnd::StillRunning { .. } => None,
    }
}

/// Equal as JSON: neither the order of keys nor the spelling of a number counts. What is not JSON is
/// compared as bytes.
fn same_value(one: &Payload, other: &Payload) -> bool {
    let form = |payload: &Payload| canonical(payload.as_bytes());
    one == other || form(one).is_some_and(|one| form(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{LogStatus, Timestamp};

    fn completed(output: &str) -> FinalOutcome {
        FinalOutcome::Ok(output.into())
    }

    fn failed(code: &str) -> FinalOutcome {
        FinalOutcome::Failed(Failure::new(code, "no"))
    }

    fn ok(output: &str) -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Ok { output: output.into() })
    }

    fn fail(code: &str, uncertain: bool) -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Fail(Failure::new(code, "no").uncertain(uncertain)))
    }

    fn retry() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None })
    }

    fn in_doubt() -> AttemptEnd {
        AttemptEnd::InDoubt { reason: "no answer".into() }
    }

    fn already_done() -> AttemptEnd {
        AttemptEnd::AlreadyDone { reason: "paid".into() }
    }

    fn still_running() -> AttemptEnd {
        AttemptEnd::StillRunning { reason: "at work".into(), after: None }
    }

    fn entry(fence: i64, source: Source, end: AttemptEnd, late: bool) -> LogEntry {
        LogEntry {
            fence: Fence::new(fence),
            attempt: 1,
            worker: None,
            source,
            started_at: Some(Timestamp::from_micros(0)),
            logged_at: Timestamp::from_micros(1),
            end,
            status: LogStatus::Completed,
            late,
            note: None,
            hook_error: None,
        }
    }

    use Bearing::{Corroborates, Counts, Diverges, Kept};

    #[test]
    fn every_answer_against_a_success() {
        let outcome = completed(r#"{"id":"ch_1"}"#);
        for (said, bearing) in [
            (ok(r#"{"id":"ch_1"}"#), Corroborates),
            (ok(r#"{"id":"ch_2"}"#), Diverges),
            (fail("CARD_DECLINED", false), Diverges),
            (fail("CARD_DECLINED", true), Kept),
            (fail(code::OUTPUT_NOT_ENCODABLE, true), Corroborates),
            (AttemptEnd::NotHappened, Diverges),
            (already_done(), Kept),
            (still_running(), Kept),
            (retry(), Kept),
            (in_doubt(), Kept),
        ] {
            assert_eq!(compare(&outcome, &said), bearing, "{said:?}");
        }
    }

    #[test]
    fn every_answer_against_a_failure() {
        let outcome = failed("CARD_DECLINED");
        for (said, bearing) in [
            (ok("1"), Diverges),
            (fail("CARD_DECLINED", false), Corroborates),
            (fail("CARD_DECLINED", true), Corroborates),
            (fail("EXPIRED_CARD", false), Diverges),
            (fail("EXPIRED_CARD", true), Kept),
            (fail(code::OUTPUT_NOT_ENCODABLE, true), Diverges),
            (AttemptEnd::NotHappened, Corroborates),
            (already_done(), Diverges),
            (still_running(), Kept),
            (retry(), Kept),
            (in_doubt(), Kept),
        ] {
            assert_eq!(compare(&outcome, &said), bearing, "{said:?}");
        }
    }

    #[test]
    fn a_failure_of_orchs_own_is_confirmed_by_every_refusal_and_contradicted_by_a_success() {
        for code in [code::IN_DOUBT, code::TIME_BUDGET_EXCEEDED, code::ATTEMPTS_EXHAUSTED] {
            let outcome = FinalOutcome::Failed(Failure::new(code, "gave up").uncertain(true));
            assert_eq!(compare(&outcome, &fail("CARD_DECLINED", false)), Corroborates, "{code}");
            assert_eq!(compare(&outcome, &AttemptEnd::NotHappened), Corroborates, "{code}");
            assert_eq!(compare(&outcome, &ok("1")), Diverges, "{code}");
            assert_eq!(compare(&outcome, &already_done()), Diverges, "{code}");
        }
    }

    #[test]
    fn already_done_agrees_with_the_failure_that_says_it_and_not_with_a_code_of_a_handler() {
        let failed = |uncertain| {
            FinalOutcome::Failed(Failure::new(code::ALREADY_DONE, "paid").uncertain(uncertain))
        };
        assert_eq!(compare(&failed(true), &already_done()), Corroborates);
        assert_eq!(compare(&failed(true), &ok("1")), Diverges);
        assert_eq!(compare(&failed(true), &AttemptEnd::NotHappened), Corroborates);
        assert_eq!(compare(&failed(false), &already_done()), Diverges);
    }

    #[test]
    fn a_result_that_was_lost_still_says_that_the_provider_has_acted() {
        let outcome = failed(code::OUTPUT_NOT_ENCODABLE);
        assert_eq!(compare(&outcome, &ok("1")), Corroborates);
        assert_eq!(compare(&outcome, &fail("CARD_DECLINED", false)), Diverges);
        assert_eq!(compare(&outcome, &AttemptEnd::NotHappened), Diverges);
    }

    #[test]
    fn outputs_are_compared_by_value() {
        let same = |one: &str, other: &str| compare(&completed(one), &ok(other)) == Corroborates;
        assert!(same(r#"{"a":1,"b":[2,{"c":3,"d":4}]}"#, r#"{ "b": [2, {"d":4,"c":3}], "a": 1 }"#));
        assert!(same("5", "5.0") && same("5e0", "5"));
        assert!(!same("[1,2]", "[2,1]") && !same(r#"{"a":1}"#, r#"{"a":1,"b":null}"#));
        assert!(!same("9007199254740993", "9007199254740992"), "beyond the precision of a float");
        for (one, other) in [
            ("18446744073709551617", "18446744073709551616"),
            ("-9223372036854775809", "-9223372036854775810"),
            ("12345678901234567.89", "12345678901234567.90"),
            ("9007199254740993", "9007199254740992.0"),
        ] {
            assert!(!same(one, other), "{one} is not {other}");
            let (one, other) = (format!("{{\"a\":{one}}}"), format!("{{ \"a\" : {other} }}"));
            assert!(!same(&one, &other) && same(&one, &one.replace(':', " : ")));
        }
        assert!(same("1.50e2", "150.0") && same("-0", "0.0") && same("[1,20]", "[1.0,2e1]"));
        assert!(!same("\"1.0\"", "\"1.00\"") && same(r#"["\"1",1]"#, r#"["\u00221",1.0]"#));
        assert!(!same("5", "\"5\"") && !same("null", "{}"));
        assert!(same("\u{1}no json", "\u{1}no json") && !same("\u{1}no json", "\u{1}other"));
    }

    #[test]
    fn what_settled_the_operation_counts_and_earlier_ends_do() {
        let log = [
            entry(1, Source::Engine, in_doubt(), false),
            entry(3, Source::Handler, retry(), false),
            entry(1, Source::Handler, ok("1"), true),
            entry(4, Source::Handler, ok("2"), false),
        ];
        let outcome = completed("2");
        assert_eq!(bearings(Some(&outcome), &log), [Counts, Counts, Diverges, Counts]);
        assert_eq!(bearings(None, &log), [Counts, Counts, Kept, Counts]);
        assert_eq!(divergences(&outcome, &log), 1);
    }

    #[test]
    fn an_outcome_that_was_logged_and_did_not_finish_the_operation_is_compared_too() {
        let log = [
            entry(1, Source::Handler, ok("1"), false),
            entry(2, Source::Operator, fail("NOT_CHARGED", false), false),
        ];
        let outcome = failed("NOT_CHARGED");
        assert_eq!(bearings(Some(&outcome), &log), [Diverges, Counts]);
    }

    #[test]
    fn not_happened_is_no_contradiction_if_the_handler_was_run_afterwards() {
        let asked = entry(2, Source::Reconcile, AttemptEnd::NotHappened, true);
        let happened = entry(4, Source::Reconcile, ok("1"), false);
        let last = |log: &[LogEntry]| bearings(Some(&completed("1")), log)[0];
        assert_eq!(last(&[asked.clone(), happened.clone()]), Diverges);
        let run = entry(3, Source::Handler, retry(), false);
        assert_eq!(last(&[asked.clone(), run, happened.clone()]), Kept);
        let lost = entry(3, Source::Engine, in_doubt(), false);
        assert_eq!(last(&[asked.clone(), lost, happened.clone()]), Kept);
        let gave_up = LogEntry { started_at: None, ..entry(3, Source::Engine, in_doubt(), false) };
        assert_eq!(last(&[asked, gave_up, happened]), Diverges);
    }
}
