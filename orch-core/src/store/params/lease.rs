use std::time::Duration;

use crate::machine::ReleaseReason;
use crate::words::{Fence, OpId, Timestamp};

/// Who holds what: the guard of every write after a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The operation.
    pub op_id: OpId,
    /// The fence of the claim.
    pub fence: Fence,
}

/// Which claims to renew.
#[derive(Debug, Clone)]
pub struct RenewParams {
    /// All operations of one worker.
    pub claims: Vec<Claim>,
    /// How long each lasts from now.
    pub lease: Duration,
}

/// What became of one renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lasts until then.
    Renewed {
        /// Its new end.
        lease_expires_at: Timestamp,
    },
    /// The operation has another owner, no lease, or is terminal.
    Stale,
}

/// An operation to give back without having run it.
#[derive(Debug, Clone)]
pub struct Release {
    /// Under which claim.
    pub claim: Claim,
    /// Why.
    pub reason: ReleaseReason,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is given back; the attempt is not counted.
    Released,
    /// The claim is superseded.
    Stale,
}
