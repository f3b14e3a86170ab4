//! What people decide: a parked operation is resolved, a failed one runs anew.

use orch_core::policies::Move;
use orch_core::store::{
    Claim, Finalized, RedriveParams, Redriven, Resolution, ResolveParams, Resolved, StoreError,
};
use orch_core::words::{
    AttemptEnd, Fence, FinalOutcome, OpId, Owner, Phase, Source, Status, Timestamp, storable,
};
use sqlx::types::Uuid;

use crate::column::to_uuid;
use crate::db::Db;
use crate::errors::is_duplicate;
use crate::moves::{Change, carry_out};
use crate::pending::load;
use crate::pool::arguments;
use crate::read;
use crate::row::Row;

const REDRIVE: &str = include_str!("../queries/redrive.sql");

/// How often a row is read again because somebody moved it meanwhile.
const READS: u32 = 3;

/// Carries out a person's decision about a parked operation.
pub(crate) async fn resolve(db: &Db, params: ResolveParams) -> Result<Resolved, StoreError> {
    for _ in 0..READS {
        let Some((now, row)) = owned(db, &params.owner, params.op_id).await? else {
            return Ok(Resolved::NotFound);
        };
        let (status, phase) = (row.operation.status, row.operation.phase);
        if phase != Some(Phase::Parked) {
            return Ok(Resolved::NotParked { status, phase });
        }
        let (change, to) = decide(row, &params, now);
        if !carry_out(db, &[change], now).await?.is_empty() {
            return Ok(Resolved::Resolved(to));
        }
    }
    Err(StoreError::transient("the operation was moved each time it was read"))
}

fn decide(row: Row, params: &ResolveParams, now: Timestamp) -> (Change, Option<Finalized>) {
    let note = storable(&format!("{}: {}", params.who, params.why));
    let mut change = Change::of(row);
    change.supersede();
    let to = match &params.resolution {
        Resolution::Ok(output) => {
            let outcome = FinalOutcome::Ok(output.clone());
            change.conclude(outcome, Source::Operator, Some(note), now)
        }
        Resolution::Fail(failure) => {
            let outcome = FinalOutcome::Failed(failure.clone());
            change.conclude(outcome, Source::Operator, Some(note), now)
        }
        Resolution::RunAgain => {
            change.note(&AttemptEnd::NotHappened, Source::Operator, now);
            change.append(Source::Operator, &AttemptEnd::NotHappened, Some(note.clone()));
            let row = change.row_mut();
            row.operation.reason = Some(note);
            row.operation.deadline = now.plus(row.time_budget);
            row.reconciles = 0;
            Some(change.carry(Move::Wait { not_before: now }, now))
        }
    };
    (change, to)
}

/// Makes a new operation of a failed one.
pub(crate) async fn redrive(db: &Db, params: RedriveParams) -> Result<Redriven, StoreError> {
    for _ in 0..READS {
        if let Some(answer) = without_a_new_one(db, &params).await? {
            return Ok(answer);
        }
        let (failed, new): (Uuid, Uuid) = (to_uuid(params.op_id), to_uuid(params.new_op_id));
        match db.fetch(REDRIVE, arguments![db.now(), failed, new, params.even_if_uncertain]).await {
            Ok(rows) if rows.is_empty() => {}
            Ok(_) => return Ok(Redriven::Created { op_id: params.new_op_id }),
            // The id is there already, or another redrive of this identity took its number.
            Err(error) if is_duplicate(&error) => {
                if read::exists(db, params.new_op_id).await? {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::transient("other redrives came first each time"))
}

/// The answer where there is nothing to make.
async fn without_a_new_one(
    db: &Db,
    params: &RedriveParams,
) -> Result<Option<Redriven>, StoreError> {
    let Some((_, row)) = owned(db, &params.owner, params.op_id).await? else {
        return Ok(Some(Redriven::NotFound));
    };
    let Some(FinalOutcome::Failed(failure)) = row.operation.outcome else {
        let status: Status = row.operation.status;
        return Ok(Some(Redriven::NotFailed { status }));
    };
    let letter = read::dead_letter(db, &params.owner, params.op_id).await?;
    let acted = read::has_late_success(db, params.op_id).await?;
    Ok(match letter.and_then(|letter| letter.redriven_as) {
        Some(op_id) if op_id == params.new_op_id => Some(Redriven::Created { op_id }),
        Some(op_id) => Some(Redriven::AlreadyRedriven { op_id }),
        None if (failure.uncertain || acted) && !params.even_if_uncertain => {
            Some(Redriven::Uncertain)
        }
        None => None,
    })
}

/// The operation, if it is this owner's.
async fn owned(
    db: &Db,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<(Timestamp, Row)>, StoreError> {
    // No entry is asked for: no claim has this fence.
    let claim = Claim { op_id, fence: Fence::new(-1) };
    let (now, mut rows) = load(db, &[claim]).await?;
    let Some(row) = rows.remove(&claim) else { return Ok(None) };
    match row {
        Ok(row) if row.operation.identity.owner == *owner => Ok(Some((now, row))),
        Ok(_) => Ok(None),
        // Whose it is can still be asked; only its owner learns that it is corrupt.
        Err(error) => read::owns(db, owner, op_id).await?.then_some(Err(error)).transpose(),
    }
}
