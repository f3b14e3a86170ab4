//! Retention.

use orch_core::store::codec::as_millis;
use orch_core::store::{PurgeParams, Purged, StoreError};

use crate::db::{Db, to_limit, with_limit};
use crate::pool::arguments;

const PURGE: &str = include_str!("../queries/purge.sql");

/// Removes terminal operations past their retention.
pub(crate) async fn purge(db: &Db, params: PurgeParams) -> Result<Purged, StoreError> {
    let (completed, failed) = (as_millis(params.completed_after), as_millis(params.failed_after));
    with_limit(params.limit, |limit| async move {
        let arguments = arguments![db.now(), completed, failed, to_limit(limit)];
        let operations = db.fetch(PURGE, arguments).await?.len();
        Ok(Purged { operations })
    })
    .await
}
