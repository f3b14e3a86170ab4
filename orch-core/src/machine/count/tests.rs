//! What each claim and each end costs.

use std::time::Duration;

use super::super::fixture::{already_done, at, in_doubt, kind, retry, running, still_running};
use super::super::{Ended, Entry, Fact, Purpose, ReleaseReason, Row, step};
use crate::policies::{InDoubt, KindPolicy};
use crate::words::{AttemptEnd, ClaimId, Failure, Outcome, Payload, Source, WorkerId};

/// `attempt`, `retries`, `lost_attempts`, `reconciles` and `uncounted`.
type Counts = [u32; 5];

fn counts(row: &Row) -> Counts {
    [row.attempt, row.retries, row.lost_attempts, row.reconciles, row.uncounted]
}

fn claimed(row: &Row) -> Row {
    let policy = KindPolicy { in_doubt: InDoubt::Reconcile, ..KindPolicy::new(kind()) };
    let worker = WorkerId::from_stored("w-2".to_owned());
    let (id, lease) = (ClaimId::NONE, Duration::from_secs(30));
    let fact = Fact::Claimed { policy: &policy, worker: &worker, id, lease, whole_since: 0 };
    step(row, fact, at(100)).row
}

/// A claim for this, and what it has cost.
fn claim(purpose: Purpose) -> (Row, Counts) {
    let unresolved = purpose == Purpose::Reconcile;
    let row = Row {
        due_at: Some(at(100)),
        lease_expires_at: None,
        worker: None,
        first_called_at: unresolved.then(|| at(60)),
        attempt: 1,
        ..running()
    };
    let claimed = claimed(&row);
    assert_eq!(claimed.purpose(), Some(purpose));
    let before = counts(&row);
    (claimed.clone(), difference(counts(&claimed), before))
}

fn difference(after: Counts, before: Counts) -> Counts {
    std::array::from_fn(|n| after[n].wrapping_sub(before[n]))
}

/// What a claim of this purpose and its end cost together.
fn cost(purpose: Purpose, end: &AttemptEnd) -> Counts {
    let (row, cost) = claim(purpose);
    let source = match purpose {
        Purpose::Attempt => Source::Handler,
        Purpose::Reconcile => Source::Reconcile,
    };
    let (fence, delay) = (row.fence, Duration::from_secs(1));
    let ended = Ended { fence, source, end, delay, logged: None };
    let after = step(&row, Fact::Settled(ended), at(110)).row;
    let end = difference(counts(&after), counts(&row));
    // A claim that comes back is less than nothing.
    std::array::from_fn(|n| cost[n].wrapping_add(end[n]))
}

#[test]
fn what_each_end_of_an_attempt_costs() {
    let outcome = AttemptEnd::Outcome;
    let after = Some(Duration::from_secs(90));
    let cost = |end: AttemptEnd| cost(Purpose::Attempt, &end);
    assert_eq!(cost(ok()), [1, 0, 0, 0, 0]);
    assert_eq!(cost(outcome(Outcome::Fail(Failure::new("NO", "no")))), [1, 0, 0, 0, 0]);
    assert_eq!(cost(retry()), [1, 1, 0, 0, 0]);
    assert_eq!(cost(outcome(Outcome::Retry { reason: "busy".into(), after })), [1, 1, 0, 0, 0]);
    assert_eq!(cost(in_doubt()), [1, 0, 1, 0, 0]);
    assert_eq!(cost(still_running()), [0, 1, 1, 0, 1]);
    assert_eq!(cost(already_done()), [1, 0, 1, 0, 0]);
    let unreadable = AttemptEnd::Unreadable { reason: "NaN".into(), output: Payload::from("null") };
    assert_eq!(cost(unreadable), [1, 0, 1, 0, 0]);
}

