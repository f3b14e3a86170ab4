use std::time::Duration;

use super::InDoubt;
use crate::words::{AttemptEnd, Failure, FinalOutcome, Outcome, Timestamp, code};

/// What the row says about an operation whose attempt has ended, as far as the next move and the
/// [`Tally`](super::Tally) depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Executions so far, the ended one included; 0 for an operation never claimed.
    pub attempt: u32,
    /// Executions allowed.
    pub max_attempts: u32,
    /// What the handler declares for doubt.
    pub in_doubt: InDoubt,
    /// True if an earlier attempt ended in doubt and nothing has cleared that since.
    pub unresolved: bool,
    /// Attempts lost so far, whatever was found out about them afterwards: a call of theirs may
    /// still reach the provider. The ended one not included.
    pub lost_attempts: u32,
    /// Questions put to the provider so far, the ended one included.
    pub reconciles: u32,
    /// Questions allowed.
    pub max_reconciles: u32,
    /// What the handler of the latest claim declares: true if its provider replays errors.
    pub replays_errors: bool,
    /// When the time budget ends.
    pub deadline: Timestamp,
}

/// What happens to the operation next. A store carries it out; it never chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// To its terminal status, with this outcome.
    Finish(FinalOutcome),
    /// To `waiting`: claimable from this instant.
    Wait {
        /// The earliest instant of the next attempt.
        not_before: Timestamp,
    },
    /// To `in_doubt`: from this instant claimable for a reconcile, or, where the handler declares
    /// `retry`, for another attempt.
    Doubt {
        /// The earliest instant of that claim.
        not_before: Timestamp,
    },
    /// To `parked`: an operator must resolve it.
    Park,
}

/// The move after an ended attempt (or reconcile). `delay` is the backoff counted from its end,
/// what the provider asked for included; `now` is the store's clock.
///
/// A failure is `uncertain` when an earlier attempt is in doubt and nothing has cleared that:
/// an operation that was called is never plainly FAILED as if it had not been sent. A handler's
/// own failure comes here with that said already, by [`HandlerEnd`](super::HandlerEnd): only there
/// is it known whether the answer is about the earlier calls too.
#[must_use]
pub fn after_attempt(end: &AttemptEnd, facts: &Facts, delay: Duration, now: Timestamp) -> Move {
    match end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => {
            Move::Finish(FinalOutcome::Ok(output.clone()))
        }
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            Move::Finish(FinalOutcome::Failed(failure.clone()))
        }
        AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
            run_again(facts, Some(reason), facts.unresolved, delay, now)
        }
        AttemptEnd::NotHappened => run_again(facts, None, false, delay, now),
        AttemptEnd::InDoubt { reason } => doubt(facts, reason, delay, now),
    }
}

/// The move of an operation whose deadline has passed while no worker held it: PENDING,
/// waiting, or in doubt with `retry` declared. `last` is the reason it was waiting.
#[must_use]
pub fn over_budget(facts: &Facts, last: Option<&str>) -> Move {
    finish(code::TIME_BUDGET_EXCEEDED, facts, last, facts.unresolved)
}

fn run_again(
    facts: &Facts,
    reason: Option<&String>,
    uncertain: bool,
    delay: Duration,
    now: Timestamp,
) -> Move {
    let reason = reason.map(String::as_str);
    let not_before = now.plus(delay);
    if facts.attempt >= facts.max_attempts {
        finish(code::ATTEMPTS_EXHAUSTED, facts, reason, uncertain)
    } else if not_before >= facts.deadline {
        finish(code::TIME_BUDGET_EXCEEDED, facts, reason, uncertain)
    } else if uncertain && facts.in_doubt == InDoubt::Reconcile {
        Move::Doubt { not_before }
    } else {
        Move::Wait { not_before }
    }
}

fn doubt(facts: &Facts, reason: &str, delay: Duration, now: Timestamp) -> Move {
    let not_before = now.plus(delay);
    match facts.in_doubt {
        InDoubt::Reconcile if facts.reconciles >= facts.max_reconciles => Move::Park,
        InDoubt::Reconcile => Move::Doubt { not_before },
        InDoubt::Park => Move::Park,
        InDoubt::Fail => finish(code::IN_DOUBT, facts, Some(reason), true),
        InDoubt::Retry => match run_again(facts, None, true, delay, now) {
            Move::Finish(FinalOutcome::Failed(failure)) => {
                Move::Finish(FinalOutcome::Failed(failure.cause(Some(reason))))
            }
            _ => Move::Doubt { not_before },
        },
    }
}

