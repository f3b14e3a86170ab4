//! What people decide: resolving what is parked, running anew what has failed.

use orch_core::store::{
    Finalized, RedriveParams, Redriven, Resolution, ResolveParams, Resolved, StoreError,
};
use orch_core::words::{
    AttemptEnd, FinalOutcome, LogStatus, OpId, Owner, Phase, Source, Status, Timestamp, storable,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::batch::Batch;
use crate::connect::store_error;
use crate::row::{Row, as_op_id};
use crate::sweep::{end, entry_of};

const OWNER: &str = "SELECT owner FROM orch_operation WHERE op_id = ?1";
const LATE_SUCCESS: &str =
    "SELECT 1 FROM orch_write_ahead_log WHERE op_id = ?1 AND late = 1 AND outcome = 'OK' LIMIT 1";
const REDRIVE: &str = include_str!("../queries/redrive.sql");
const REDRIVEN: &str = include_str!("../queries/redriven.sql");

/// Carries out a decision about a parked operation.
pub(crate) async fn resolve(
    connection: &mut SqliteConnection,
    params: &ResolveParams,
    now: Timestamp,
) -> Result<Resolved, StoreError> {
    if !is_of(connection, params.op_id, &params.owner).await? {
        return Ok(Resolved::NotFound);
    }
    let mut batch = Batch::new(connection, now);
    batch.load([(params.op_id, None)]).await?;
    let Some(row) = batch.row(params.op_id)? else { return Ok(Resolved::NotFound) };
    if row.phase != Some(Phase::Parked) {
        return Ok(Resolved::NotParked { status: row.status, phase: row.phase });
    }
    let note = storable(&format!("{}: {}", params.who, params.why));
    let row = batch.change(params.op_id)?;
    row.fence = row.fence.next();
    row.first_called_at = None;
    let outcome = match &params.resolution {
        Resolution::Ok(output) => FinalOutcome::Ok(output.clone()),
        Resolution::Fail(failure) => FinalOutcome::Failed(failure.clone()),
        Resolution::RunAgain => {
            let due_at = now;
            run_again(&mut batch, params.op_id, note)?;
            batch.flush().await?;
            return Ok(Resolved::Resolved(Some(Finalized::Waiting { due_at })));
        }
    };
    let swept = end(&mut batch, params.op_id, outcome, Source::Operator, Some(note))?;
    batch.flush().await?;
    Ok(Resolved::Resolved(swept.to))
}

fn run_again(batch: &mut Batch<'_>, op_id: OpId, note: String) -> Result<(), StoreError> {
    let now = batch.now;
    let row = batch.change(op_id)?;
    row.phase = Some(Phase::Waiting);
    row.due_at = Some(now);
    row.deadline = now.plus(row.time_budget);
    row.reconciles = 0;
    let (done, end) = (LogStatus::Completed, AttemptEnd::NotHappened);
    row.reason = Some(note.clone());
    let mut entry = entry_of(row, row.fence, Source::Operator, end, done, now);
    entry.log.note = Some(note);
    batch.append(entry);
    Ok(())
}

/// Makes a new operation of a failed one.
pub(crate) async fn redrive(
    connection: &mut SqliteConnection,
    params: &RedriveParams,
    now: Timestamp,
) -> Result<Redriven, StoreError> {
    if !is_of(connection, params.op_id, &params.owner).await? {
        return Ok(Redriven::NotFound);
    }
    let mut batch = Batch::new(connection, now);
    batch.load([(params.op_id, None)]).await?;
    let Some(row) = batch.row(params.op_id)?.cloned() else { return Ok(Redriven::NotFound) };
    if row.status != Status::Failed {
        return Ok(Redriven::NotFailed { status: row.status });
    }
    match redriven_as(batch.connection, params.op_id).await? {
        Some(op_id) if op_id == params.new_op_id => return Ok(Redriven::Created { op_id }),
        Some(op_id) => return Ok(Redriven::AlreadyRedriven { op_id }),
        None => {}
    }
    let uncertain = row.failure.as_ref().is_some_and(|failure| failure.uncertain);
    if !params.even_if_uncertain
        && (uncertain || has_late_success(batch.connection, params.op_id).await?)
    {
        return Ok(Redriven::Uncertain);
    }
    copy(batch.connection, params, &row, now).await?;
    Ok(Redriven::Created { op_id: params.new_op_id })
}

async fn copy(
    connection: &mut SqliteConnection,
    params: &RedriveParams,
    row: &Row,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (failed, new) = (params.op_id.as_bytes().as_slice(), params.new_op_id.as_bytes());
    sqlx::query(REDRIVE)
        .bind(failed)
        .bind(new.as_slice())
        .bind(now.as_micros())
        .bind(now.plus(row.time_budget).as_micros())
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    let linked = sqlx::query(REDRIVEN)
        .bind(failed)
        .bind(new.as_slice())
        .execute(connection)
        .await
        .map_err(store_error)?;
    match linked.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::fatal("the failed operation has no dead letter to link")),
    }
}

/// True if a worker that had lost its lease answered that the provider has acted after all.
async fn has_late_success(
    connection: &mut SqliteConnection,
    op_id: OpId,
) -> Result<bool, StoreError> {
    let found = sqlx::query(LATE_SUCCESS)
        .bind(op_id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(found.is_some())
}

async fn redriven_as(
    connection: &mut SqliteConnection,
    op_id: OpId,
) -> Result<Option<OpId>, StoreError> {
    let found = sqlx::query("SELECT redriven_as FROM orch_dead_letter WHERE op_id = ?1")
        .bind(op_id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    let Some(found) = found else { return Ok(None) };
    let bytes: Option<Vec<u8>> = found.try_get(0).map_err(store_error)?;
    bytes.map(|bytes| as_op_id(&bytes)).transpose().map_err(StoreError::fatal)
}

async fn is_of(
    connection: &mut SqliteConnection,
    op_id: OpId,
    owner: &Owner,
) -> Result<bool, StoreError> {
    let found: Option<String> = sqlx::query_scalar(OWNER)
        .bind(op_id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(found.is_some_and(|found| found == owner.as_str()))
}
