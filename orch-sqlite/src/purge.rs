//! Retention: terminal operations are removed with all that belongs to them.

use orch_core::store::{PurgeParams, Purged, StoreError};

use crate::sql::{Db, Values, execute};

pub(crate) const PURGE: &str = include_str!("../queries/purge.sql");

/// One page of what is past its retention.
pub(crate) async fn purge(db: &mut Db<'_>, params: &PurgeParams) -> Result<Purged, StoreError> {
    let values = Values::default()
        .at(db.now.minus(params.completed_after))
        .at(db.now.minus(params.failed_after))
        .limit(params.limit);
    Ok(Purged { operations: execute(db.connection, PURGE, values).await? })
}
