//! Rows of queries: how orch-core reads them, and how what it says is spelled.

use std::time::Duration;

use orch_core::machine::{Entry, Row};
use orch_core::store::StoreError;
use orch_core::store::codec::{EncodedEnd, as_millis, failure_json};
use orch_core::store::columns::Columns;
use orch_core::words::{
    Failure, Fence, FinalOutcome, OpId, Payload, Phase, Status, Timestamp, WorkerId, storable,
};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

use crate::sql::Values;

/// A row of a query.
pub(crate) struct Found(pub(crate) SqliteRow);

impl Found {
    fn column<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
        &'r self,
        name: &str,
    ) -> Result<Option<T>, String> {
        self.0.try_get(name).map_err(|_| format!("column {name} cannot be read"))
    }

    /// Which operation the row is about.
    pub(crate) fn op_id(&self) -> Result<OpId, StoreError> {
        there(self.id("op_id"))
    }
}

impl Columns for Found {
    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.column(name)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.column(name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        self.column(name)
    }

    fn bytes(&self, name: &str) -> Result<Option<&[u8]>, String> {
        self.column(name)
    }

    fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        Ok(self.column(name)?.map(Timestamp::from_micros))
    }

    fn id(&self, name: &str) -> Result<Option<OpId>, String> {
        let id = |bytes: &[u8]| bytes.try_into().map(OpId::from_bytes);
        let id = self.bytes(name)?.map(id).transpose();
        id.map_err(|_| format!("column {name} does not have 16 bytes"))
    }
}

/// What a statement of ours always returns.
pub(crate) fn there<T>(value: Result<Option<T>, String>) -> Result<T, StoreError> {
    let missing = || StoreError::fatal("a column is empty that no statement leaves so");
    value.map_err(StoreError::fatal)?.ok_or_else(missing)
}

/// The error of a row that cannot be decoded.
pub(crate) fn corrupt(op_id: OpId, reason: &str) -> StoreError {
    StoreError::Corrupt { op_id, reason: storable(reason) }
}

/// The values of `save.sql`. The guard is fence and status as they were read.
pub(crate) fn spell_row(values: Values, row: &Row, guard: (Fence, Status)) -> Values {
    let (outcome, failure) = match &row.outcome {
        Some(FinalOutcome::Ok(_)) => (Some("OK"), None),
        Some(FinalOutcome::Failed(failure)) => (Some("FAIL"), Some(failure_json(failure))),
        None => (None, None),
    };
    let (fence, status) = guard;
    values
        .id(row.op_id)
        .add(fence.get())
        .add(status.as_str())
        .add(row.status.as_str())
        .add(row.phase.map(Phase::as_str))
        .add(row.attempt)
        .add(row.fence.get())
        .add(row.retries)
        .add(row.lost_attempts)
        .add(row.reconciles)
        .add(row.key_generation)
        .at(row.deadline)
        .at(row.due_at)
        .at(row.lease_expires_at)
        .add(row.worker.as_ref().map(WorkerId::as_str))
        .at(row.started_at)
        .at(row.first_called_at)
        .add(row.policy.max_attempts)
        .add(as_millis(row.policy.backoff.base()))
        .add(as_millis(row.policy.backoff.cap()))
        .add(row.policy.in_doubt.as_str())
        .add(row.policy.max_reconciles)
        .add(row.policy.replays_errors)
        .add(row.policy.hooked)
        .add(outcome)
        .add(outcome.map(|_| row.fence.get()))
        .add(failure)
        .at(row.finished_at)
        .add(row.reason.as_deref().map(storable))
        .add(row.incarnation)
        .at(row.unhandled_since)
        .add(seconds(row.policy.retention.completed()))
        .add(seconds(row.policy.retention.failed()))
        .at(row.expires_at)
        .add(row.uncounted)
        .add(row.policy.max_uncounted)
        .add(row.already_done)
        .add(row.submitted)
}

/// How long operations are kept is whole seconds.
fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// The values of `append.sql`.
pub(crate) fn spell_entry(values: Values, op_id: OpId, entry: &Entry) -> Values {
    let log = &entry.log;
    let end = EncodedEnd::of(&log.end);
    values
        .id(op_id)
        .add(log.fence.get())
        .add(log.late)
        .add(log.attempt)
        .add(log.worker.as_ref().map(WorkerId::as_str))
        .add(log.source.as_str())
        .at(log.started_at)
        .at(log.logged_at)
        .add(end.outcome)
        .add(end.detail)
        .add(end.after_ms)
        .add(as_millis(entry.delay))
        .add(log.status.as_str())
        .at(entry.due_at)
        .add(log.note.as_deref())
        .add(end.output.as_ref().map(Payload::as_bytes))
        .add(end.unreadable.as_ref().map(Payload::as_bytes))
}

/// The values of `update.sql`: what may change in an entry.
pub(crate) fn spell_update(values: Values, op_id: OpId, entry: &Entry) -> Values {
    values
        .id(op_id)
        .add(entry.log.fence.get())
        .add(entry.log.status.as_str())
        .at(entry.due_at)
        .add(entry.hook_failures)
        .add(entry.log.hook_error.as_deref())
}

/// The values of `bury.sql`.
pub(crate) fn spell_letter(
    values: Values,
    op_id: OpId,
    failure: &Failure,
    now: Timestamp,
) -> Values {
    values.id(op_id).add(failure_json(failure)).at(now)
}
