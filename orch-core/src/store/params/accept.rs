use std::time::Duration;

use crate::words::{Command, Fingerprint, KeySeed, OpId, Owner, Payload};

/// One command to accept.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The id that the operation gets if it is new. The same id again is the same accept, repeated
    /// because its answer was lost.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// What is asked for.
    pub command: Command,
    /// What a repeated request must match.
    pub fingerprint: Fingerprint,
    /// Time from accept to the deadline.
    pub time_budget: Duration,
    /// What its provider keys are derived from.
    pub key_seed: KeySeed,
    /// True if it is to be the only operation of its kind and owner for its biz key, those that have
    /// FAILED apart.
    pub unique: bool,
}

/// What became of an [`Acceptance`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// It is stored, PENDING, under the id given.
    Created {
        /// The operation.
        op_id: OpId,
    },
    /// The identity is there already, with the same fingerprint.
    Replayed {
        /// The operation that is there.
        op_id: OpId,
    },
    /// The identity is there already, with another fingerprint. Nothing is stored.
    Conflict {
        /// The operation that is there.
        op_id: OpId,
        /// Its payload, so that the caller can name the fields that differ.
        payload: Payload,
    },
    /// It is to be the only one for its biz key, and another one is there that has not FAILED. Nothing is
    /// stored.
    Taken {
        /// The operation that is there.
        op_id: OpId,
    },
}
