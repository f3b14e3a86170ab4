use std::collections::HashSet;

use orch_core::policies::{Move, Tally};
use orch_core::store::{Finalized, StoreError};
use orch_core::words::{
    AttemptEnd, Fence, FinalOutcome, LogStatus, OpId, Payload, Phase, Source, Timestamp, WorkerId,
    storable,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Uuid;

use crate::column::{failure_json, op_id, to_uuid};
use crate::db::Db;
use crate::entry::EncodedEnd;
use crate::pool::arguments;
use crate::row::Row;
use crate::time::At;

pub(crate) const MOVE: &str = include_str!("../queries/move.sql");

/// A move of one operation, decided on its row as it was read.
#[derive(Debug)]
pub(crate) struct Change {
    before: Row,
    after: Row,
    entries: Vec<NewEntry>,
    /// True if the entry that was read with the row becomes COMPLETED.
    completes: bool,
}

/// An entry to append.
#[derive(Debug)]
struct NewEntry {
    fence: Fence,
    attempt: u32,
    worker: Option<WorkerId>,
    source: Source,
    started_at: Option<Timestamp>,
    end: EncodedEnd,
    note: Option<String>,
    status: LogStatus,
    finishes: bool,
}

impl Change {
    /// Nothing changed yet.
    pub(crate) fn of(row: Row) -> Self {
        Self { after: row.clone(), before: row, entries: Vec::new(), completes: false }
    }

    /// The row as it is to be.
    pub(crate) const fn row_mut(&mut self) -> &mut Row {
        &mut self.after
    }

    /// Whoever held the operation is stale from here on.
    pub(crate) const fn supersede(&mut self) {
        self.after.operation.fence = self.after.operation.fence.next();
    }

    /// Counts an ended attempt and keeps why it ended so.
    pub(crate) fn note(&mut self, end: &AttemptEnd, source: Source, now: Timestamp) {
        let row = &mut self.after;
        let tally = Tally::of(end, source, &row.facts());
        let started_at = row.started_at.unwrap_or(now);
        row.first_called_at = tally.first_called_at(row.first_called_at, started_at);
        row.key_generation = row.key_generation.saturating_add(tally.key_generations);
        let operation = &mut row.operation;
        operation.retries = operation.retries.saturating_add(tally.retries);
        operation.lost_attempts = operation.lost_attempts.saturating_add(tally.lost_attempts);
        let reason = tally.reason.as_deref().map(storable);
        operation.reason = reason.or(operation.reason.take());
    }

    /// The entry that was read with the row is finalized by this move.
    pub(crate) const fn complete(&mut self) {
        self.completes = true;
    }

    /// An entry about the attempt that held the lease, under the fence that it had.
    pub(crate) fn append_lost(&mut self, end: &AttemptEnd) {
        let row = &self.before;
        self.entries.push(NewEntry {
            worker: row.worker.clone(),
            started_at: row.started_at,
            ..entry(row, Source::Engine, end)
        });
    }

    /// An entry under the present fence that ends no attempt.
    pub(crate) fn append(&mut self, source: Source, end: &AttemptEnd, note: Option<String>) {
        self.entries.push(NewEntry { note, ..entry(&self.after, source, end) });
    }

    /// Carries out a move that does not end the operation, or ends it by the entry that was
    /// read with it.
    pub(crate) fn carry(&mut self, next: Move, now: Timestamp) -> Finalized {
        let operation = &mut self.after.operation;
        (operation.due_at, operation.lease_expires_at) = (None, None);
        match next {
            Move::Wait { not_before } => {
                (operation.phase, operation.due_at) = (Some(Phase::Waiting), Some(not_before));
            }
            Move::Doubt { not_before } => {
                (operation.phase, operation.due_at) = (Some(Phase::InDoubt), Some(not_before));
            }
            Move::Park => operation.phase = Some(Phase::Parked),
            Move::Finish(outcome) => {
                operation.phase = None;
                operation.status = outcome.status();
                operation.finished_at = Some(now);
                operation.outcome = Some(outcome);
            }
        }
        self.after.standing()
    }

    /// Ends an operation that no worker ended, logged under its latest fence. `None` if its kind
    /// has a hook: then the end is logged, and the Finalizer does the rest.
    pub(crate) fn conclude(
        &mut self,
        outcome: FinalOutcome,
        source: Source,
        note: Option<String>,
        now: Timestamp,
    ) -> Option<Finalized> {
        let end = AttemptEnd::Outcome(outcome.clone().into());
        self.append(source, &end, note);
        if self.after.hooked {
            if let Some(entry) = self.entries.last_mut() {
                entry.status = LogStatus::Pending;
            }
            let operation = &mut self.after.operation;
            operation.phase = Some(Phase::Running);
            (operation.due_at, operation.lease_expires_at) = (None, None);
            return None;
        }
        if let Some(entry) = self.entries.last_mut() {
            entry.finishes = true;
        }
        Some(self.carry(Move::Finish(outcome), now))
    }
}

fn entry(row: &Row, source: Source, end: &AttemptEnd) -> NewEntry {
    NewEntry {
        fence: row.operation.fence,
        attempt: row.operation.attempt,
        worker: None,
        source,
        started_at: None,
        end: EncodedEnd::of(end),
        note: None,
        status: LogStatus::Completed,
        finishes: false,
    }
}

/// Carries changes out; returns the operations that nobody else had moved meanwhile.
pub(crate) async fn carry_out(
    db: &Db,
    changes: &[Change],
    now: Timestamp,
) -> Result<HashSet<OpId>, StoreError> {
    if changes.is_empty() {
        return Ok(HashSet::new());
    }
    moved(&db.fetch(MOVE, encode(changes, now)).await?)
}

/// The parameters of move.sql. `now` is the instant on which the moves were decided.
pub(crate) fn encode(changes: &[Change], now: Timestamp) -> Result<PgArguments, StoreError> {
    let before = || changes.iter().map(|change| &change.before.operation);
    let after = || changes.iter().map(|change| &change.after.operation);
    let rows = || changes.iter().map(|change| &change.after);
    let owned = |change: &Change| to_uuid(change.before.operation.op_id);
    let entries = || changes.iter().flat_map(|c| c.entries.iter().map(move |e| (owned(c), e)));
    let failures = after().map(|operation| match &operation.outcome {
        Some(FinalOutcome::Failed(failure)) => Some(failure_json(failure)),
        _ => None,
    });
    arguments![
        At(now),
        before().map(|o| to_uuid(o.op_id)).collect::<Vec<Uuid>>(),
        before().map(|o| o.fence.get()).collect::<Vec<i64>>(),
        before().map(|o| o.phase.map(Phase::as_str)).collect::<Vec<Option<&str>>>(),
        before().map(|o| o.lease_expires_at.map(At)).collect::<Vec<Option<At>>>(),
        before().map(|o| o.due_at.map(At)).collect::<Vec<Option<At>>>(),
        after().map(|o| o.fence.get()).collect::<Vec<i64>>(),
        after().map(|o| o.phase.map(Phase::as_str)).collect::<Vec<Option<&str>>>(),
        after().map(|o| o.due_at.map(At)).collect::<Vec<Option<At>>>(),
        after().map(|o| to_int(o.retries)).collect::<Vec<i32>>(),
        after().map(|o| to_int(o.lost_attempts)).collect::<Vec<i32>>(),
        rows().map(|row| to_int(row.reconciles)).collect::<Vec<i32>>(),
        rows().map(|row| row.first_called_at.map(At)).collect::<Vec<Option<At>>>(),
        rows().map(|row| to_int(row.key_generation)).collect::<Vec<i32>>(),
        rows().map(|row| row.hooked).collect::<Vec<bool>>(),
        after().map(|o| o.reason.clone()).collect::<Vec<Option<String>>>(),
        after().map(|o| At(o.deadline)).collect::<Vec<At>>(),
        failures.collect::<Vec<Option<String>>>(),
        changes.iter().map(|change| change.completes).collect::<Vec<bool>>(),
        entries().map(|(op_id, _)| op_id).collect::<Vec<Uuid>>(),
        entries().map(|(_, e)| e.fence.get()).collect::<Vec<i64>>(),
        entries().map(|(_, e)| to_int(e.attempt)).collect::<Vec<i32>>(),
        entries().map(|(_, e)| e.worker.as_ref().map(WorkerId::as_str)).collect::<Vec<_>>(),
        entries().map(|(_, e)| e.source.as_str()).collect::<Vec<&str>>(),
        entries().map(|(_, e)| e.started_at.map(At)).collect::<Vec<Option<At>>>(),
        entries().map(|(_, e)| e.end.outcome).collect::<Vec<&str>>(),
        entries().map(|(_, e)| e.end.detail.as_deref()).collect::<Vec<Option<&str>>>(),
        entries().map(|(_, e)| e.end.output.as_ref().map(Payload::as_bytes)).collect::<Vec<_>>(),
        entries().map(|(_, e)| e.note.as_deref()).collect::<Vec<Option<&str>>>(),
        entries().map(|(_, e)| e.status.as_str()).collect::<Vec<&str>>(),
        entries().map(|(_, e)| e.finishes).collect::<Vec<bool>>(),
    ]
}

/// The operations that move.sql moved.
pub(crate) fn moved(rows: &[PgRow]) -> Result<HashSet<OpId>, StoreError> {
    let ids: Result<HashSet<OpId>, String> = rows.iter().map(|row| op_id(row, "op_id")).collect();
    ids.map_err(StoreError::fatal)
}

/// A count as Postgres keeps it.
pub(crate) fn to_int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
