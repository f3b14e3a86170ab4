//! Retention: terminal operations that have expired are removed with all that belongs to them.

use orch_core::policies::UNDATED_RETENTION;
use orch_core::store::{Purged, StoreError};

use crate::sql::{Db, Values, execute};

pub(crate) const PURGE: &str = include_str!("../queries/purge.sql");

/// One page of what has expired.
pub(crate) async fn purge(db: &mut Db<'_>, limit: usize) -> Result<Purged, StoreError> {
    let undated = db.now.minus(UNDATED_RETENTION);
    let values = Values::default().at(db.now).at(undated).limit(limit);
    Ok(Purged { operations: execute(db.connection, PURGE, values).await? })
}
