use std::time::Duration;

use super::Row;
use crate::policies::{InDoubt, SUBMITTED_MAX_PAUSE, SUBMITTED_MIN_PAUSE};
use crate::words::{AttemptEnd, Failure, FinalOutcome, Outcome, Timestamp, code};

/// Before a provider is asked again about what it has accepted, however soon it says; and a hundredth of the
/// time that it has waited, so that a year has some 1,400 reconciles.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// What is known of an operation that ends with this code.
const ALREADY_DONE: &str = "the provider says that it was done already; it is unknown by whom";

/// What happens to an operation next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// To its terminal status, with this outcome.
    Finish(FinalOutcome),
    /// To `waiting`: claimable from this instant.
    Wait {
        /// The earliest instant of the next attempt.
        not_before: Timestamp,
    },
    /// To `in_doubt`: from this instant claimable for a reconcile or, where the handler declares
    /// `retry`, for another attempt.
    Doubt {
        /// The earliest instant of that claim.
        not_before: Timestamp,
    },
    /// To `submitted`, or on in it: no other call is made.
    Submit {
        /// When the provider is asked; where it is not, the deadline.
        due_at: Timestamp,
    },
    /// To `parked`: an operator must resolve it.
    Park,
}

/// The move after an ended attempt or reconcile. `delay` is the backoff counted from its end at
/// `ended_at`.
///
/// A failure is `uncertain` when an attempt in doubt precedes it that nothing has cleared: an
/// operation that was called is never plainly FAILED as if it had not been sent. A handler's own
/// failure comes here with that said already, by [`HandlerEnd`](crate::policies::HandlerEnd): only
/// there is it known whether the answer is about the earlier calls too.
pub(super) fn after_attempt(
    end: &AttemptEnd,
    row: &Row,
    delay: Duration,
    ended_at: Timestamp,
) -> Move {
    if row.deadline > ended_at
        && let Some(due_at) = told_later(end, row, ended_at)
    {
        return Move::Submit { due_at };
    }
    let not_before = ended_at.plus(delay);
    match end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => {
            Move::Finish(FinalOutcome::Ok(output.clone()))
        }
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            Move::Finish(FinalOutcome::Failed(failure.clone()))
        }
        AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
            let spent = spent(row, end, not_before);
            again(row, spent, Some(reason), row.is_unresolved(), not_before)
        }
        // It was done, and not by this operation: by another one that used the same reference.
        AttemptEnd::NotHappened if row.already_done => done_already(row, None),
        AttemptEnd::NotHappened if row.submitted => {
            finish(failure(code::NOT_HAPPENED, row, None, true))
        }
        AttemptEnd::NotHappened => again(row, spent(row, end, not_before), None, false, not_before),
        AttemptEnd::Unreadable { .. } => Move::Park,
        AttemptEnd::InDoubt { reason }
        | AttemptEnd::StillRunning { reason, .. }
        | AttemptEnd::Submitted { reason, .. } => doubt(row, end, reason, not_before),
        AttemptEnd::AlreadyDone { reason } => match row.policy.in_doubt {
            InDoubt::Retry | InDoubt::Fail => done_already(row, Some(reason)),
            InDoubt::Park | InDoubt::Reconcile => doubt(row, end, reason, not_before),
        },
    }
}

/// When what the provider has accepted is looked at next, before the deadline; `None` for an end by which it
/// is not, or no longer, submitted. Once it is, whatever is no answer leaves it so.
fn told_later(end: &AttemptEnd, row: &Row, ended_at: Timestamp) -> Option<Timestamp> {
    let after = match end {
        AttemptEnd::Submitted { after, .. } => *after,
        AttemptEnd::StillRunning { after, .. }
        | AttemptEnd::Outcome(Outcome::Retry { after, .. })
            if row.submitted =>
        {
            *after
        }
        // What a provider has accepted it knows: that it has not happened is no answer to believe.
        AttemptEnd::InDoubt { .. } | AttemptEnd::NotHappened if row.submitted => None,
        _ => return None,
    };
    if row.policy.in_doubt != InDoubt::Reconcile {
        return Some(row.deadline);
    }
    let since = row.first_called_at.or(row.started_at).unwrap_or(ended_at);
    let waited = ended_at.since(since);
    let pause = match after {
        Some(after) => after.max(SHORTEST_PAUSE).max(waited / 100),
        None => waited.clamp(SUBMITTED_MIN_PAUSE, SUBMITTED_MAX_PAUSE),
    };
    Some(ended_at.plus(pause).min(row.deadline))
}

