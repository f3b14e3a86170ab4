//! Leases: renewed on a connection of their own, given back through the writer.

use std::collections::HashSet;

use orch_core::store::{Claim, Release, ReleaseReason, Released, RenewParams, Renewed, StoreError};
use orch_core::words::{Fence, Phase, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::batch::Batch;
use crate::connect::store_error;
use crate::row::{self, Row, column};

pub(crate) const RENEW: &str = include_str!("../queries/renew.sql");

/// Moves the end of all these leases in one statement.
pub(crate) async fn renew(
    connection: &mut SqliteConnection,
    params: &RenewParams,
    now: Timestamp,
) -> Result<Vec<Renewed>, StoreError> {
    let lease_expires_at = now.plus(params.lease);
    let claims: Vec<(String, i64)> = params
        .claims
        .iter()
        .map(|claim| (hex(claim.op_id.as_bytes()), claim.fence.get()))
        .collect();
    let rows = sqlx::query(RENEW)
        .bind(lease_expires_at.as_micros())
        .bind(serde_json::json!(claims).to_string())
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    let mut renewed = HashSet::new();
    for found in &rows {
        let op_id = row::op_id(found, "op_id").map_err(StoreError::fatal)?;
        let fence = Fence::new(column(found, "fence").map_err(StoreError::fatal)?);
        renewed.insert(Claim { op_id, fence });
    }
    let answer = |claim| match renewed.contains(claim) {
        true => Renewed::Renewed { lease_expires_at },
        false => Renewed::Stale,
    };
    Ok(params.claims.iter().map(answer).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives claims back that were not run.
pub(crate) async fn release(
    connection: &mut SqliteConnection,
    releases: &[&Release],
    now: Timestamp,
) -> Result<Vec<Result<Released, StoreError>>, StoreError> {
    let mut batch = Batch::new(connection, now);
    batch.load(releases.iter().map(|r| (r.claim.op_id, Some(r.claim.fence)))).await?;
    let answers = releases.iter().map(|release| give_back(&mut batch, release)).collect();
    batch.flush().await?;
    Ok(answers)
}

fn give_back(batch: &mut Batch<'_>, release: &Release) -> Result<Released, StoreError> {
    let claim = release.claim;
    let logged = batch.entry(claim)?.is_some();
    let now = batch.now;
    let Some(row) = batch.row(claim.op_id)? else { return Ok(Released::Stale) };
    if !row.is_held_by(claim.fence) {
        // Given back before, and nothing has ended under this claim: the same call again.
        let again = !logged && row.is_under(claim.fence);
        return Ok(if again { Released::Released } else { Released::Stale });
    }
    put_back(batch.change(claim.op_id)?, &release.reason, now);
    Ok(Released::Released)
}

fn put_back(row: &mut Row, reason: &ReleaseReason, now: Timestamp) {
    row.end_lease();
    if row.phase == Some(Phase::InDoubt) {
        row.reconciles = row.reconciles.saturating_sub(1);
    } else {
        row.attempt = row.attempt.saturating_sub(1);
        row.phase = Some(Phase::Waiting);
    }
    match reason {
        ReleaseReason::Unstarted => row.due_at = Some(now),
        ReleaseReason::Unrunnable { reason } => {
            row.phase = Some(Phase::Parked);
            row.reason = Some(reason.clone());
        }
    }
}