fn finish(code: &'static str, facts: &Facts, cause: Option<&str>, uncertain: bool) -> Move {
    let called = facts.attempt > 0;
    let message = match (code, called) {
        (code::ATTEMPTS_EXHAUSTED, _) => {
            format!("all {} attempts are used up", facts.max_attempts)
        }
        (code::IN_DOUBT, _) => "a call may have been made; its outcome is unknown".to_owned(),
        (_, true) => "the time budget ended before the operation did".to_owned(),
        (_, false) => "the time budget ended before the first attempt".to_owned(),
    };
    let failure = Failure::new(code, &message).cause(cause).uncertain(uncertain).called(called);
    Move::Finish(FinalOutcome::Failed(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// The first of three attempts has ended at second 100; the deadline is at second 200.
    fn facts() -> Facts {
        Facts {
            attempt: 1,
            max_attempts: 3,
            in_doubt: InDoubt::Retry,
            unresolved: false,
            lost_attempts: 0,
            reconciles: 0,
            max_reconciles: 2,
            replays_errors: false,
            deadline: at(200),
        }
    }

    fn retry() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None })
    }

    fn in_doubt() -> AttemptEnd {
        AttemptEnd::InDoubt { reason: "no answer".into() }
    }

    fn failure(next: Move) -> Failure {
        match next {
            Move::Finish(FinalOutcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn next(end: &AttemptEnd, facts: Facts) -> Move {
        after_attempt(end, &facts, DELAY, at(100))
    }

    #[test]
    fn a_retry_waits_until_its_delay_has_passed() {
        assert_eq!(next(&retry(), facts()), Move::Wait { not_before: at(101) });
    }

    #[test]
    fn the_last_retry_fails_with_its_reason_as_cause() {
        let failure = failure(next(&retry(), Facts { attempt: 3, ..facts() }));
        assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
        assert_eq!(failure.cause.as_deref(), Some("busy"));
        assert!(failure.called && !failure.uncertain);
    }

    #[test]
    fn a_retry_that_would_land_on_the_deadline_fails_now() {
        let late = Facts { deadline: at(101), ..facts() };
        assert_eq!(failure(next(&retry(), late)).code, code::TIME_BUDGET_EXCEEDED);
    }

    #[test]
    fn doubt_follows_the_declaration() {
        let declared = |in_doubt| Facts { in_doubt, ..facts() };
        let again = Move::Doubt { not_before: at(101) };
        assert_eq!(next(&in_doubt(), declared(InDoubt::Retry)), again);
        assert_eq!(next(&in_doubt(), declared(InDoubt::Reconcile)), again);
        assert_eq!(next(&in_doubt(), declared(InDoubt::Park)), Move::Park);
        let failure = failure(next(&in_doubt(), declared(InDoubt::Fail)));
        assert!(failure.uncertain && failure.code == code::IN_DOUBT);
    }

    #[test]
    fn a_handler_that_kills_its_process_is_stopped() {
        let failure = failure(next(&in_doubt(), Facts { attempt: 3, ..facts() }));
        assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
        assert!(failure.uncertain);
        assert_eq!(failure.cause.as_deref(), Some("no answer"));
    }

    #[test]
    fn earlier_doubt_makes_a_later_giving_up_uncertain() {
        let doubted = Facts { attempt: 3, unresolved: true, ..facts() };
        assert!(failure(next(&retry(), doubted)).uncertain);
        assert!(failure(over_budget(&doubted, None)).uncertain);
    }

    #[test]
    fn a_failure_is_as_uncertain_as_it_says() {
        for uncertain in [false, true] {
            let said = Failure::new("CARD_DECLINED", "no").uncertain(uncertain);
            let end = AttemptEnd::Outcome(Outcome::Fail(said.clone()));
            for unresolved in [false, true] {
                assert_eq!(failure(next(&end, Facts { unresolved, ..facts() })), said);
            }
        }
    }

    #[test]
    fn reconcile_never_falls_through_to_a_run() {
        let reconciled = Facts { in_doubt: InDoubt::Reconcile, unresolved: true, ..facts() };
        for reconciles in 0..2 {
            let asked = Facts { reconciles, attempt: 3, deadline: at(0), ..reconciled };
            assert!(matches!(next(&in_doubt(), asked), Move::Doubt { .. }));
        }
        assert_eq!(next(&in_doubt(), Facts { reconciles: 2, ..reconciled }), Move::Park);
        let wait = Move::Wait { not_before: at(101) };
        assert_eq!(next(&AttemptEnd::NotHappened, reconciled), wait);
    }

    #[test]
    fn not_happened_is_definite() {
        let spent = Facts { attempt: 3, unresolved: true, ..facts() };
        let failure = failure(next(&AttemptEnd::NotHappened, spent));
        assert!(!failure.uncertain && failure.called);
    }

    #[test]
    fn a_deadline_before_the_first_attempt_says_that_no_call_was_made() {
        let failure = failure(over_budget(&Facts { attempt: 0, ..facts() }, None));
        assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
        assert!(!failure.called && !failure.uncertain);
    }
}