/// How an operation ends whose time budget is spent and that no worker holds. Its cause is why it
/// was waiting.
pub(super) fn over_budget(row: &Row) -> Failure {
    failure(code::TIME_BUDGET_EXCEEDED, row, row.reason.as_deref(), row.is_unresolved())
}

/// Another attempt, unless they are spent.
fn again(
    row: &Row,
    spent: Option<&'static str>,
    reason: Option<&str>,
    uncertain: bool,
    not_before: Timestamp,
) -> Move {
    match spent {
        Some(code) => finish(failure(code, row, reason, uncertain)),
        None if uncertain && row.policy.in_doubt == InDoubt::Reconcile => {
            Move::Doubt { not_before }
        }
        None => Move::Wait { not_before },
    }
}

/// It was done already, and nothing says that this operation did it: for an operator, and never another
/// call, which would be refused the same way or act under another reference.
fn done_already(row: &Row, reason: Option<&str>) -> Move {
    finish(failure(code::ALREADY_DONE, row, reason, true))
}

fn doubt(row: &Row, end: &AttemptEnd, reason: &str, not_before: Timestamp) -> Move {
    match row.policy.in_doubt {
        InDoubt::Reconcile if row.reconciles_are_used_up() => Move::Park,
        InDoubt::Reconcile => Move::Doubt { not_before },
        InDoubt::Park => Move::Park,
        InDoubt::Fail => finish(failure(code::IN_DOUBT, row, Some(reason), true)),
        InDoubt::Retry => match spent(row, end, not_before) {
            Some(code) => finish(failure(code, row, Some(reason), true)),
            None => Move::Doubt { not_before },
        },
    }
}

/// Why there is no other attempt after this end.
fn spent(row: &Row, end: &AttemptEnd, not_before: Timestamp) -> Option<&'static str> {
    if row.attempts_are_used_up_by(end) {
        Some(code::ATTEMPTS_EXHAUSTED)
    } else if not_before >= row.deadline {
        Some(code::TIME_BUDGET_EXCEEDED)
    } else {
        None
    }
}

const fn finish(failure: Failure) -> Move {
    Move::Finish(FinalOutcome::Failed(failure))
}

