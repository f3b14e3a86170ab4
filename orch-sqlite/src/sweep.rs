//! Lost leases and spent time budgets.

use std::time::Duration;

use orch_core::policies::{self, Facts, InDoubt, KindPolicy, Move, after_attempt};
use orch_core::store::{StoreError, SweepParams, Swept};
use orch_core::words::{
    AttemptEnd, Fence, FinalOutcome, LogEntry, LogStatus, OpId, Phase, Source, Status, Timestamp,
};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::batch::Batch;
use crate::connect::store_error;
use crate::entry::Entry;
use crate::row::{self, Row};
use crate::sql::json_kinds;

pub(crate) const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
pub(crate) const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");

/// Takes back expired leases.
pub(crate) async fn expired(
    connection: &mut SqliteConnection,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Swept>, StoreError> {
    let found = sqlx::query(EXPIRED)
        .bind(now.as_micros())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
    let mut batch = load(connection, &found, now).await?;
    let mut swept = Vec::with_capacity(found.len());
    for op_id in batch.op_ids() {
        match batch.row(op_id) {
            Ok(Some(row)) if row.phase == Some(Phase::InDoubt) => {
                swept.push(ask_again(&mut batch, op_id)?);
            }
            Ok(_) => swept.push(lose(&mut batch, op_id)?),
            Err(error) => set_aside(&mut batch, op_id, error).await?,
        }
    }
    batch.flush().await?;
    Ok(swept)
}

/// Ends what has no time left and nobody at work.
pub(crate) async fn over_budget(
    connection: &mut SqliteConnection,
    params: &SweepParams,
    now: Timestamp,
) -> Result<Vec<Swept>, StoreError> {
    let found = sqlx::query(OVER_BUDGET)
        .bind(now.as_micros())
        .bind(json_kinds(params.kinds.iter().map(|policy| &policy.kind)))
        .bind(i64::try_from(params.limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
    let mut batch = load(connection, &found, now).await?;
    let mut ended = Vec::with_capacity(found.len());
    for op_id in batch.op_ids() {
        match batch.row(op_id) {
            Ok(_) => ended.push((op_id, stop(&mut batch, op_id, &params.kinds)?)),
            Err(error) => set_aside(&mut batch, op_id, error).await?,
        }
    }
    // PENDING passes through IN_PROGRESS, as every operation does.
    batch.save().await?;
    let mut swept = Vec::with_capacity(ended.len());
    for (op_id, outcome) in ended {
        swept.push(end(&mut batch, op_id, outcome, Source::Engine, None)?);
    }
    batch.flush().await?;
    Ok(swept)
}

async fn load<'c>(
    connection: &'c mut SqliteConnection,
    found: &[SqliteRow],
    now: Timestamp,
) -> Result<Batch<'c>, StoreError> {
    let op_ids: Result<Vec<OpId>, String> =
        found.iter().map(|found| row::op_id(found, "op_id")).collect();
    let mut batch = Batch::new(connection, now);
    batch.load(op_ids.map_err(StoreError::fatal)?.into_iter().map(|op_id| (op_id, None))).await?;
    Ok(batch)
}

/// Parks a row that cannot be decoded; any other error ends the sweep.
async fn set_aside(
    batch: &mut Batch<'_>,
    op_id: OpId,
    error: StoreError,
) -> Result<(), StoreError> {
    match error {
        StoreError::Corrupt { reason, .. } => {
            tracing::warn!(%op_id, reason, "parked an operation whose row cannot be decoded");
            batch.park(op_id, &reason).await
        }
        other => Err(other),
    }
}

/// A question to the provider was lost: it is due again, unless it was the last one.
fn ask_again(batch: &mut Batch<'_>, op_id: OpId) -> Result<Swept, StoreError> {
    let now = batch.now;
    let row = batch.change(op_id)?;
    let lost = AttemptEnd::lost(row.worker.as_ref());
    let declared = Facts { in_doubt: InDoubt::Reconcile, ..row.facts() };
    let next = after_attempt(&lost, &declared, Duration::ZERO, now);
    row.fence = row.fence.next();
    let to = Some(row.carry(next, now)?);
    Ok(Swept { op_id, kind: row.kind.clone(), to })
}

/// An attempt was lost: logged in doubt under its fence, then moved as its row declares.
fn lose(batch: &mut Batch<'_>, op_id: OpId) -> Result<Swept, StoreError> {
    let now = batch.now;
    let row = batch.change(op_id)?;
    let lost = AttemptEnd::lost(row.worker.as_ref());
    let entry = entry_of(row, row.fence, Source::Engine, lost.clone(), LogStatus::Completed, now);
    let delay = row.backoff.delay(row.attempt, fastrand::f64());
    let next = after_attempt(&lost, &row.facts(), delay, now);
    row.count(&entry.log);
    row.fence = row.fence.next();
    let swept = match next {
        Move::Finish(outcome) => {
            row.end_lease();
            batch.append(entry);
            return end(batch, op_id, outcome, Source::Engine, None);
        }
        other => {
            let to = Some(row.carry(other, now)?);
            Swept { op_id, kind: row.kind.clone(), to }
        }
    };
    batch.append(entry);
    Ok(swept)
}

/// Takes an operation out of the queue, and says how it ends.
fn stop(
    batch: &mut Batch<'_>,
    op_id: OpId,
    kinds: &[KindPolicy],
) -> Result<FinalOutcome, StoreError> {
    let row = batch.change(op_id)?;
    if row.status == Status::Pending {
        row.hooked = kinds.iter().any(|policy| policy.kind == row.kind && policy.hooked);
    }
    let next = policies::over_budget(&row.facts(), row.reason.as_deref());
    row.begin()?;
    row.fence = row.fence.next();
    row.end_lease();
    row.phase = Some(Phase::Running);
    match next {
        Move::Finish(outcome) => Ok(outcome),
        _ => Err(StoreError::fatal("a spent time budget ends an operation")),
    }
}

/// Logs the end of an operation that no worker ended, under its latest fence. Without a hook
/// its status follows at once; with one, `to` is `None` and the Finalizer does the rest.
pub(crate) fn end(
    batch: &mut Batch<'_>,
    op_id: OpId,
    outcome: FinalOutcome,
    source: Source,
    note: Option<String>,
) -> Result<Swept, StoreError> {
    let now = batch.now;
    let row = batch.change(op_id)?;
    let kind = row.kind.clone();
    let end = AttemptEnd::Outcome(outcome.clone().into());
    let status = if row.hooked { LogStatus::Pending } else { LogStatus::Completed };
    let mut entry = entry_of(row, row.fence, source, end, status, now);
    entry.log.worker = None;
    entry.log.started_at = None;
    entry.log.note = note;
    let to = if row.hooked {
        row.end_lease();
        row.phase = Some(Phase::Running);
        None
    } else {
        Some(row.carry(Move::Finish(outcome), now)?)
    };
    if let Some(finalized) = &to {
        batch.bury_if_failed(op_id, finalized);
    }
    batch.append(entry);
    Ok(Swept { op_id, kind, to })
}

/// An entry about the row as it stands.
pub(crate) fn entry_of(
    row: &Row,
    fence: Fence,
    source: Source,
    end: AttemptEnd,
    status: LogStatus,
    now: Timestamp,
) -> Entry {
    let log = LogEntry {
        fence,
        attempt: row.attempt,
        worker: row.worker.clone(),
        source,
        started_at: row.attempt_started_at,
        logged_at: now,
        end,
        status,
        late: false,
        note: None,
        hook_error: None,
    };
    Entry { op_id: row.op_id, log, delay: Duration::ZERO, finalize_failures: 0 }
}
