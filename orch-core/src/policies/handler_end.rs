use super::{Effect, Submitted};
use crate::words::{AttemptEnd, Outcome};

/// How an attempt ended, as the handler says. That is about this attempt only;
/// [`HandlerEnd::of_operation`] says what it means for the operation, about which earlier attempts
/// may have left doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerEnd {
    /// How it ended.
    pub end: AttemptEnd,
    /// True if a failure is about the earlier calls as well: the provider has looked at the key,
    /// and none of them has acted or will.
    pub clears_doubt: bool,
    /// What the provider has accepted the call as, if it tells later what becomes of it.
    pub submitted: Option<Submitted>,
}

impl HandlerEnd {
    /// The provider has accepted the call, with what it says as text that is storable.
    #[must_use]
    pub fn submitted(submitted: Submitted, reason: String) -> Self {
        let end = AttemptEnd::Submitted { reason, after: submitted.asked_after() };
        Self { submitted: Some(submitted), ..end.into() }
    }

    /// The end to be stored. `unresolved` says whether there was doubt when the attempt was
    /// claimed: doubt that arises later has another fence, under which this end is stale.
    ///
    /// A failure while doubt remains is `uncertain` unless it clears doubt. This call was
    /// refused, perhaps before the provider looked at the key, and says nothing of the call
    /// whose answer was lost. A success clears doubt always: it is the one effect of the key.
    /// About a read there is no doubt that could matter.
    #[must_use]
    pub fn of_operation(self, unresolved: bool, effect: Effect) -> AttemptEnd {
        let doubt_stays = unresolved && effect != Effect::Read && !self.clears_doubt;
        match self.end {
            AttemptEnd::Outcome(Outcome::Fail(failure)) if doubt_stays => {
                AttemptEnd::Outcome(Outcome::Fail(failure.uncertain(true)))
            }
            end => end,
        }
    }
}

impl From<AttemptEnd> for HandlerEnd {
    /// An end that is about its own attempt only.
    fn from(end: AttemptEnd) -> Self {
        Self { end, clears_doubt: false, submitted: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Failure;

    const DOUBTFUL: [Effect; 3] = [Effect::Idempotent, Effect::Keyed, Effect::Unsafe];

    fn fail(uncertain: bool) -> AttemptEnd {
        let failure = Failure::new("HTTP_401", "no such API key").uncertain(uncertain);
        AttemptEnd::Outcome(Outcome::Fail(failure))
    }

    fn clearing(end: AttemptEnd) -> HandlerEnd {
        HandlerEnd { clears_doubt: true, ..end.into() }
    }

    #[test]
    fn a_failure_while_doubt_stands_is_uncertain() {
        for effect in DOUBTFUL {
            assert_eq!(HandlerEnd::from(fail(false)).of_operation(true, effect), fail(true));
        }
    }

    #[test]
    fn a_failure_that_clears_doubt_is_not() {
        for effect in DOUBTFUL {
            assert_eq!(clearing(fail(false)).of_operation(true, effect), fail(false));
        }
    }

    #[test]
    fn a_failure_without_doubt_or_of_a_read_is_as_the_handler_says() {
        for uncertain in [false, true] {
            for effect in Effect::ALL {
                let said = HandlerEnd::from(fail(uncertain));
                assert_eq!(said.clone().of_operation(false, effect), fail(uncertain));
                assert_eq!(said.of_operation(effect == Effect::Read, effect), fail(uncertain));
            }
        }
    }

    #[test]
    fn an_uncertain_failure_stays_uncertain_whatever_it_settles() {
        for effect in Effect::ALL {
            for unresolved in [false, true] {
                assert_eq!(clearing(fail(true)).of_operation(unresolved, effect), fail(true));
            }
        }
    }

    #[test]
    fn every_other_end_is_left_alone() {
        let ends = [
            AttemptEnd::Outcome(Outcome::Ok { output: "1".into() }),
            AttemptEnd::Outcome(Outcome::Retry { reason: "busy".into(), after: None }),
            AttemptEnd::InDoubt { reason: "no answer".into() },
            AttemptEnd::NotHappened,
            AttemptEnd::StillRunning { reason: "at work".into(), after: None },
            AttemptEnd::AlreadyDone { reason: "paid".into() },
            AttemptEnd::Submitted { reason: "accepted".into(), after: None },
        ];
        for end in ends {
            assert_eq!(HandlerEnd::from(end.clone()).of_operation(true, Effect::Keyed), end);
        }
    }
}
