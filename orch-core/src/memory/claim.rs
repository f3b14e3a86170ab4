use super::tables::{CORRUPT, Row, Tables};
use crate::policies::KindPolicy;
use crate::store::{ClaimParams, Claimed, ClaimedOperation, Purpose};
use crate::words::{OpId, Phase, Status, Timestamp};

/// Leases what is due, kind by kind, oldest due first.
pub(super) fn claim(tables: &mut Tables, params: &ClaimParams, now: Timestamp) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    for policy in &params.kinds {
        for op_id in claimable(tables, policy, now) {
            if claimed.len() >= params.limit {
                return claimed;
            }
            if let Some(row) = tables.rows.get_mut(&op_id) {
                claimed.push(claim_one(row, policy, params, now));
            }
        }
    }
    claimed
}

fn claimable(tables: &Tables, policy: &KindPolicy, now: Timestamp) -> Vec<OpId> {
    let mut due: Vec<_> = tables
        .rows
        .values()
        .filter(|row| row.is_due(now) && row.operation.identity.kind() == policy.kind)
        .filter(|row| purpose(row, policy) == Purpose::Reconcile || row.operation.deadline > now)
        .map(|row| (row.operation.due_at, row.operation.op_id))
        .collect();
    due.sort_unstable();
    due.into_iter().map(|(_, op_id)| op_id).collect()
}

fn purpose(row: &Row, policy: &KindPolicy) -> Purpose {
    Purpose::of(row.first_called_at.is_some(), row.policy.in_doubt, policy.in_doubt)
}

fn claim_one(row: &mut Row, policy: &KindPolicy, params: &ClaimParams, now: Timestamp) -> Claimed {
    let purpose = purpose(row, policy);
    row.operation.status = Status::InProgress;
    row.operation.fence = row.operation.fence.next();
    row.operation.due_at = None;
    if row.corrupt {
        row.park(CORRUPT);
        return Claimed::Undecodable { op_id: row.operation.op_id, reason: CORRUPT.to_owned() };
    }
    row.policy = KindPolicy { in_doubt: purpose.declares(policy.in_doubt), ..policy.clone() };
    row.purpose = purpose;
    row.worker = Some(params.worker.clone());
    row.started_at = Some(now);
    row.operation.lease_expires_at = Some(now.plus(params.lease));
    match purpose {
        Purpose::Attempt => {
            row.operation.attempt = row.operation.attempt.saturating_add(1);
            row.operation.phase = Some(Phase::Running);
        }
        Purpose::Reconcile => {
            row.reconciles = row.reconciles.saturating_add(1);
            row.operation.phase = Some(Phase::InDoubt);
        }
    }
    Claimed::Operation(ClaimedOperation {
        envelope: row.envelope(),
        purpose,
        reconciles: row.reconciles,
        claimed_at: now,
        first_called_at: row.first_called_at.unwrap_or(now),
        unresolved: row.first_called_at.is_some(),
    })
}
