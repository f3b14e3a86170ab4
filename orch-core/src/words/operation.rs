use super::{
    Failure, Fence, FinalOutcome, Identity, KeySeed, KeySource, OpId, Payload, Phase, Status,
    Timestamp,
};

/// One unit of work around an external call, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Its id.
    pub op_id: OpId,
    /// Owner, domain, event type, business key and idempotency key.
    pub identity: Identity,
    /// The encoded body.
    pub payload: Payload,
    /// Its status.
    pub status: Status,
    /// Its phase, while IN_PROGRESS.
    pub phase: Option<Phase>,
    /// Attempts so far. An execution that was told that the provider is still running is none, up to a
    /// limit, unless the operation has ended by it.
    pub attempt: u32,
    /// The fence of the latest owner.
    pub fence: Fence,
    /// Attempts that ended with Retry, and executions that were told that the provider is still running.
    pub retries: u32,
    /// Attempts whose end is unknown.
    pub lost_attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its time budget ends.
    pub deadline: Timestamp,
    /// When it may next be claimed; `None` while it may not be.
    pub due_at: Option<Timestamp>,
    /// When the present lease ends; `None` while there is none.
    pub lease_expires_at: Option<Timestamp>,
    /// When it became terminal.
    pub finished_at: Option<Timestamp>,
    /// From when it may be removed, and a repeated request is a new operation: there if and only if
    /// the status is terminal. One that was redriven is kept as long as the new one.
    pub expires_at: Option<Timestamp>,
    /// The terminal outcome: there if and only if the status is terminal.
    pub outcome: Option<FinalOutcome>,
    /// Why it waits, is in doubt or is parked, as text to read.
    pub reason: Option<String>,
    /// The failed operation that this one runs again.
    pub redrive_of: Option<OpId>,
    pub(crate) redrive: u32,
    pub(crate) key_seed: Option<KeySeed>,
}

impl Operation {
    /// What decides the text of its provider key of this generation.
    #[doc(hidden)]
    #[must_use]
    pub const fn key_source(&self, generation: u32) -> KeySource {
        let Self { op_id, key_seed, redrive, .. } = *self;
        KeySource { op_id, seed: key_seed, redrive, generation }
    }
}

/// A failed operation, kept for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The failed operation.
    pub op_id: OpId,
    /// Why it failed.
    pub failure: Failure,
    /// When it failed.
    pub created_at: Timestamp,
    /// The operation that runs it again, once it was redriven.
    pub redriven_as: Option<OpId>,
    /// Answers that arrived after the end; they are in the history.
    pub late_outcomes: u32,
    /// Answers in the history that contradict the failure, before or after the end; derived by
    /// the policies when the letter is read.
    pub divergences: u32,
}

impl DeadLetter {
    /// The dead letter of an operation that has just failed.
    #[must_use]
    pub const fn new(op_id: OpId, failure: Failure, created_at: Timestamp) -> Self {
        let (redriven_as, late_outcomes, divergences) = (None, 0, 0);
        Self { op_id, failure, created_at, redriven_as, late_outcomes, divergences }
    }
}
