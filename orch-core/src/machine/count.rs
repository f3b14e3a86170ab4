use super::Row;
use crate::words::{AttemptEnd, LogEntry, Outcome, Source};

impl Row {
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, in_doubt, retry, running};
    use super::super::{Entry, Row};
    use crate::words::{AttemptEnd, Outcome, Source};

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
        AttemptEnd::Outcome(Outcome::Ok { output: "done".into() })
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
