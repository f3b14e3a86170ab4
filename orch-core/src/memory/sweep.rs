use super::incarnation;
use super::tables::{CORRUPT, Stored, Tables};
use crate::machine::{Fact, Row};
use crate::store::{SweepParams, Swept};
use crate::words::{OpId, Status, Timestamp};

/// Takes back leases that have run out, the oldest first.
pub(super) fn expired(tables: &mut Tables, limit: usize, now: Timestamp) -> Vec<Swept> {
    let due = oldest(tables, limit, |row| row.lease_expires_at.filter(|_| row.is_expired(now)));
    let sweep = |op_id| {
        let fact = Fact::LeaseExpired { jitter: fastrand::f64() };
        swept(tables, op_id, fact, now)
    };
    due.into_iter().map(sweep).collect()
}

/// Ends operations whose deadline has passed and that no worker holds, the oldest first.
pub(super) fn over_budget(tables: &mut Tables, params: &SweepParams, now: Timestamp) -> Vec<Swept> {
    let whole_since = incarnation::look(tables, now).whole_since;
    let due = oldest(tables, params.limit, |row| {
        let known = row.status != Status::Pending || params.knows(&row.policy.kind);
        (known && row.is_over_budget(whole_since, now)).then_some(row.deadline)
    });
    let sweep = |op_id| {
        let policy = params.policy(&tables.rows[&op_id].row.policy.kind);
        let fact = Fact::BudgetSpent { policy, whole_since };
        swept(tables, op_id, fact, now)
    };
    due.into_iter().map(sweep).collect()
}

/// Puts in doubt what may lack a part of its history, the oldest due first.
pub(super) fn earlier(tables: &mut Tables, params: &SweepParams, now: Timestamp) -> Vec<Swept> {
    let incarnation = incarnation::look(tables, now);
    let (copied_at, whole_since) = (tables.copied_at(), incarnation.whole_since);
    let mut moved = Vec::new();
    for policy in params.doubts(incarnation.confirmed) {
        let limit = params.limit.saturating_sub(moved.len());
        let due = oldest(tables, limit, |row| {
            let found = row.is_to_be_doubted(whole_since, now);
            row.due_at.filter(|_| found && row.policy.kind == policy.kind)
        });
        for op_id in due {
            let copied = tables.rows[&op_id].row.incarnation < copied_at;
            let fact = Fact::HistoryLost { policy, whole_since, copied };
            moved.push(swept(tables, op_id, fact, now));
        }
    }
    moved
}

fn swept(tables: &mut Tables, op_id: OpId, fact: Fact<'_>, now: Timestamp) -> Swept {
    let Stored { row, corrupt, .. } = &tables.rows[&op_id];
    let kind = row.policy.kind.clone();
    let fact = if *corrupt { Fact::Undecodable { reason: CORRUPT } } else { fact };
    Swept { op_id, kind, to: tables.apply(op_id, fact, now).moved_or_logged() }
}

/// The first `limit` rows that have an instant, ordered by it.
fn oldest(tables: &Tables, limit: usize, instant: impl Fn(&Row) -> Option<Timestamp>) -> Vec<OpId> {
    let rows = tables.rows.values().map(|stored| &stored.row);
    let mut found: Vec<_> = rows.filter_map(|row| Some((instant(row)?, row.op_id))).collect();
    found.sort_unstable();
    found.into_iter().take(limit).map(|(_, op_id)| op_id).collect()
}
