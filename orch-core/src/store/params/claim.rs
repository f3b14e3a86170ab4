use std::time::Duration;

use super::Claim;
use crate::machine::{Purpose, Request, Row};
use crate::policies::KindPolicy;
use crate::words::{ClaimId, Envelope, Kind, OpId, Timestamp, WorkerId};

/// What to claim.
#[derive(Debug, Clone)]
pub struct ClaimParams {
    /// The kinds that the worker can run, in the order in which to look for work.
    pub kinds: Vec<KindPolicy>,
    /// Who claims.
    pub worker: WorkerId,
    /// What tells these claims from those of other calls: a new one for each call.
    pub id: ClaimId,
    /// At most so many: the worker's free slots.
    pub limit: usize,
    /// How long the lease lasts unless renewed.
    pub lease: Duration,
}

/// What a claim hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// An operation, leased to the worker.
    Operation(ClaimedOperation),
    /// A row that cannot be decoded: it is parked now, and no attempt is counted.
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong with the row.
        reason: String,
    },
    /// The database refuses to lease it: it is as it was, and passed over for a while.
    Refused {
        /// The operation.
        op_id: OpId,
        /// What it is.
        kind: Kind,
        /// What the database says.
        reason: String,
    },
}

/// A leased operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedOperation {
    /// The command, its ids, its attempt number and fence.
    pub envelope: Envelope,
    /// Why it was claimed.
    pub purpose: Purpose,
    /// Reconciles so far, this one included.
    pub reconciles: u32,
    /// Executions so far that used up no attempt.
    pub uncounted: u32,
    /// When this claim was made, by the store's clock.
    pub claimed_at: Timestamp,
    /// When the provider may first have been called without a definite answer since: the claim
    /// of the oldest attempt in doubt; this claim where there is no doubt.
    pub first_called_at: Timestamp,
    /// True if there is doubt: an earlier attempt ended without a definite answer and nothing has
    /// cleared that since.
    pub unresolved: bool,
    /// True if its end needs a finalize hook: the claimer has one, or a call of a worker with one is
    /// in doubt.
    pub hooked: bool,
}

impl ClaimedOperation {
    /// The row as a claim at this instant has left it.
    #[must_use]
    pub fn of(row: &Row, request: Request, purpose: Purpose, claimed_at: Timestamp) -> Self {
        Self {
            envelope: row.envelope(request),
            purpose,
            reconciles: row.reconciles,
            uncounted: row.uncounted,
            claimed_at,
            first_called_at: row.first_called_at.unwrap_or(claimed_at),
            unresolved: row.is_unresolved(),
            hooked: row.policy.hooked,
        }
    }

    /// The guard of every write about it.
    #[must_use]
    pub const fn claim(&self) -> Claim {
        Claim { op_id: self.envelope.op_id, fence: self.envelope.fence }
    }
}
