use super::tables::Tables;
use crate::machine::{Answer, Fact};
use crate::store::{Claim, Release, Released, RenewParams, Renewed};
use crate::words::Timestamp;

/// Moves the ends of leases that are still held.
pub(super) fn renew(tables: &mut Tables, params: &RenewParams, now: Timestamp) -> Vec<Renewed> {
    let renew_one = |claim: &Claim| {
        let fact = Fact::Renewed { fence: claim.fence, lease: params.lease };
        match tables.apply(claim.op_id, fact, now) {
            Answer::Renewed { lease_expires_at } => Renewed::Renewed { lease_expires_at },
            _ => Renewed::Stale,
        }
    };
    params.claims.iter().map(renew_one).collect()
}

/// Takes back a claim that was not run.
pub(super) fn release(tables: &mut Tables, release: &Release, now: Timestamp) -> Released {
    let Release { claim, reason } = release;
    let fact = |logged| Fact::Released { fence: claim.fence, reason, logged };
    let step = tables.step(*claim, fact, now);
    match tables.save(step, now) {
        Answer::Released => Released::Released,
        _ => Released::Stale,
    }
}
