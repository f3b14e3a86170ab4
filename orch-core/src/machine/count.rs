//! What claims and ends cost, and when it is enough. No other file changes a count or compares one with
//! its limit; `docs/book/attempts.md` says the same to users.
//!
//! | what happens | what it costs |
//! |---|---|
//! | claimed for an attempt | one of `max_attempts`: it is counted before the handler runs, so that one that kills its process is stopped too |
//! | claimed for a reconcile | one of `max_reconciles` |
//! | given back without a run: a shutdown, a worker that lacks a part, a call that must not be made | what the claim has cost comes back |
//! | the attempt ended with Retry, with or without `after` | nothing more; `retries` goes up |
//! | the attempt ended in doubt or its result is unreadable: the handler said so, a timeout, a panic, a lost lease; or the database has lost it | nothing more; `lost_attempts` goes up |
//! | the attempt ended with Ok or Fail | nothing more |
//! | the reconcile ended, whatever it was told | nothing more: the handler did not run |
//! | the finalize hook failed | one of [`MAX_HOOK_FAILURES`], and no attempt: the provider is not called again |
//! | an operator lets it run again | all reconciles come back, attempts do not |
//!
//! So `attempt <= max_attempts` unless an operator decides, and `attempt <= 1 + retries + lost_attempts`.
//! Where Postgres has a statement of its own, it spells the same, and the agreement tests compare.

use super::{Entry, Purpose, Row};
use crate::policies::MAX_HOOK_FAILURES;
use crate::words::{AttemptEnd, LogEntry, Outcome, Source};

impl Row {
    /// Counts a claim.
    pub(super) fn count_claim(&mut self, purpose: Purpose) {
        let count = self.claims(purpose);
        *count = count.saturating_add(1);
    }

    /// Takes a claim back that was given back without a run.
    pub(super) fn uncount_claim(&mut self, purpose: Purpose) {
        let count = self.claims(purpose);
        *count = count.saturating_sub(1);
    }

    const fn claims(&mut self, purpose: Purpose) -> &mut u32 {
        match purpose {
            Purpose::Attempt => &mut self.attempt,
            Purpose::Reconcile => &mut self.reconciles,
        }
    }

    /// True if there is no other attempt.
    pub(super) const fn attempts_are_used_up(&self) -> bool {
        self.attempt >= self.policy.max_attempts
    }

    /// True if there is no other reconcile.
    pub(super) const fn reconciles_are_used_up(&self) -> bool {
        self.reconciles >= self.policy.max_reconciles
    }

    /// An operator lets it run again: it may be reconciled as often as at first.
    pub(super) const fn renew_reconciles(&mut self) {
        self.reconciles = 0;
    }

    /// Counts what has ended, and keeps why it ended so. A reconcile without an answer is no lost
    /// attempt: the handler did not run.
    pub(super) fn count(&mut self, log: &LogEntry) {
        self.unhandled_since = None;
        match &log.end {
            AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
                self.retries = self.retries.saturating_add(1);
                self.key_generation = self.key_generation.saturating_add(self.new_keys());
                self.reason = Some(reason.clone());
            }
            AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)) => {
                self.first_called_at = None;
            }
            AttemptEnd::NotHappened => {
                self.first_called_at = None;
                self.reason = Some("the provider has not acted".to_owned());
            }
            // Counted as lost, so that no later call has another key than the one that has acted.
            AttemptEnd::InDoubt { reason } | AttemptEnd::Unreadable { reason, .. } => {
                let lost = u32::from(log.source != Source::Reconcile);
                self.lost_attempts = self.lost_attempts.saturating_add(lost);
                self.first_called_at.get_or_insert(log.started_at.unwrap_or(log.logged_at));
                self.reason = Some(reason.clone());
            }
        }
    }

    /// 1 after a definite error of a provider that replays errors, which would answer the same key
    /// with it for ever. 0 once an attempt was lost, even after its doubt is cleared by "not
    /// happened": its call may still be on its way with the old key, the error may come from
    /// something before the provider, and behind a new key it could act twice.
    ///
    /// Whether errors are replayed is what the claim wrote for the attempt that has ended. The key
    /// depends on nothing else than this count, so a contract that a deploy changes never changes
    /// the key of an earlier call.
    fn new_keys(&self) -> u32 {
        u32::from(self.policy.replays_errors && self.lost_attempts == 0)
    }
}

impl Entry {
    /// Counts a failure of its finalize hook. True if the hook is not run again by itself.
    pub(super) const fn count_hook_failure(&mut self) -> bool {
        self.hook_failures = self.hook_failures.saturating_add(1);
        self.hook_failures >= MAX_HOOK_FAILURES
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixture::{at, in_doubt, kind, retry, running};
    use super::super::{Ended, Entry, Fact, Purpose, ReleaseReason, Row, step};
    use crate::policies::{InDoubt, KindPolicy};
    use crate::words::{AttemptEnd, ClaimId, Failure, Outcome, Payload, Source, WorkerId};

    /// `attempt`, `retries`, `lost_attempts` and `reconciles`.
    type Counts = [u32; 4];

    fn counts(row: &Row) -> Counts {
        [row.attempt, row.retries, row.lost_attempts, row.reconciles]
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
        std::array::from_fn(|n| after[n] - before[n])
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
        std::array::from_fn(|n| cost[n] + end[n])
    }

    #[test]
    fn what_each_end_of_an_attempt_costs() {
        let outcome = AttemptEnd::Outcome;
        let after = Some(Duration::from_secs(90));
        let cost = |end: AttemptEnd| cost(Purpose::Attempt, &end);
        assert_eq!(cost(ok()), [1, 0, 0, 0]);
        assert_eq!(cost(outcome(Outcome::Fail(Failure::new("NO", "no")))), [1, 0, 0, 0]);
        assert_eq!(cost(retry()), [1, 1, 0, 0]);
        assert_eq!(cost(outcome(Outcome::Retry { reason: "busy".into(), after })), [1, 1, 0, 0]);
        assert_eq!(cost(in_doubt()), [1, 0, 1, 0]);
        let unreadable =
            AttemptEnd::Unreadable { reason: "NaN".into(), output: Payload::from("null") };
        assert_eq!(cost(unreadable), [1, 0, 1, 0]);
    }

    #[test]
    fn a_reconcile_costs_no_attempt_whatever_it_is_told() {
        for end in [ok(), AttemptEnd::NotHappened, in_doubt()] {
            assert_eq!(cost(Purpose::Reconcile, &end), [0, 0, 0, 1]);
        }
    }

    #[test]
    fn a_crash_costs_an_attempt_and_a_crash_while_reconciling_a_reconcile() {
        for (purpose, costs) in
            [(Purpose::Attempt, [1, 0, 1, 0]), (Purpose::Reconcile, [0, 0, 0, 1])]
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
        let since =
            |end, unresolved| counted(row(unresolved), end, Source::Handler).first_called_at;
        assert_eq!(since(in_doubt(), false), Some(at(5)));
        assert_eq!(since(in_doubt(), true), Some(at(3)));
        assert_eq!(since(ok(), true), None);
        assert_eq!(since(retry(), true), Some(at(3)));
        assert_eq!(since(retry(), false), None);
    }
}