fn failure(code: &'static str, row: &Row, cause: Option<&str>, uncertain: bool) -> Failure {
    // An attempt that is missing from the history is counted as lost, but not as an attempt.
    let called = row.attempt > 0 || row.lost_attempts > 0 || uncertain;
    let message = match (code, called) {
        (code::ATTEMPTS_EXHAUSTED, _) => {
            format!("all {} attempts are used up", row.policy.max_attempts)
        }
        (code::ALREADY_DONE, _) => ALREADY_DONE.to_owned(),
        (code::NOT_HAPPENED, _) => {
            "the provider had accepted it, and says that it has not happened".to_owned()
        }
        (code::IN_DOUBT, _) => "a call may have been made; its outcome is unknown".to_owned(),
        (_, true) => "the time budget ended before the operation did".to_owned(),
        (_, false) => "the time budget ended before the first attempt".to_owned(),
    };
    Failure::new(code, &message).cause(cause).uncertain(uncertain).called(called)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{already_done, at, in_doubt, retry, running, still_running};
    use super::*;

    const DELAY: Duration = Duration::from_secs(1);

    fn failure_of(next: Move) -> Failure {
        match next {
            Move::Finish(FinalOutcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The move after an attempt that has ended at second 100; the deadline is at second 200.
    fn next(end: &AttemptEnd, row: &Row) -> Move {
        after_attempt(end, row, DELAY, at(100))
    }

    fn doubted() -> Row {
        Row { first_called_at: Some(at(90)), ..running() }
    }

    fn declared(in_doubt: InDoubt, mut row: Row) -> Row {
        row.policy.in_doubt = in_doubt;
        row
    }

    #[test]
    fn a_retry_waits_until_its_delay_has_passed() {
        assert_eq!(next(&retry(), &running()), Move::Wait { not_before: at(101) });
    }

    #[test]
    fn the_last_retry_fails_with_its_reason_as_cause() {
        let failure = failure_of(next(&retry(), &Row { attempt: 3, ..running() }));
        assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
        assert_eq!(failure.cause.as_deref(), Some("busy"));
        assert!(failure.called && !failure.uncertain);
    }

    #[test]
    fn a_retry_that_would_land_on_the_deadline_fails_now() {
        let late = Row { deadline: at(101), ..running() };
        assert_eq!(failure_of(next(&retry(), &late)).code, code::TIME_BUDGET_EXCEEDED);
    }

    #[test]
    fn doubt_follows_the_declaration() {
        let after = |declares| next(&in_doubt(), &declared(declares, running()));
        let again = Move::Doubt { not_before: at(101) };
        assert_eq!(after(InDoubt::Retry), again);
        assert_eq!(after(InDoubt::Reconcile), again);
        assert_eq!(after(InDoubt::Park), Move::Park);
        let failure = failure_of(after(InDoubt::Fail));
        assert!(failure.uncertain && failure.code == code::IN_DOUBT);
    }

    #[test]
    fn still_running_is_followed_as_doubt_is_and_uses_up_no_attempt() {
        let last = Row { attempt: 3, ..running() };
        let after = |declares, row: &Row| next(&still_running(), &declared(declares, row.clone()));
        for row in [&running(), &last] {
            assert_eq!(after(InDoubt::Retry, row), Move::Doubt { not_before: at(101) });
            assert_eq!(after(InDoubt::Reconcile, row), Move::Doubt { not_before: at(101) });
            assert_eq!(after(InDoubt::Park, row), Move::Park);
            let failure = failure_of(after(InDoubt::Fail, row));
            assert!(failure.uncertain && failure.code == code::IN_DOUBT);
        }
        let mut told = last;
        told.uncounted = told.policy.max_uncounted;
        let failure = failure_of(next(&still_running(), &told));
        assert!(failure.uncertain && failure.code == code::ATTEMPTS_EXHAUSTED);
    }

    #[test]
    fn still_running_at_the_deadline_is_uncertain() {
        let late = Row { deadline: at(101), ..running() };
        let failure = failure_of(next(&still_running(), &late));
        assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
        assert!(failure.uncertain);
    }

    #[test]
    fn already_done_is_reconciled_or_left_to_an_operator_and_never_called_again() {
        let after = |declares| next(&already_done(), &declared(declares, running()));
        assert_eq!(after(InDoubt::Reconcile), Move::Doubt { not_before: at(101) });
        assert_eq!(after(InDoubt::Park), Move::Park);
        for declares in [InDoubt::Retry, InDoubt::Fail] {
            let failure = failure_of(after(declares));
            assert!(failure.uncertain && failure.code == code::ALREADY_DONE);
            assert_eq!(failure.cause.as_deref(), Some("paid"));
        }
    }

    #[test]
    fn what_another_operation_has_done_is_no_reason_to_run_again() {
        let told = Row { already_done: true, ..declared(InDoubt::Reconcile, doubted()) };
        let failure = failure_of(next(&AttemptEnd::NotHappened, &told));
        assert!(failure.uncertain && failure.code == code::ALREADY_DONE);
        assert!(matches!(next(&in_doubt(), &told), Move::Doubt { .. }));
    }

    #[test]
    fn a_handler_that_kills_its_process_is_stopped() {
        let failure = failure_of(next(&in_doubt(), &Row { attempt: 3, ..running() }));
        assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
        assert!(failure.uncertain);
        assert_eq!(failure.cause.as_deref(), Some("no answer"));
    }

    #[test]
    fn earlier_doubt_makes_a_later_giving_up_uncertain() {
        let doubted = Row { attempt: 3, ..doubted() };
        assert!(failure_of(next(&retry(), &doubted)).uncertain);
        assert!(over_budget(&doubted).uncertain);
    }

    #[test]
    fn a_failure_is_as_uncertain_as_it_says() {
        for uncertain in [false, true] {
            let said = Failure::new("CARD_DECLINED", "no").uncertain(uncertain);
            let end = AttemptEnd::Outcome(Outcome::Fail(said.clone()));
            for row in [running(), doubted()] {
                assert_eq!(failure_of(next(&end, &row)), said);
            }
        }
    }

    #[test]
    fn reconcile_never_falls_through_to_an_attempt() {
        let doubted = declared(InDoubt::Reconcile, doubted());
        for reconciles in 0..2 {
            let asked = Row { reconciles, attempt: 3, deadline: at(0), ..doubted.clone() };
            assert!(matches!(next(&in_doubt(), &asked), Move::Doubt { .. }));
        }
        assert_eq!(next(&in_doubt(), &Row { reconciles: 2, ..doubted.clone() }), Move::Park);
        let wait = Move::Wait { not_before: at(101) };
        assert_eq!(next(&AttemptEnd::NotHappened, &doubted), wait);
    }

    #[test]
    fn not_happened_is_definite() {
        let spent = Row { attempt: 3, ..doubted() };
        let failure = failure_of(next(&AttemptEnd::NotHappened, &spent));
        assert!(!failure.uncertain && failure.called);
    }

    #[test]
    fn a_deadline_before_the_first_attempt_says_that_no_call_was_made() {
        let failure = over_budget(&Row { attempt: 0, ..running() });
        assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
        assert!(!failure.called && !failure.uncertain);
    }
}