#[test]
fn a_reconcile_costs_no_attempt_whatever_it_is_told() {
    for end in [ok(), AttemptEnd::NotHappened, in_doubt()] {
        assert_eq!(cost(Purpose::Reconcile, &end), [0, 0, 0, 1, 0]);
    }
    // It has no word for these; they would tell of a call, and there is no attempt to give back.
    for end in [still_running(), already_done()] {
        assert_eq!(cost(Purpose::Reconcile, &end), [0, 0, 1, 1, 0]);
    }
}

#[test]
fn a_crash_costs_an_attempt_and_a_crash_while_reconciling_a_reconcile() {
    for (purpose, costs) in
        [(Purpose::Attempt, [1, 0, 1, 0, 0]), (Purpose::Reconcile, [0, 0, 0, 1, 0])]
    {
        let (row, claim) = claim(purpose);
        let after = step(&row, Fact::LeaseExpired { jitter: 0.0 }, at(140)).row;
        let lost = difference(counts(&after), counts(&row));
        assert_eq!(std::array::from_fn(|n| claim[n] + lost[n]), costs);
    }
}

#[test]
fn what_is_given_back_costs_nothing() {
    let reason = "another version".to_owned();
    let reasons = [
        ReleaseReason::Unstarted,
        ReleaseReason::Unhandled { reason: reason.clone() },
        ReleaseReason::Unrunnable { reason },
    ];
    for purpose in [Purpose::Attempt, Purpose::Reconcile] {
        for reason in &reasons {
            let (row, cost) = claim(purpose);
            let fact = Fact::Released { fence: row.fence, reason, logged: None };
            let after = step(&row, fact, at(110)).row;
            let before: Counts = std::array::from_fn(|n| counts(&row)[n] - cost[n]);
            assert_eq!(counts(&after), before, "{purpose:?} {reason:?}");
        }
    }
}

#[test]
fn a_failing_hook_costs_no_attempt() {
    let (row, _) = claim(Purpose::Attempt);
    let mut logged = Entry::of(&row, Source::Handler, ok(), at(110)).pending();
    let fact = Fact::HookFailed {
        fence: row.fence,
        logged: Some(&logged),
        error: "no such table",
        jitter: 0.0,
    };
    assert_eq!(counts(&step(&row, fact, at(120)).row), counts(&row));
    assert_eq!((1..=20).find(|_| logged.count_hook_failure()), Some(20));
}

/// A running attempt of a provider that replays errors. Only a lost attempt leaves a doubt.
fn row(unresolved: bool) -> Row {
    let mut row = running();
    row.policy.replays_errors = true;
    row.first_called_at = unresolved.then(|| at(3));
    row.lost_attempts = u32::from(unresolved);
    row
}

/// The row after this end of the attempt that was claimed at second 5.
fn counted(mut row: Row, end: AttemptEnd, source: Source) -> Row {
    row.started_at = Some(at(5));
    let entry = Entry::of(&row, source, end, at(9)).of_attempt(&row);
    row.count(&entry.log);
    row
}

fn ok() -> AttemptEnd {
    AttemptEnd::Outcome(Outcome::Ok { output: Payload::from("done") })
}

#[test]
fn a_lost_attempt_counts_and_an_unanswered_reconcile_does_not() {
    let lost = |source| counted(row(false), in_doubt(), source).lost_attempts;
    assert_eq!(lost(Source::Handler), 1);
    assert_eq!(lost(Source::Engine), 1);
    assert_eq!(lost(Source::Reconcile), 0);
}

/// The row after so many attempts in a row that were told so.
fn told(mut row: Row, times: u32) -> Row {
    for _ in 0..times {
        row.count_claim(Purpose::Attempt);
        row = counted(row, still_running(), Source::Handler);
        let entry = Entry::of(&row, Source::Handler, still_running(), at(9));
        row.give_back(&entry.log);
    }
    row
}

#[test]
fn still_running_uses_up_no_attempt_up_to_its_limit() {
    let mut row = Row { attempt: 0, ..row(false) };
    row.policy.max_uncounted = 2;
    let after = |times| {
        let row = told(row.clone(), times);
        (row.attempt, row.uncounted, row.retries, row.lost_attempts)
    };
    assert_eq!(after(1), (0, 1, 1, 1));
    assert_eq!(after(2), (0, 2, 2, 1));
    assert_eq!(after(3), (1, 2, 3, 1));
    assert_eq!(after(4), (2, 2, 4, 1));
}

