use std::fmt;
use std::time::Duration;

use super::Claim;
use crate::store::FinalizeHook;
use crate::words::{AttemptEnd, FinalOutcome, Operation, Phase, Source, Timestamp};

/// An attempt, or a reconcile, that has ended.
#[derive(Debug, Clone)]
pub struct EndedAttempt {
    /// Under which claim.
    pub claim: Claim,
    /// Handler or reconcile.
    pub source: Source,
    /// How it ended.
    pub end: AttemptEnd,
    /// The backoff from now, what the provider asked for included; used if it runs again.
    pub delay: Duration,
}

/// What became of an entry for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It is in the log, PENDING; also when the same claim logged before (then the first entry
    /// stands).
    Logged,
    /// The claim is superseded or the operation terminal. An answer is kept as a late outcome.
    Stale,
}

/// A logged outcome to finalize.
#[derive(Debug, Clone)]
pub struct Finalization {
    /// The claim that it is logged under.
    pub claim: Claim,
    /// The hook to run in the same transaction if the operation becomes terminal.
    pub hook: Option<FinalizeHook>,
}

/// What became of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finalized {
    /// The operation is terminal with this outcome.
    Finished(FinalOutcome),
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
    /// It waits for a person.
    Parked,
    /// The hook failed: nothing changed but the time of the next try.
    HookFailed {
        /// The hook's error.
        reason: String,
        /// When the Finalizer tries again.
        due_at: Timestamp,
    },
    /// The claim is superseded, or nothing is logged under it. An answer given to `settle` is
    /// kept as a late outcome.
    Stale,
}

/// One word or line for logs, without an output.
impl fmt::Display for Finalized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished(FinalOutcome::Ok(_)) => f.write_str("COMPLETED"),
            Self::Finished(FinalOutcome::Failed(failure)) => write!(f, "FAILED {}", failure.code),
            Self::Waiting { due_at } => write!(f, "waiting until {due_at}"),
            Self::InDoubt { due_at } => write!(f, "in doubt until {due_at}"),
            Self::Parked => f.write_str("parked"),
            Self::HookFailed { due_at, .. } => write!(f, "hook failed, again at {due_at}"),
            Self::Stale => f.write_str("stale"),
        }
    }
}

impl Finalized {
    /// Where an operation stands: what a repeated call is told.
    #[must_use]
    pub fn standing(operation: &Operation) -> Self {
        match (&operation.outcome, operation.phase, operation.due_at) {
            (Some(outcome), ..) => Self::Finished(outcome.clone()),
            (None, Some(Phase::Waiting), Some(due_at)) => Self::Waiting { due_at },
            (None, Some(Phase::InDoubt), Some(due_at)) => Self::InDoubt { due_at },
            (None, Some(Phase::Parked), _) => Self::Parked,
            _ => Self::Stale,
        }
    }
}
