use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use super::tables::{CORRUPT, CORRUPT_LOG, Stored, Tables};
use crate::machine::{Entry, Row};
use crate::policies::{self, UNHANDLED_PARKED_AFTER};
use crate::store::{
    Claim, LateParams, ListParams, Listed, Page, StoreError, Unfinalized, Unfinished,
    UnfinishedOperation, UnfinishedParams,
};
use crate::words::{
    DeadLetter, FinalOutcome, Identity, Kind, LogEntry, LogStatus, OpId, Operation, Owner, Phase,
    Timestamp,
};

/// One operation of this owner.
pub(super) fn get(
    tables: &Tables,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<Operation>, StoreError> {
    tables.owned(owner, op_id).map(Stored::decode).transpose()
}

/// The first operation with this identity.
pub(super) fn find(tables: &Tables, identity: &Identity) -> Result<Option<Operation>, StoreError> {
    let op_id = tables.identities.get(&(identity.clone(), 0));
    op_id.map(|op_id| tables.rows[op_id].decode()).transpose()
}

/// The log of one operation of this owner.
pub(super) fn history(
    tables: &Tables,
    owner: &Owner,
    op_id: OpId,
) -> Result<Vec<LogEntry>, StoreError> {
    let Some(stored) = tables.owned(owner, op_id) else { return Ok(Vec::new()) };
    if stored.corrupt_log {
        return Err(StoreError::Corrupt { op_id, reason: CORRUPT_LOG.to_owned() });
    }
    let log = tables.log.get(&op_id).into_iter().flatten();
    Ok(log.map(|entry| entry.log.clone()).collect())
}

/// The dead letter of one operation of this owner.
pub(super) fn dead_letter(
    tables: &Tables,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<DeadLetter>, StoreError> {
    let owned = tables.owned(owner, op_id);
    let Some(letter) = owned.and_then(|_| tables.dead_letters.get(&op_id)) else { return Ok(None) };
    let outcome = FinalOutcome::Failed(letter.failure.clone());
    let divergences = policies::divergences(&outcome, &history(tables, owner, op_id)?);
    Ok(Some(DeadLetter { divergences, ..letter.clone() }))
}

/// The operations with a late answer, in the order of their ids.
pub(super) fn late(tables: &Tables, params: &LateParams) -> Vec<(OpId, Owner)> {
    let late = tables.log.iter().filter(|(_, log)| log.iter().any(|entry| entry.log.late));
    let owned = late.map(|(id, _)| (*id, tables.rows[id].request.identity.owner.clone()));
    owned.filter(|found| params.includes(found)).take(params.limit).collect()
}

/// A page of operations, in the order of their ids.
pub(super) fn list(tables: &Tables, params: &ListParams) -> Page {
    let from = params.after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rows = tables.rows.range((from, Bound::Unbounded)).filter(|(_, row)| fits(row, params));
    let page: Vec<_> = rows.by_ref().take(params.page_size()).collect();
    let next = rows.next().and(page.last()).map(|(op_id, _)| **op_id);
    Page { items: page.into_iter().map(|(_, row)| listed(row)).collect(), next }
}

fn fits(stored: &Stored, params: &ListParams) -> bool {
    let Stored { request, row, .. } = stored;
    params.owner.as_ref().is_none_or(|owner| request.identity.owner == *owner)
        && params.status.is_none_or(|status| row.status == status)
        && params.phase.is_none_or(|phase| row.phase == Some(phase))
        && params.kind.as_ref().is_none_or(|kind| row.policy.kind == *kind)
}

fn listed(stored: &Stored) -> Listed {
    match stored.decode() {
        Ok(operation) => Listed::Operation(Box::new(operation)),
        Err(_) => Listed::Undecodable { op_id: stored.row.op_id, reason: CORRUPT.to_owned() },
    }
}

/// A page of the operations that are not finished, in the order of their ids.
pub(super) fn unfinished(tables: &Tables, params: UnfinishedParams) -> Page<Unfinished> {
    let from = params.after.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = tables.rows.range((from, Bound::Unbounded)).map(|(_, stored)| stored);
    let open = rows.filter(|stored| !stored.row.status.is_terminal());
    let items = open.take(params.limit.saturating_add(1)).map(|stored| {
        let op_id = stored.row.op_id;
        Unfinished::of(op_id, unfinished_one(stored, tables.log.get(&op_id)))
    });
    Page::of_unfinished(items.collect(), params.limit)
}

fn unfinished_one(
    Stored { request, row, corrupt, corrupt_log, .. }: &Stored,
    log: Option<&Vec<Entry>>,
) -> Result<UnfinishedOperation, String> {
    let is_pending = |entry: &&Entry| {
        let Entry { log, .. } = entry;
        log.fence == row.fence && !log.late && log.status == LogStatus::Pending
    };
    let logged = log.into_iter().flatten().find(is_pending);
    if *corrupt {
        return Err(CORRUPT.to_owned());
    }
    if *corrupt_log && logged.is_some() {
        return Err(CORRUPT_LOG.to_owned());
    }
    Ok(UnfinishedOperation { request: request.clone(), row: row.clone(), logged: logged.cloned() })
}

/// Logged ends whose status has not followed, the longest due first.
pub(super) fn unfinalized(
    tables: &Tables,
    kinds: &[Kind],
    limit: usize,
    now: Timestamp,
) -> Vec<Unfinalized> {
    let mut due = Vec::new();
    for (op_id, log) in &tables.log {
        let Row { policy, phase, fence, .. } = &tables.rows[op_id].row;
        let here = !policy.hooked || kinds.contains(&policy.kind);
        let parks = |entry: &Entry| {
            let overdue = entry.due_at.is_some_and(|at| now.since(at) >= UNHANDLED_PARKED_AFTER);
            *phase != Some(Phase::Parked) && overdue
        };
        let latest = log.iter().filter(|entry| entry.log.fence == *fence);
        for entry in latest.filter(|entry| here || parks(entry)) {
            if let Some(due_at) = entry.due_at.filter(|due_at| *due_at <= now) {
                let claim = Claim { op_id: *op_id, fence: entry.log.fence };
                due.push((due_at, Unfinalized { claim, kind: policy.kind.clone() }));
            }
        }
    }
    due.sort_by_key(|(due_at, _)| *due_at);
    due.into_iter().take(limit).map(|(_, unfinalized)| unfinalized).collect()
}

/// The kinds of due operations that are not among those known, counted.
pub(super) fn unknown_kinds(tables: &Tables, known: &[Kind], now: Timestamp) -> Vec<(Kind, u64)> {
    let mut counts = BTreeMap::new();
    let due = tables.rows.values().map(|stored| &stored.row);
    for row in due.filter(|row| row.due_at.is_some_and(|due_at| due_at <= now)) {
        let kind = &row.policy.kind;
        if !known.contains(kind) {
            *counts.entry(kind.clone()).or_insert(0) += 1;
        }
    }
    counts.into_iter().collect()
}

/// How long until the next operation is due. What is due already does not count: no worker here
/// may know its kind, and the caller that waits has just looked.
pub(super) fn next_due(tables: &Tables, now: Timestamp) -> Option<Duration> {
    let due = tables.rows.values().filter_map(|stored| stored.row.due_at);
    due.filter(|due_at| *due_at > now).min().map(|due_at| due_at.since(now))
}
