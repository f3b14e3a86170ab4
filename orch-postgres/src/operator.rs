//! What operators decide: a parked operation is resolved, a failed one is redriven.

use orch_core::machine::{Answer, Fact, Row, step};
use orch_core::store::{Claim, RedriveParams, Redriven, ResolveParams, Resolved, StoreError};
use orch_core::words::{Fence, OpId, Owner, Timestamp};
use sqlx::types::Uuid;

use crate::column::{column, from_uuid, to_uuid};
use crate::db::Db;
use crate::errors::is_duplicate;
use crate::load::{Stored, load};
use crate::pool::arguments;
use crate::save::{Decided, save};
use crate::{incarnation, read};

const REDRIVE: &str = include_str!("../queries/redrive.sql");
const REDRIVE_TAKEN: &str = include_str!("../queries/redrive_taken.sql");

/// How often a decision is tried again because others came first.
const TRIES: u32 = 3;

/// Carries out an operator's decision about a parked operation.
pub(crate) async fn resolve(db: &Db, params: ResolveParams) -> Result<Resolved, StoreError> {
    let ResolveParams { op_id, owner, resolution, hooked_kinds, .. } = &params;
    let (note, op_id) = (&*params.note(), *op_id);
    for _ in 0..TRIES {
        let Some((_, row)) = owned(db, owner, op_id).await? else {
            return Ok(Resolved::NotFound);
        };
        let whole_since = incarnation::whole_since(db).await?;
        let (fence, claim) = (row.fence, Claim { op_id, fence: row.fence });
        let (now, mut loaded) = load(db, &[claim]).await?;
        let Some(stored) = loaded.remove(&claim) else { return Ok(Resolved::NotFound) };
        // One that cannot be decoded is no reason to leave the operation without a way out.
        let Stored { row: before, entry, .. } = stored?;
        if let (Err(_), Some(refused)) = (&entry, params.refused_without_log()) {
            return Ok(refused);
        }
        let entry = entry.ok().flatten();
        let logged = entry.as_ref();
        let fact = Fact::Resolved { fence, logged, resolution, note, hooked_kinds, whole_since };
        let decided = Decided { step: step(&before, fact, now), before };
        let saved = save(db, std::slice::from_ref(&decided)).await?;
        if decided.step.answer != Answer::Stale
            && (saved.contains(&op_id) || !decided.depends_on_row())
        {
            return Ok(Resolved::from(decided.step.answer));
        }
    }
    Err(StoreError::transient("the operation was moved each time it was read"))
}

/// Makes a new operation of a failed one.
pub(crate) async fn redrive(db: &Db, params: RedriveParams) -> Result<Redriven, StoreError> {
    for _ in 0..TRIES {
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
    let Some((now, row)) = owned(db, &params.owner, params.op_id).await? else {
        return Ok(Some(Redriven::NotFound));
    };
    let letter = read::dead_letter(db, &params.owner, params.op_id).await?;
    if let Some(op_id) = letter.and_then(|letter| letter.redriven_as) {
        return Ok(Some(params.redriven_before(op_id)));
    }
    let fact = Fact::Redriven {
        even_if_uncertain: params.even_if_uncertain,
        late_success: read::has_late_success(db, params.op_id).await?,
    };
    if let Some(refused) = Redriven::refused(&step(&row, fact, now).answer) {
        return Ok(Some(refused));
    }
    let taken = db.fetch(REDRIVE_TAKEN, arguments![to_uuid(params.op_id)]).await?;
    let by = taken.first().map(|row| column(row, "op_id").map_err(StoreError::fatal));
    Ok(by.transpose()?.map(|by| Redriven::Taken { by: from_uuid(by) }))
}

/// The operation, if it is this owner's.
async fn owned(
    db: &Db,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<(Timestamp, Row)>, StoreError> {
    let claim = nobodys(op_id);
    let (now, mut loaded) = load(db, &[claim]).await?;
    let Some(stored) = loaded.remove(&claim) else { return Ok(None) };
    match stored {
        Ok(stored) if stored.request.identity.owner == *owner => Ok(Some((now, stored.row))),
        Ok(_) => Ok(None),
        // Whose it is can still be asked; only its owner learns that it is corrupt.
        Err(error) => read::owns(db, owner, op_id).await?.then_some(Err(error)).transpose(),
    }
}

/// No claim has this fence, so no entry is found under it.
const fn nobodys(op_id: OpId) -> Claim {
    Claim { op_id, fence: Fence::new(-1) }
}
