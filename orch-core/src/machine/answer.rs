use std::fmt;

use super::{Purpose, Row};
use crate::words::{FinalOutcome, Phase, Status, Timestamp};

/// What a [`step`](super::step) tells. Each verb of a store turns it into its own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The operation is claimed, for this.
    Claimed(Purpose),
    /// The lease lasts until then.
    Renewed {
        /// Its new end.
        lease_expires_at: Timestamp,
    },
    /// The claim is given back.
    Released,
    /// The end is in the log, PENDING: to be finalized, with its hook if there is one.
    Logged,
    /// The operation went there; or it is there already, and the call was a repeated one.
    Moved(Finalized),
    /// It may run again as a new operation.
    Redriven,
    /// It has not failed, so it is not run again.
    NotFailed {
        /// The status that it has.
        status: Status,
    },
    /// It is not parked, so there is nothing to decide.
    NotParked {
        /// The status that it has.
        status: Status,
        /// Its phase.
        phase: Option<Phase>,
    },
    /// It is parked, and the decision is none for what it is parked for.
    Unfit {
        /// True if it is parked for its finalize hook: then its outcome is logged.
        for_hook: bool,
    },
    /// The provider may have acted, so running it again must be asked for by name.
    Uncertain,
    /// The provider's message has to wait until the attempt has ended, or its end is finalized.
    Kept,
    /// The provider's message moves nothing by itself: it says nothing new, or is in the log for operators, or
    /// has made a reconcile due at once.
    Noted,
    /// The fact is not, or no longer, about this row: nothing changes.
    Stale,
}

/// What became of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finalized {
    /// The operation is terminal with this outcome: this call has made it so.
    Finished(FinalOutcome),
    /// It is terminal with this outcome, and was so before this call.
    AlreadyFinal(FinalOutcome),
    /// It waits for its next attempt.
    Waiting {
        /// When that is due.
        due_at: Timestamp,
    },
    /// It is in doubt.
    InDoubt {
        /// When it is next looked at.
        due_at: Timestamp,
    },
    /// The provider has accepted the call and tells later what becomes of it.
    Submitted {
        /// When it is next looked at: the provider is asked, or the time budget is over.
        due_at: Timestamp,
    },
    /// It waits for an operator.
    Parked,
    /// The hook failed, or is not at hand: nothing changed but the time of the next try.
    HookFailed {
        /// The hook's error, or who lacks it.
        reason: String,
        /// When the Finalizer retries.
        due_at: Timestamp,
    },
    /// The database refuses to move it: nothing changed.
    Refused {
        /// What the database says.
        reason: String,
    },
    /// The claim is superseded, or nothing is logged under it. An answer given to `settle` is
    /// kept as a late outcome.
    Stale,
}

impl Answer {
    /// The answer of settle and finalize.
    #[must_use]
    pub fn finalized(self) -> Finalized {
        match self {
            Self::Moved(to) => to,
            Self::Claimed(_)
            | Self::Renewed { .. }
            | Self::Released
            | Self::Logged
            | Self::Redriven
            | Self::NotFailed { .. }
            | Self::NotParked { .. }
            | Self::Unfit { .. }
            | Self::Uncertain
            | Self::Kept
            | Self::Noted
            | Self::Stale => Finalized::Stale,
        }
    }

    /// The answer of a sweep and of an operator's decision: `None` if the end is logged and the
    /// Finalizer has to run the hook.
    #[must_use]
    pub fn moved_or_logged(self) -> Option<Finalized> {
        match self {
            Self::Logged => None,
            other => Some(other.finalized()),
        }
    }
}

impl Finalized {
    /// What the same call again is told.
    #[must_use]
    pub fn again(self) -> Self {
        match self {
            Self::Finished(outcome) => Self::AlreadyFinal(outcome),
            other => other,
        }
    }

    /// Where a row is: what a repeated call is told.
    #[must_use]
    pub fn standing(row: &Row) -> Self {
        match (&row.outcome, row.phase, row.due_at) {
            (Some(outcome), ..) => Self::Finished(outcome.clone()),
            (None, Some(Phase::Waiting), Some(due_at)) => Self::Waiting { due_at },
            (None, Some(Phase::InDoubt), Some(due_at)) => Self::InDoubt { due_at },
            (None, Some(Phase::Submitted), Some(due_at)) => Self::Submitted { due_at },
            (None, Some(Phase::Parked), _) => Self::Parked,
            (
                None,
                Some(Phase::Running | Phase::Waiting | Phase::InDoubt | Phase::Submitted) | None,
                _,
            ) => Self::Stale,
        }
    }
}

/// One word or line for logs, without an output.
impl fmt::Display for Finalized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished(FinalOutcome::Ok(_)) | Self::AlreadyFinal(FinalOutcome::Ok(_)) => {
                f.write_str("COMPLETED")
            }
            Self::Finished(FinalOutcome::Failed(failure))
            | Self::AlreadyFinal(FinalOutcome::Failed(failure)) => {
                write!(f, "FAILED {}", failure.code)
            }
            Self::Waiting { due_at } => write!(f, "waiting until {due_at}"),
            Self::InDoubt { due_at } => write!(f, "in doubt until {due_at}"),
            Self::Submitted { due_at } => write!(f, "submitted, looked at again at {due_at}"),
            Self::Parked => f.write_str("parked"),
            Self::HookFailed { due_at, .. } => write!(f, "hook failed, again at {due_at}"),
            Self::Refused { .. } => f.write_str("refused by the database"),
            Self::Stale => f.write_str("stale"),
        }
    }
}
