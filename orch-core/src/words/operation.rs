use super::{Failure, Fence, FinalOutcome, Identity, OpId, Payload, Phase, Status, Timestamp};

/// One unit of work around an external call, as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Its id.
    pub op_id: OpId,
    /// Owner, domain, event type, business key and idempotency key.
    pub identity: Identity,
    /// The encoded body.
    pub payload: Payload,
    /// Where it is.
    pub status: Status,
    /// What it is doing, while IN_PROGRESS.
    pub phase: Option<Phase>,
    /// Executions so far.
    pub attempt: u32,
    /// The fence of the latest owner.
    pub fence: Fence,
    /// Attempts that ended with Retry.
    pub retries: u32,
    /// Attempts whose end nobody knows.
    pub lost_attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its time budget ends.
    pub deadline: Timestamp,
    /// When it may next be claimed; `None` while nobody may claim it.
    pub due_at: Option<Timestamp>,
    /// When the present lease ends; `None` while nobody holds one.
    pub lease_expires_at: Option<Timestamp>,
    /// When it became terminal.
    pub finished_at: Option<Timestamp>,
    /// The terminal outcome: there if and only if the status is terminal.
    pub outcome: Option<FinalOutcome>,
    /// Why it waits, is in doubt or is parked, for people.
    pub reason: Option<String>,
    /// The failed operation that this one runs anew.
    pub redrive_of: Option<OpId>,
}

/// A failed operation, kept for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The failed operation.
    pub op_id: OpId,
    /// Why it failed.
    pub failure: Failure,
    /// When it failed.
    pub created_at: Timestamp,
    /// The operation that runs it anew, once somebody redrove it.
    pub redriven_as: Option<OpId>,
    /// Answers that arrived after the end; they are in the history.
    pub late_outcomes: u32,
    /// Answers in the history that contradict the failure, before or after the end; derived by
    /// the policies when the letter is read.
    pub divergences: u32,
}

impl DeadLetter {
    /// The letter of an operation that has just failed.
    #[must_use]
    pub const fn new(op_id: OpId, failure: Failure, created_at: Timestamp) -> Self {
        let (redriven_as, late_outcomes, divergences) = (None, 0, 0);
        Self { op_id, failure, created_at, redriven_as, late_outcomes, divergences }
    }
}
