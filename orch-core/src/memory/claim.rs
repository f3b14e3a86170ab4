use super::incarnation;
use super::tables::{CORRUPT, Stored, Tables};
use crate::machine::{Answer, Fact, Purpose};
use crate::policies::KindPolicy;
use crate::store::{ClaimParams, Claimed, ClaimedOperation};
use crate::words::{OpId, Timestamp};

/// Leases what is due, kind by kind, oldest due first.
pub(super) fn claim(tables: &mut Tables, params: &ClaimParams, now: Timestamp) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    incarnation::look(tables, now);
    for policy in &params.kinds {
        for op_id in claimable(tables, policy, now) {
            if claimed.len() >= params.limit {
                return claimed;
            }
            claimed.extend(claim_one(tables, op_id, policy, params, now));
        }
    }
    claimed
}

fn claimable(tables: &Tables, policy: &KindPolicy, now: Timestamp) -> Vec<OpId> {
    let rows = tables.rows.values().map(|stored| &stored.row);
    let whole_since = tables.whole_since();
    let mut due: Vec<_> = rows
        .filter(|row| row.is_claimable(policy, whole_since, now))
        .map(|row| (row.due_at, row.op_id))
        .collect();
    due.sort_unstable();
    due.into_iter().map(|(_, op_id)| op_id).collect()
}

fn claim_one(
    tables: &mut Tables,
    op_id: OpId,
    policy: &KindPolicy,
    params: &ClaimParams,
    now: Timestamp,
) -> Option<Claimed> {
    if tables.rows[&op_id].corrupt {
        tables.apply(op_id, Fact::Undecodable { reason: CORRUPT }, now);
        return Some(Claimed::Undecodable { op_id, reason: CORRUPT.to_owned() });
    }
    let ClaimParams { worker, id, lease, .. } = params;
    let whole_since = tables.whole_since();
    let fact = Fact::Claimed { policy, worker, id: *id, lease: *lease, whole_since };
    match tables.apply(op_id, fact, now) {
        Answer::Claimed(purpose) => Some(handed_out(&tables.rows[&op_id], purpose, now)),
        _ => None,
    }
}

fn handed_out(stored: &Stored, purpose: Purpose, now: Timestamp) -> Claimed {
    Claimed::Operation(ClaimedOperation::of(&stored.row, stored.request.clone(), purpose, now))
}
