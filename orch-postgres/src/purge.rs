//! Retention.

use orch_core::policies::UNDATED_RETENTION;
use orch_core::store::{Purged, StoreError};

use crate::column::to_seconds;
use crate::db::{Db, to_limit, with_limit};
use crate::pool::arguments;

const PURGE: &str = include_str!("../queries/purge.sql");

/// Removes terminal operations that have expired.
pub(crate) async fn purge(db: &Db, limit: usize) -> Result<Purged, StoreError> {
    with_limit(limit, |limit| async move {
        let arguments = arguments![db.now(), to_limit(limit), to_seconds(UNDATED_RETENTION)];
        let operations = db.fetch(PURGE, arguments).await?.len();
        Ok(Purged { operations })
    })
    .await
}