#[test]
fn what_an_end_uses_up_is_known_before_it_is_counted() {
    let mut row = Row { attempt: 3, ..row(false) };
    row.policy.max_uncounted = 1;
    assert!(!row.attempts_are_used_up_by(&still_running()));
    assert!(row.attempts_are_used_up_by(&retry()));
    row.uncounted = 1;
    assert!(row.attempts_are_used_up_by(&still_running()));
}

#[test]
fn still_running_and_already_done_keep_the_key_also_when_their_doubt_is_cleared() {
    for end in [still_running(), already_done()] {
        let told = counted(row(false), end, Source::Handler);
        assert!(told.is_unresolved() && told.lost_attempts == 1);
        let cleared = counted(told, AttemptEnd::NotHappened, Source::Reconcile);
        assert!(!cleared.is_unresolved());
        assert_eq!(counted(cleared, retry(), Source::Handler).key_generation, 0);
    }
}

#[test]
fn an_operator_renews_what_is_not_an_attempt_and_answers_for_what_was_done() {
    let mut row = Row { reconciles: 2, uncounted: 2, already_done: true, ..row(true) };
    row.renew();
    assert_eq!((row.reconciles, row.uncounted, row.already_done), (0, 0, false));
    assert_eq!((row.attempt, row.lost_attempts), (1, 1));
}

#[test]
fn a_retry_leaves_earlier_doubt_as_it_was() {
    for unresolved in [false, true] {
        let row = counted(row(unresolved), retry(), Source::Handler);
        assert_eq!((row.retries, row.is_unresolved()), (1, unresolved));
        assert_eq!(row.reason.as_deref(), Some("busy"));
    }
}

#[test]
fn only_a_definite_answer_clears_doubt() {
    let unresolved = |end, source| counted(row(true), end, source).is_unresolved();
    assert!(!unresolved(ok(), Source::Handler));
    assert!(!unresolved(AttemptEnd::NotHappened, Source::Reconcile));
    assert!(unresolved(in_doubt(), Source::Reconcile));
}

#[test]
fn only_a_retry_before_any_doubt_raises_the_key_generation() {
    let generations =
        |end, unresolved| counted(row(unresolved), end, Source::Handler).key_generation;
    assert_eq!(generations(retry(), false), 1);
    assert_eq!(generations(retry(), true), 0);
    for unresolved in [false, true] {
        for end in [in_doubt(), ok(), AttemptEnd::NotHappened] {
            assert_eq!(generations(end, unresolved), 0);
        }
    }
}

#[test]
fn a_lost_attempt_keeps_the_key_also_when_its_doubt_is_cleared() {
    for (lost_attempts, generations) in [(0, 1), (1, 0), (2, 0)] {
        let cleared = Row { lost_attempts, ..row(false) };
        let row = counted(cleared, retry(), Source::Handler);
        assert_eq!((row.key_generation, row.is_unresolved()), (generations, false));
    }
}

#[test]
fn where_errors_are_not_replayed_no_end_raises_the_key_generation() {
    for unresolved in [false, true] {
        for end in [retry(), in_doubt(), ok(), AttemptEnd::NotHappened] {
            let mut row = row(unresolved);
            row.policy.replays_errors = false;
            assert_eq!(counted(row, end, Source::Handler).key_generation, 0);
        }
    }
}

#[test]
fn the_oldest_call_in_doubt_is_remembered_until_doubt_is_cleared() {
    let since = |end, unresolved| counted(row(unresolved), end, Source::Handler).first_called_at;
    assert_eq!(since(in_doubt(), false), Some(at(5)));
    assert_eq!(since(in_doubt(), true), Some(at(3)));
    assert_eq!(since(ok(), true), None);
    assert_eq!(since(retry(), true), Some(at(3)));
    assert_eq!(since(retry(), false), None);
}
