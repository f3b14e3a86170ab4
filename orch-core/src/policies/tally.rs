use super::Facts;
use crate::words::{AttemptEnd, Outcome, Source, Timestamp};

/// What an ended attempt, or a provider's answer, changes in the operation's row, beside the
/// [`Move`](super::Move). A store adds it; it never counts by rules of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// To add to the attempts that ended with Retry: 0 or 1.
    pub retries: u32,
    /// To add to the attempts whose end nobody knows: 0 or 1.
    pub lost_attempts: u32,
    /// Whether doubt stands from here on.
    pub unresolved: bool,
    /// To add to the key generation: 1 after a definite error of a provider that replays errors,
    /// which would answer the same key with it for ever. 0 once an attempt was lost, also after
    /// doubt is cleared by "not happened": its call may still be on its way with the old key, the
    /// error may come from something before the provider, and behind a new key it could act twice.
    ///
    /// Whether errors are replayed is what the claim wrote for the run that has ended. The key
    /// depends on nothing else than this count, so a contract that a deploy changes never changes
    /// the key of an earlier call.
    pub key_generations: u32,
    /// Why the operation waits from here on, for people; `None` leaves that as it was.
    pub reason: Option<String>,
}

impl Tally {
    /// The tally of this end; `facts` is the row before it. A question to the provider that got
    /// no answer is no lost attempt: the handler did not run.
    #[must_use]
    pub fn of(end: &AttemptEnd, source: Source, facts: &Facts) -> Self {
        let Facts { unresolved, lost_attempts, replays_errors, .. } = *facts;
        match end {
            AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => Self {
                retries: 1,
                unresolved,
                key_generations: u32::from(replays_errors && lost_attempts == 0),
                reason: Some(reason.clone()),
                ..Self::default()
            },
            AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)) => Self::default(),
            AttemptEnd::NotHappened => {
                Self { reason: Some("the provider has not acted".to_owned()), ..Self::default() }
            }
            AttemptEnd::InDoubt { reason } => Self {
                lost_attempts: u32::from(source != Source::Reconcile),
                unresolved: true,
                reason: Some(reason.clone()),
                ..Self::default()
            },
        }
    }

    /// When the oldest attempt in doubt was claimed, from here on: what stood there, or the
    /// claim that has ended now; `None` unless doubt stands.
    #[must_use]
    pub fn first_called_at(
        &self,
        before: Option<Timestamp>,
        claimed_at: Timestamp,
    ) -> Option<Timestamp> {
        self.unresolved.then(|| before.unwrap_or(claimed_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::InDoubt;

    /// A running attempt of a provider that replays errors. Only a lost attempt leaves a doubt.
    fn facts(unresolved: bool) -> Facts {
        Facts {
            attempt: 1,
            max_attempts: 3,
            in_doubt: InDoubt::Retry,
            unresolved,
            lost_attempts: u32::from(unresolved),
            reconciles: 0,
            max_reconciles: 2,
            replays_errors: true,
            deadline: Timestamp::from_micros(9),
        }
    }

    fn tally(end: &AttemptEnd, source: Source, unresolved: bool) -> Tally {
        Tally::of(end, source, &facts(unresolved))
    }

    fn in_doubt() -> AttemptEnd {
        AttemptEnd::InDoubt { reason: "no answer".into() }
    }

    fn retry() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None })
    }

    fn ok() -> AttemptEnd {
        AttemptEnd::Outcome(Outcome::Ok { output: "done".into() })
    }

    #[test]
    fn a_lost_attempt_counts_and_an_unanswered_question_does_not() {
        assert_eq!(tally(&in_doubt(), Source::Handler, false).lost_attempts, 1);
        assert_eq!(tally(&in_doubt(), Source::Engine, false).lost_attempts, 1);
        assert_eq!(tally(&in_doubt(), Source::Reconcile, true).lost_attempts, 0);
    }

    #[test]
    fn a_retry_leaves_earlier_doubt_as_it_was() {
        for unresolved in [false, true] {
            let tally = tally(&retry(), Source::Handler, unresolved);
            assert_eq!((tally.retries, tally.unresolved), (1, unresolved));
            assert_eq!(tally.reason.as_deref(), Some("busy"));
        }
    }

    #[test]
    fn only_a_definite_answer_clears_doubt() {
        assert!(!tally(&ok(), Source::Handler, true).unresolved);
        assert!(!tally(&AttemptEnd::NotHappened, Source::Reconcile, true).unresolved);
        assert!(tally(&in_doubt(), Source::Reconcile, true).unresolved);
    }

    #[test]
    fn only_a_retry_before_any_doubt_raises_the_key_generation() {
        let generations =
            |end, unresolved| tally(&end, Source::Handler, unresolved).key_generations;
        assert_eq!(generations(retry(), false), 1);
        assert_eq!(generations(retry(), true), 0);
        for unresolved in [false, true] {
            for end in [in_doubt(), ok(), AttemptEnd::NotHappened] {
                assert_eq!(generations(end, unresolved), 0);
            }
        }
    }

    #[test]
    fn a_lost_attempt_keeps_the_key_also_when_its_doubt_is_settled() {
        for (lost_attempts, generations) in [(0, 1), (1, 0), (2, 0)] {
            let cleared = Facts { lost_attempts, ..facts(false) };
            let tally = Tally::of(&retry(), Source::Handler, &cleared);
            assert_eq!((tally.key_generations, tally.unresolved), (generations, false));
        }
    }

    #[test]
    fn where_errors_are_not_replayed_no_end_raises_the_key_generation() {
        for unresolved in [false, true] {
            let kept = Facts { replays_errors: false, ..facts(unresolved) };
            for end in [retry(), in_doubt(), ok(), AttemptEnd::NotHappened] {
                assert_eq!(Tally::of(&end, Source::Handler, &kept).key_generations, 0);
            }
        }
    }

    #[test]
    fn the_oldest_call_in_doubt_is_remembered_until_doubt_is_settled() {
        let at = Timestamp::from_micros;
        let lost = tally(&in_doubt(), Source::Engine, false);
        assert_eq!(lost.first_called_at(None, at(5)), Some(at(5)));
        assert_eq!(lost.first_called_at(Some(at(3)), at(5)), Some(at(3)));
        let answered = tally(&ok(), Source::Handler, true);
        assert_eq!(answered.first_called_at(Some(at(3)), at(5)), None);
        let busy = tally(&retry(), Source::Handler, true);
        assert_eq!(busy.first_called_at(Some(at(3)), at(5)), Some(at(3)));
        let busy = tally(&retry(), Source::Handler, false);
        assert_eq!(busy.first_called_at(None, at(5)), None);
    }
}
