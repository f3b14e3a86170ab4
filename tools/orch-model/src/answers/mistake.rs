use orch_core::policies::InDoubt;

use super::invariants::{A1, A2, A3, A4, A5, A6, A7};
use super::row::{Due, Final, Row};
use super::world::End;
use super::{Before, Rules};

/// A mistake about these answers; a model that does not find them says nothing about their absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// Still running is taken for "nothing happened, try later".
    StillRunningIsRetry,
    /// Still running does not count as a lost attempt, so a later error may change the key.
    StillRunningLosesNothing,
    /// Still running clears the doubt.
    StillRunningClearsDoubt,
    /// Still running does not count as a retry.
    StillRunningIsNoRetry,
    /// Executions that use up no attempt have no limit.
    UncountedIsNotCounted,
    /// Still running gives back an attempt more than it has used.
    AttemptIsGivenBackTwice,
    /// Already done is taken for a success of this operation.
    AlreadyDoneIsOk,
    /// Already done is taken for a refusal.
    AlreadyDoneIsDeclined,
    /// That it was done already is forgotten.
    AlreadyDoneIsForgotten,
    /// What a reconcile refuses may run again.
    RefusedIsNotHappened,
    /// A provider that cannot say has not acted.
    UnansweredIsNotHappened,
    /// What the provider has accepted is taken for a success.
    SubmittedIsOk,
    /// It is taken for "nothing happened, try later".
    SubmittedIsRetry,
    /// It is no doubt at its deadline.
    SubmittedClearsDoubt,
    /// It is due as what waits is.
    SubmittedIsDueAtOnce,
    /// It is not looked at at its deadline.
    SubmittedIsNeverDue,
    /// A claim makes ordinary doubt of it.
    SubmittedIsForgotten,
    /// A message that refuses is about every call, also those after it was written.
    RefusedByMessageIsCertain,
    /// So is one that says that it has not happened.
    NotHappenedByMessageIsCertain,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::StillRunningIsRetry,
        Self::StillRunningLosesNothing,
        Self::StillRunningClearsDoubt,
        Self::StillRunningIsNoRetry,
        Self::UncountedIsNotCounted,
        Self::AttemptIsGivenBackTwice,
        Self::AlreadyDoneIsOk,
        Self::AlreadyDoneIsDeclined,
        Self::AlreadyDoneIsForgotten,
        Self::RefusedIsNotHappened,
        Self::UnansweredIsNotHappened,
        Self::SubmittedIsOk,
        Self::SubmittedIsRetry,
        Self::SubmittedClearsDoubt,
        Self::SubmittedIsDueAtOnce,
        Self::SubmittedIsNeverDue,
        Self::SubmittedIsForgotten,
        Self::RefusedByMessageIsCertain,
        Self::NotHappenedByMessageIsCertain,
    ];

    /// The invariant that it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::StillRunningLosesNothing => A1,
            Self::StillRunningIsNoRetry => A2,
            Self::StillRunningClearsDoubt
            | Self::AlreadyDoneIsDeclined
            | Self::UnansweredIsNotHappened
            | Self::SubmittedClearsDoubt
            | Self::RefusedByMessageIsCertain
            | Self::NotHappenedByMessageIsCertain => A3,
            Self::AlreadyDoneIsOk | Self::SubmittedIsOk => A4,
            Self::UncountedIsNotCounted
            | Self::AttemptIsGivenBackTwice
            | Self::SubmittedIsNeverDue => A5,
            Self::StillRunningIsRetry => A6,
            Self::AlreadyDoneIsForgotten
            | Self::RefusedIsNotHappened
            | Self::SubmittedIsRetry
            | Self::SubmittedIsDueAtOnce
            | Self::SubmittedIsForgotten => A7,
        }
    }

    /// A world that shows it.
    #[must_use]
    pub const fn rules(self) -> Rules {
        let (in_doubt, before) = match self {
            Self::StillRunningIsRetry | Self::StillRunningLosesNothing => {
                (InDoubt::Retry, Before::LostAtWork)
            }
            Self::AlreadyDoneIsOk | Self::AlreadyDoneIsForgotten => {
                (InDoubt::Reconcile, Before::DoneByAnother)
            }
            Self::AlreadyDoneIsDeclined => (InDoubt::Reconcile, Before::LostDone),
            Self::RefusedIsNotHappened
            | Self::UnansweredIsNotHappened
            | Self::SubmittedIsForgotten
            | Self::NotHappenedByMessageIsCertain => (InDoubt::Reconcile, Before::Nothing),
            _ => (InDoubt::Retry, Before::Nothing),
        };
        let messages = match self {
            Self::RefusedByMessageIsCertain | Self::NotHappenedByMessageIsCertain => 1,
            _ => 0,
        };
        Rules { mistake: Some(self), messages, ..Rules::of(in_doubt, before, 1) }
    }
}

impl Rules {
    /// How an attempt ended, as its worker understands it.
    pub(super) fn said(&self, end: End, reconciles: bool) -> End {
        match (self.mistake, end) {
            (Some(Mistake::StillRunningIsRetry), End::StillRunning)
            | (Some(Mistake::SubmittedIsRetry), End::Submitted) => End::Retry,
            (Some(Mistake::AlreadyDoneIsOk), End::AlreadyDone)
            | (Some(Mistake::SubmittedIsOk), End::Submitted) => End::Ok,
            (Some(Mistake::AlreadyDoneIsDeclined), End::AlreadyDone) => End::Declined,
            (Some(Mistake::RefusedIsNotHappened), End::Refused) => End::NotHappened,
            (Some(Mistake::UnansweredIsNotHappened), End::InDoubt) if reconciles => {
                End::NotHappened
            }
            _ => end,
        }
    }

    /// What a store saves where the machine says this.
    pub(super) fn saved(&self, before: &Row, mut row: Row, said: Option<End>) -> Row {
        match (self.mistake, said) {
            (Some(Mistake::StillRunningLosesNothing), Some(End::StillRunning)) => {
                row.lost_attempts = before.lost_attempts;
            }
            (Some(Mistake::StillRunningClearsDoubt), Some(End::StillRunning))
            | (Some(Mistake::SubmittedClearsDoubt), Some(End::Submitted)) => {
                row.unresolved = false;
            }
            (Some(Mistake::SubmittedIsDueAtOnce), Some(End::Submitted)) => row.due = Due::Now,
            (Some(Mistake::SubmittedIsNeverDue), Some(End::Submitted)) => row.due = Due::Never,
            (Some(Mistake::SubmittedIsForgotten), None) => row.submitted = false,
            (Some(Mistake::StillRunningIsNoRetry), Some(End::StillRunning)) => {
                row.retries = before.retries;
            }
            (Some(Mistake::UncountedIsNotCounted), Some(End::StillRunning)) => {
                row.uncounted = before.uncounted;
            }
            (Some(Mistake::AttemptIsGivenBackTwice), Some(End::StillRunning)) => {
                row.attempt = row.attempt.saturating_sub(1);
            }
            (Some(Mistake::RefusedByMessageIsCertain), Some(End::Refused)) => {
                row.outcome = row.outcome.map(|_| Final::Failed { uncertain: false });
            }
            (Some(Mistake::NotHappenedByMessageIsCertain), Some(End::NotHappened)) => {
                row.unresolved = false;
            }
            (Some(Mistake::AlreadyDoneIsForgotten), Some(End::AlreadyDone)) => {
                row.already_done = false;
            }
            _ => {}
        }
        row
    }
}
