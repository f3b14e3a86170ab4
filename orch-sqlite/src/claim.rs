//! S2: due operations are leased to a worker.

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{ClaimParams, Claimed, ClaimedOperation, StoreError};
use orch_core::words::{Command, Envelope, Kind, OpId, Payload, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::batch::Batch;
use crate::connect::store_error;
use crate::row::{self, Row, column};
use crate::sql::{Values, repeat};

pub(crate) const CLAIM: &str = include_str!("../queries/claim.sql");
/// SQLite joins at most 500 SELECTs; kinds beyond this many are looked at in a next statement.
const KINDS: usize = 100;

/// Leases what is due, in the order of the kinds.
pub(crate) async fn claim(
    connection: &mut SqliteConnection,
    params: &ClaimParams,
    now: Timestamp,
) -> Result<Vec<Claimed>, StoreError> {
    let mut due = Vec::new();
    for kinds in params.kinds.chunks(KINDS) {
        let left = params.limit.saturating_sub(due.len());
        if left > 0 {
            due.extend(find(connection, kinds, left, now).await?);
        }
    }
    let mut batch = Batch::new(connection, now);
    let mut claimed = Vec::with_capacity(due.len());
    for found in &due {
        let op_id = row::op_id(found, "op_id").map_err(StoreError::fatal)?;
        match lease(found, params, &mut batch, op_id)? {
            Ok(operation) => claimed.push(Claimed::Operation(operation)),
            Err(reason) => {
                batch.park(op_id, &reason).await?;
                claimed.push(Claimed::Undecodable { op_id, reason });
            }
        }
    }
    batch.flush().await?;
    Ok(claimed)
}

/// True if a claim would find something: read without the write lock, so that idle workers do
/// not disturb a busy one in another process.
pub(crate) async fn is_due(
    connection: &mut SqliteConnection,
    params: &ClaimParams,
    now: Timestamp,
) -> Result<bool, StoreError> {
    for kinds in params.kinds.chunks(KINDS) {
        if !find(connection, kinds, 1, now).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn find(
    connection: &mut SqliteConnection,
    kinds: &[KindPolicy],
    limit: usize,
    now: Timestamp,
) -> Result<Vec<SqliteRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values = Values::default();
    for policy in kinds {
        values
            .add(policy.kind.domain.as_str())
            .add(policy.kind.event_type.as_str())
            .add(now.as_micros())
            .add(now.as_micros())
            .add(policy.in_doubt == InDoubt::Reconcile)
            .add(limit);
    }
    values.add(limit);
    let arguments = values.done().map_err(store_error)?;
    sqlx::query_with(repeat(CLAIM, " UNION ALL ", kinds.len()), arguments)
        .fetch_all(connection)
        .await
        .map_err(store_error)
}

/// Decodes the whole row before it is leased: the inner error says what is wrong with it.
fn lease(
    found: &SqliteRow,
    params: &ClaimParams,
    batch: &mut Batch<'_>,
    op_id: OpId,
) -> Result<Result<ClaimedOperation, String>, StoreError> {
    let (mut row, command, accepted_at) = match decode(found) {
        Ok(parts) => parts,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(policy) = params.kinds.iter().find(|policy| policy.kind == row.kind) else {
        return Ok(Err("the row is not of the kind it was found under".to_owned()));
    };
    let owner = match row::identity(found) {
        Ok(identity) => identity.owner,
        Err(reason) => return Ok(Err(reason)),
    };
    let purpose = row.take(policy, &params.worker, params.lease, batch.now)?;
    let operation = ClaimedOperation {
        envelope: Envelope {
            op_id,
            owner,
            command,
            accepted_at,
            deadline: row.deadline,
            attempt: row.attempt,
            fence: row.fence,
            key_generation: row.key_generation,
        },
        purpose,
        reconciles: row.reconciles,
        claimed_at: batch.now,
        first_called_at: row.first_called_at.unwrap_or(batch.now),
        unresolved: row.first_called_at.is_some(),
    };
    batch.insert(row);
    Ok(Ok(operation))
}

fn decode(found: &SqliteRow) -> Result<(Row, Command, Timestamp), String> {
    let row = Row::decode(found)?;
    let identity = row::identity(found)?;
    let payload: Payload = column::<Vec<u8>>(found, "payload")?.into();
    let kind = Kind { domain: identity.domain, event_type: identity.event_type };
    let command = Command::of(kind, identity.biz_key, identity.idem_key, payload);
    Ok((row, command, Timestamp::from_micros(column(found, "accepted_at")?)))
}
