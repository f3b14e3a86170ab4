//! S2: due operations are leased to a worker.

use orch_core::machine::{Answer, Fact, Request, Row};
use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{
    ClaimParams, Claimed, ClaimedOperation, Pieces, PutOff, StoreError, columns,
};
use orch_core::words::{OpId, Timestamp};

use crate::batch::Batch;
use crate::incarnation::known;
use crate::row::Found;
use crate::sql::{Db, Values, fetch, repeat, savepoint};

pub(crate) const CLAIM: &str = include_str!("../queries/claim.sql");
/// SQLite joins at most 500 SELECTs; kinds beyond this many are looked at in a next statement.
const KINDS: usize = 100;

/// Leases what is due, in the order of the kinds. In smaller pieces where SQLite refuses it whole, so that
/// what it refuses is alone in the end: that is put off.
pub(crate) async fn claim(
    db: &mut Db<'_>,
    params: &ClaimParams,
    put_off: &PutOff,
) -> Result<Vec<Claimed>, StoreError> {
    let whole_since = known(db.connection).await?.whole_since;
    let mut due = Vec::new();
    for kinds in params.kinds.chunks(KINDS) {
        let left = params.limit.saturating_sub(due.len());
        if left > 0 {
            let mut found = find(db, kinds, whole_since, put_off.room(left)).await?;
            retain(&mut found, put_off, db.now)?;
            found.truncate(left);
            due.extend(found);
        }
    }
    let (mut claimed, mut pieces) = (Vec::with_capacity(due.len()), Pieces::of(&due));
    while let Some(piece) = pieces.next() {
        match savepoint!(db, |db| claim_each(db, piece, params, whole_since)) {
            Ok(some) => claimed.extend(some),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some(found) = pieces.refused(piece) else { continue };
                let (op_id, kind) = (found.op_id()?, columns::kind(found));
                put_off.refused(op_id, db.now);
                let (kind, reason) = (kind.map_err(StoreError::fatal)?, error.to_string());
                claimed.push(Claimed::Refused { op_id, kind, reason });
            }
        }
    }
    Ok(claimed)
}

/// Without those that are passed over.
fn retain(due: &mut Vec<Found>, put_off: &PutOff, now: Timestamp) -> Result<(), StoreError> {
    let found: Result<Vec<OpId>, StoreError> = due.iter().map(Found::op_id).collect();
    let mut found = found?.into_iter();
    due.retain(|_| found.next().is_some_and(|op_id| !put_off.is_off(op_id, now)));
    Ok(())
}

async fn claim_each(
    db: &mut Db<'_>,
    due: &[Found],
    params: &ClaimParams,
    whole_since: u32,
) -> Result<Vec<Claimed>, StoreError> {
    let mut batch = Batch::new(db);
    let mut claimed = Vec::with_capacity(due.len());
    for found in due {
        claimed.extend(claim_one(&mut batch, found, params, whole_since).await?);
    }
    batch.flush().await?;
    Ok(claimed)
}

/// True if a claim would find something: read without the write lock, so that idle workers do
/// not disturb a busy one in another process.
pub(crate) async fn is_due(
    db: &mut Db<'_>,
    params: &ClaimParams,
    put_off: &PutOff,
) -> Result<bool, StoreError> {
    let whole_since = known(db.connection).await?.whole_since;
    for kinds in params.kinds.chunks(KINDS) {
        let mut found = find(db, kinds, whole_since, put_off.room(1)).await?;
        retain(&mut found, put_off, db.now)?;
        if !found.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn find(
    db: &mut Db<'_>,
    kinds: &[KindPolicy],
    whole_since: u32,
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    let mut values = Values::default();
    for policy in kinds {
        values = values
            .add(policy.kind.domain.as_str())
            .add(policy.kind.event_type.as_str())
            .at(db.now)
            .add(whole_since)
            .at(db.now)
            .add(policy.in_doubt == InDoubt::Reconcile)
            .limit(limit);
    }
    let query = repeat(CLAIM, " UNION ALL ", kinds.len());
    fetch(db.connection, query, values.limit(limit)).await
}

/// The whole row is decoded before it is leased. One that cannot be is parked.
async fn claim_one(
    batch: &mut Batch<'_>,
    found: &Found,
    params: &ClaimParams,
    whole_since: u32,
) -> Result<Option<Claimed>, StoreError> {
    let op_id = found.op_id()?;
    let (row, request) = match decode(found) {
        Ok(decoded) => decoded,
        Err(reason) => {
            batch.park(op_id, None, &reason).await?;
            return Ok(Some(Claimed::Undecodable { op_id, reason }));
        }
    };
    let policy = params.kinds.iter().find(|policy| policy.kind == row.policy.kind);
    let Some(policy) = policy else { return Ok(None) };
    batch.insert(row);
    let ClaimParams { worker, id, lease, .. } = params;
    let fact = Fact::Claimed { policy, worker, id: *id, lease: *lease, whole_since };
    let Answer::Claimed(purpose) = batch.apply(op_id, fact)? else { return Ok(None) };
    let row = batch.row(op_id)?;
    let operation = row.map(|row| ClaimedOperation::of(row, request, purpose, batch.now));
    Ok(operation.map(Claimed::Operation))
}

fn decode(found: &Found) -> Result<(Row, Request), String> {
    Ok((columns::row(found)?, columns::request(found)?))
}
