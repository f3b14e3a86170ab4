//! Retention: terminal operations are removed with all that belongs to them.

use orch_core::store::{PurgeParams, Purged, StoreError};
use orch_core::words::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::connect::store_error;

pub(crate) const PURGE: &str = include_str!("../queries/purge.sql");

/// One page of what is past its retention.
pub(crate) async fn purge(
    connection: &mut SqliteConnection,
    params: &PurgeParams,
    now: Timestamp,
) -> Result<Purged, StoreError> {
    let done = sqlx::query(PURGE)
        .bind(now.minus(params.completed_after).as_micros())
        .bind(now.minus(params.failed_after).as_micros())
        .bind(i64::try_from(params.limit).unwrap_or(i64::MAX))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(Purged { operations: usize::try_from(done.rows_affected()).unwrap_or(usize::MAX) })
}
