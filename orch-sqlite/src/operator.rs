//! What operators decide: resolving what is parked, running again what has failed.

use orch_core::machine::{Answer, Fact, step};
use orch_core::store::columns::Columns;
use orch_core::store::{Claim, RedriveParams, Redriven, ResolveParams, Resolved, StoreError};
use orch_core::words::{OpId, Owner, Timestamp};

use crate::batch::Batch;
use crate::incarnation::known;
use crate::row::{Found, there};
use crate::sql::{Db, Values, execute, fetch};

const OWNED: &str = include_str!("../queries/owned.sql");
const REDRIVE: &str = include_str!("../queries/redrive.sql");
const REDRIVEN: &str = include_str!("../queries/redriven.sql");

/// Carries out a decision about a parked operation.
pub(crate) async fn resolve(
    db: &mut Db<'_>,
    params: &ResolveParams,
) -> Result<Resolved, StoreError> {
    let op_id = params.op_id;
    if owned(db, &params.owner, op_id).await?.is_none() {
        return Ok(Resolved::NotFound);
    }
    let whole_since = known(db.connection).await?.whole_since;
    let batch = Batch::of_operations(db, [op_id].into_iter()).await?;
    let Some(fence) = batch.row(op_id)?.map(|row| row.fence) else { return Ok(Resolved::NotFound) };
    let claim = Claim { op_id, fence };
    let mut batch = Batch::of_claims(db, [claim].into_iter()).await?;
    let (note, ResolveParams { resolution, hooked_kinds, .. }) = (&*params.note(), params);
    // One that cannot be decoded is no reason to leave the operation without a way out.
    let logged = match (batch.logged(claim), params.refused_without_log()) {
        (Ok(logged), _) => logged,
        (Err(_), Some(refused)) => return Ok(refused),
        (Err(_), None) => None,
    };
    let fact = Fact::Resolved { fence, logged, resolution, note, hooked_kinds, whole_since };
    let step = batch.row(op_id)?.map(|row| step(row, fact, batch.now));
    let answer = batch.save(step);
    batch.flush().await?;
    Ok(Resolved::from(answer))
}

/// Makes a new operation of a failed one.
pub(crate) async fn redrive(
    db: &mut Db<'_>,
    params: &RedriveParams,
) -> Result<Redriven, StoreError> {
    let op_id = params.op_id;
    let Some(found) = owned(db, &params.owner, op_id).await? else {
        return Ok(Redriven::NotFound);
    };
    let mut batch = Batch::of_operations(db, [op_id].into_iter()).await?;
    let Some(row) = batch.row(op_id)? else { return Ok(Redriven::NotFound) };
    let deadline = batch.now.plus(row.time_budget);
    if let Some(there) = found.id("redriven_as").map_err(StoreError::fatal)? {
        return Ok(params.redriven_before(there));
    }
    let fact = Fact::Redriven {
        even_if_uncertain: params.even_if_uncertain,
        late_success: there(found.flag("late_success"))?,
    };
    match batch.apply(op_id, fact)? {
        Answer::Redriven => {
            if let Some(by) = found.id("taken_by").map_err(StoreError::fatal)? {
                return Ok(Redriven::Taken { by });
            }
            copy(db, params, deadline).await?;
            Ok(Redriven::Created { op_id: params.new_op_id })
        }
        refused => Ok(Redriven::refused(&refused).unwrap_or(Redriven::NotFound)),
    }
}

async fn copy(
    db: &mut Db<'_>,
    params: &RedriveParams,
    deadline: Timestamp,
) -> Result<(), StoreError> {
    let ids = || Values::default().id(params.op_id).id(params.new_op_id);
    execute(db.connection, REDRIVE, ids().at(db.now).at(deadline)).await?;
    match execute(db.connection, REDRIVEN, ids()).await? {
        1 => Ok(()),
        _ => Err(StoreError::fatal("the failed operation has no dead letter to link")),
    }
}

/// What a decision about an operation needs beside its row; `None` if it is not this owner's.
async fn owned(db: &mut Db<'_>, owner: &Owner, op_id: OpId) -> Result<Option<Found>, StoreError> {
    let values = Values::default().id(op_id).add(owner.as_str());
    Ok(fetch(db.connection, OWNED, values).await?.pop())
}
