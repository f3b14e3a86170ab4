use super::tables::Tables;
use crate::store::{Purpose, Release, ReleaseReason, Released, RenewParams, Renewed};
use crate::words::{Phase, Timestamp};

/// Moves the ends of leases that are still held.
pub(super) fn renew(tables: &mut Tables, params: &RenewParams, now: Timestamp) -> Vec<Renewed> {
    let lease_expires_at = now.plus(params.lease);
    let renew_one = |claim| match tables.leased(claim) {
        Some(row) => {
            row.operation.lease_expires_at = Some(lease_expires_at);
            Renewed::Renewed { lease_expires_at }
        }
        None => Renewed::Stale,
    };
    params.claims.iter().copied().map(renew_one).collect()
}

/// Takes back a claim that was not run. The fence stays: it only grows.
pub(super) fn release(tables: &mut Tables, release: Release, now: Timestamp) -> Released {
    let Some(row) = tables.leased(release.claim) else {
        return Released::Stale;
    };
    match row.purpose {
        Purpose::Attempt => {
            row.operation.attempt = row.operation.attempt.saturating_sub(1);
            row.operation.phase = Some(Phase::Waiting);
        }
        Purpose::Reconcile => row.reconciles = row.reconciles.saturating_sub(1),
    }
    match release.reason {
        ReleaseReason::Unstarted => {
            row.operation.lease_expires_at = None;
            row.operation.due_at = Some(now);
        }
        ReleaseReason::Unrunnable { reason } => row.park(&reason),
    }
    Released::Released
}
