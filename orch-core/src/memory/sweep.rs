use std::time::Duration;

use super::tables::{CORRUPT, Entry, Row, Tables};
use crate::policies::{self, KindPolicy, Move, after_attempt};
use crate::store::{Claim, Finalized, Purpose, SweepParams, Swept};
use crate::words::{
    AttemptEnd, LogEntry, LogStatus, OpId, Operation, Phase, Source, Status, Timestamp,
};

/// Takes back leases that have run out, the oldest first.
pub(super) fn expired(tables: &mut Tables, limit: usize, now: Timestamp) -> Vec<Swept> {
    let due = oldest(tables, limit, |row| {
        row.operation.lease_expires_at.filter(|expires| *expires <= now)
    });
    due.into_iter().map(|op_id| take_back(tables, op_id, now)).collect()
}

fn take_back(tables: &mut Tables, op_id: OpId, now: Timestamp) -> Swept {
    match tables.rows[&op_id].purpose {
        _ if tables.rows[&op_id].corrupt => supersede(tables, op_id, Move::Park, now),
        Purpose::Attempt => lose(tables, op_id, now),
        Purpose::Reconcile => ask_again(tables, op_id, now),
    }
}

/// An attempt was lost: logged in doubt under its fence, then moved as its row declares.
fn lose(tables: &mut Tables, op_id: OpId, now: Timestamp) -> Swept {
    let row = &tables.rows[&op_id];
    let end = AttemptEnd::lost(row.worker.as_ref());
    let delay = row.delay();
    let next = after_attempt(&end, &row.facts(), delay, now);
    let lost = LogEntry {
        worker: row.worker.clone(),
        started_at: row.started_at,
        ..entry(&row.operation, Source::Engine, end, now)
    };
    if let Some(row) = tables.rows.get_mut(&op_id) {
        row.note(&lost);
    }
    tables.append(Claim { op_id, fence: lost.fence }, Entry::new(lost, delay));
    supersede(tables, op_id, next, now)
}

/// A question to the provider was lost: it is due again, unless it was the last one.
fn ask_again(tables: &mut Tables, op_id: OpId, now: Timestamp) -> Swept {
    let row = &tables.rows[&op_id];
    let lost = AttemptEnd::lost(row.worker.as_ref());
    let next = after_attempt(&lost, &row.facts(), Duration::ZERO, now);
    supersede(tables, op_id, next, now)
}

/// Ends operations whose deadline has passed and that nobody works on, the oldest first.
pub(super) fn over_budget(tables: &mut Tables, params: &SweepParams, now: Timestamp) -> Vec<Swept> {
    let due = oldest(tables, params.limit, |row| {
        let deadline = row.operation.deadline;
        let idle = row.operation.due_at.is_some() && row.ends_at_deadline();
        let known = row.operation.status != Status::Pending || policy_of(row, params).is_some();
        (deadline <= now && idle && known).then_some(deadline)
    });
    due.into_iter().map(|op_id| end(tables, op_id, params, now)).collect()
}

fn end(tables: &mut Tables, op_id: OpId, params: &SweepParams, now: Timestamp) -> Swept {
    if let Some(row) = tables.rows.get_mut(&op_id)
        && row.operation.status == Status::Pending
    {
        row.policy = policy_of(row, params).cloned().unwrap_or_else(|| row.policy.clone());
        row.operation.status = Status::InProgress;
    }
    let row = &tables.rows[&op_id];
    let last = row.operation.reason.as_deref();
    let next = if row.corrupt { Move::Park } else { policies::over_budget(&row.facts(), last) };
    supersede(tables, op_id, next, now)
}

fn policy_of<'a>(row: &Row, params: &'a SweepParams) -> Option<&'a KindPolicy> {
    let kind = row.operation.identity.kind();
    params.kinds.iter().find(|policy| policy.kind == kind)
}

/// Raises the fence and makes the move; one that ends the operation is logged under the new
/// fence, so that the Finalizer can run the hook where there is one.
fn supersede(tables: &mut Tables, op_id: OpId, next: Move, now: Timestamp) -> Swept {
    let kind = tables.rows[&op_id].operation.identity.kind();
    let to = match next {
        Move::Finish(outcome) => {
            let end = AttemptEnd::Outcome(outcome.into());
            conclude(tables, op_id, Source::Engine, end, None, now)
        }
        next => {
            if let Some(row) = tables.rows.get_mut(&op_id) {
                row.operation.fence = row.operation.fence.next();
                if row.corrupt {
                    row.operation.reason = Some(CORRUPT.to_owned());
                }
            }
            Some(tables.carry_out(op_id, next, now))
        }
    };
    Swept { op_id, kind, to }
}

/// Takes an operation over and ends it with this definite end. `None` if its kind has a hook:
/// then the end is logged, and the Finalizer does the rest.
pub(super) fn conclude(
    tables: &mut Tables,
    op_id: OpId,
    source: Source,
    end: AttemptEnd,
    note: Option<String>,
    now: Timestamp,
) -> Option<Finalized> {
    let row = tables.rows.get_mut(&op_id)?;
    row.operation.fence = row.operation.fence.next();
    row.operation.phase = Some(Phase::Running);
    row.operation.due_at = None;
    row.operation.lease_expires_at = None;
    let claim = Claim { op_id, fence: row.operation.fence };
    let hooked = row.policy.hooked;
    let pending =
        LogEntry { status: LogStatus::Pending, note, ..entry(&row.operation, source, end, now) };
    tables.append(claim, Entry::new(pending, Duration::ZERO));
    (!hooked).then(|| super::settle::finalize(tables, claim, now))
}

/// An entry under the operation's present fence.
pub(super) fn entry(
    operation: &Operation,
    source: Source,
    end: AttemptEnd,
    now: Timestamp,
) -> LogEntry {
    LogEntry {
        fence: operation.fence,
        attempt: operation.attempt,
        worker: None,
        source,
        started_at: None,
        logged_at: now,
        end,
        status: LogStatus::Completed,
        late: false,
        note: None,
        hook_error: None,
    }
}

/// The first `limit` rows that have an instant, ordered by it.
fn oldest(tables: &Tables, limit: usize, instant: impl Fn(&Row) -> Option<Timestamp>) -> Vec<OpId> {
    let mut found: Vec<_> =
        tables.rows.values().filter_map(|row| Some((instant(row)?, row.operation.op_id))).collect();
    found.sort_unstable();
    found.into_iter().take(limit).map(|(_, op_id)| op_id).collect()
}
