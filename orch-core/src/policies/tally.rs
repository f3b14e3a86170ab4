use crate::words::{AttemptEnd, Outcome, Source};

/// What an ended attempt, or a provider's answer, changes in the operation's row, beside the
/// [`Move`](super::Move). A store adds it; it never counts by rules of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// To add to the attempts that ended with Retry: 0 or 1.
    pub retries: u32,
    /// To add to the attempts whose end nobody knows: 0 or 1.
    pub lost_attempts: u32,
    /// Whether doubt stands from here on; `None` leaves that as it was.
    pub unresolved: Option<bool>,
    /// Why the operation waits from here on, for people; `None` leaves that as it was.
    pub reason: Option<String>,
}

impl Tally {
    /// The tally of this end. A question to the provider that got no answer is no lost attempt:
    /// the handler did not run.
    #[must_use]
    pub fn of(end: &AttemptEnd, source: Source) -> Self {
        match end {
            AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
                Self { retries: 1, reason: Some(reason.clone()), ..Self::default() }
            }
            AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)) => {
                Self { unresolved: Some(false), ..Self::default() }
            }
            AttemptEnd::NotHappened => Self {
                unresolved: Some(false),
                reason: Some("the provider has not acted".to_owned()),
                ..Self::default()
            },
            AttemptEnd::InDoubt { reason } => Self {
                lost_attempts: u32::from(source != Source::Reconcile),
                unresolved: Some(true),
                reason: Some(reason.clone()),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_doubt() -> AttemptEnd {
        AttemptEnd::InDoubt { reason: "no answer".into() }
    }

    #[test]
    fn a_lost_attempt_counts_and_an_unanswered_question_does_not() {
        assert_eq!(Tally::of(&in_doubt(), Source::Handler).lost_attempts, 1);
        assert_eq!(Tally::of(&in_doubt(), Source::Engine).lost_attempts, 1);
        assert_eq!(Tally::of(&in_doubt(), Source::Reconcile).lost_attempts, 0);
    }

    #[test]
    fn a_retry_leaves_earlier_doubt_as_it_was() {
        let retry = AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None });
        let tally = Tally::of(&retry, Source::Handler);
        assert_eq!((tally.retries, tally.unresolved), (1, None));
        assert_eq!(tally.reason.as_deref(), Some("busy"));
    }

    #[test]
    fn only_a_definite_answer_settles_doubt() {
        let ok = AttemptEnd::Outcome(Outcome::Ok { output: "done".into() });
        assert_eq!(Tally::of(&ok, Source::Handler).unresolved, Some(false));
        assert_eq!(Tally::of(&AttemptEnd::NotHappened, Source::Reconcile).unresolved, Some(false));
        assert_eq!(Tally::of(&in_doubt(), Source::Reconcile).unresolved, Some(true));
    }
}
