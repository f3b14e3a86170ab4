//! Retention: terminal operations are removed with all that belongs to them.

use orch_core::store::{PurgeParams, Purged, StoreError};
use orch_core::words::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::sql::{Values, execute};

pub(crate) const PURGE: &str = include_str!("../queries/purge.sql");

/// One page of what is past its retention.
pub(crate) async fn purge(
    connection: &mut SqliteConnection,
    params: &PurgeParams,
    now: Timestamp,
) -> Result<Purged, StoreError> {
    let mut values = Values::default();
    values
        .at(now.minus(params.completed_after))
        .at(now.minus(params.failed_after))
        .limit(params.limit);
    Ok(Purged { operations: execute(connection, PURGE, values).await? })
}
