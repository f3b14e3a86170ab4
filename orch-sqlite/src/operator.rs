//! What operators decide: resolving what is parked, running again what has failed.

use orch_core::machine::{Answer, Fact};
use orch_core::store::columns::Columns;
use orch_core::store::{RedriveParams, Redriven, ResolveParams, Resolved, StoreError};
use orch_core::words::{OpId, Owner, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::batch::Batch;
use crate::row::{Found, there};
use crate::sql::{Values, execute, fetch};

const OWNED: &str = include_str!("../queries/owned.sql");
const REDRIVE: &str = include_str!("../queries/redrive.sql");
const REDRIVEN: &str = include_str!("../queries/redriven.sql");

/// Carries out a decision about a parked operation.
pub(crate) async fn resolve(
    connection: &mut SqliteConnection,
    params: &ResolveParams,
    now: Timestamp,
) -> Result<Resolved, StoreError> {
    let op_id = params.op_id;
    if owned(connection, &params.owner, op_id).await?.is_none() {
        return Ok(Resolved::NotFound);
    }
    let mut batch = Batch::of_operations(connection, now, [op_id].into_iter()).await?;
    let note = params.note();
    let fact = Fact::Resolved { resolution: &params.resolution, note: &note };
    let answer = batch.apply(op_id, fact)?;
    batch.flush().await?;
    Ok(Resolved::from(answer))
}

/// Makes a new operation of a failed one.
pub(crate) async fn redrive(
    connection: &mut SqliteConnection,
    params: &RedriveParams,
    now: Timestamp,
) -> Result<Redriven, StoreError> {
    let op_id = params.op_id;
    let Some(found) = owned(connection, &params.owner, op_id).await? else {
        return Ok(Redriven::NotFound);
    };
    let mut batch = Batch::of_operations(connection, now, [op_id].into_iter()).await?;
    let Some(row) = batch.row(op_id)? else { return Ok(Redriven::NotFound) };
    let deadline = now.plus(row.time_budget);
    if let Some(there) = found.id("redriven_as").map_err(StoreError::fatal)? {
        return Ok(params.redriven_before(there));
    }
    let fact = Fact::Redriven {
        even_if_uncertain: params.even_if_uncertain,
        late_success: there(found.flag("late_success"))?,
    };
    match batch.apply(op_id, fact)? {
        Answer::Redriven => {
            copy(batch.connection, params, deadline, now).await?;
            Ok(Redriven::Created { op_id: params.new_op_id })
        }
        refused => Ok(Redriven::refused(&refused).unwrap_or(Redriven::NotFound)),
    }
}

async fn copy(
    connection: &mut SqliteConnection,
    params: &RedriveParams,
    deadline: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut values = Values::default();
    values.id(params.op_id).id(params.new_op_id).at(now).at(deadline);
    execute(connection, REDRIVE, values).await?;
    let mut values = Values::default();
    values.id(params.op_id).id(params.new_op_id);
    match execute(connection, REDRIVEN, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::fatal("the failed operation has no dead letter to link")),
    }
}

/// What a decision about an operation needs beside its row; `None` if it is not this owner's.
async fn owned(
    connection: &mut SqliteConnection,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<Found>, StoreError> {
    let mut values = Values::default();
    values.id(op_id).add(owner.as_str());
    Ok(fetch(connection, OWNED, values).await?.pop())
}
