//! Retention.

use orch_core::policies::UNDATED_RETENTION;
use orch_core::store::{Pieces, Purged, StoreError, Unpurged, columns};
use orch_core::words::{Kind, OpId};
use sqlx::postgres::PgRow;

use crate::answer;
use crate::column::{Named, instant, op_id, to_seconds, to_uuid};
use crate::db::{Db, to_limit, with_limit};
use crate::pool::{arguments, each};

const EXPIRED: &str = include_str!("../queries/expired.sql");
const PURGE: &str = include_str!("../queries/purge.sql");

/// Removes terminal operations that have expired.
pub(crate) async fn purge(db: &Db, limit: usize) -> Result<Purged, StoreError> {
    answer::purge(db, limit).await?;
    with_limit(limit, |limit| purge_page(db, limit)).await
}

/// In smaller pieces where the server refuses it whole, so that what it refuses is alone in the end: that
/// is put off.
async fn purge_page(db: &Db, limit: usize) -> Result<Purged, StoreError> {
    let room = to_limit(db.put_off.room(limit));
    let rows = db.fetch(EXPIRED, arguments![db.now(), room, to_seconds(UNDATED_RETENTION)]).await?;
    let Some(first) = rows.first() else { return Ok(Purged::default()) };
    let now = instant(first, "now").map_err(StoreError::fatal)?;
    let found: Result<Vec<Expired>, StoreError> = rows.iter().map(Expired::read).collect();
    let mut page = found?;
    page.retain(|it| !db.put_off.is_off(it.op_id, now));
    page.sort_by_key(|it| db.put_off.was_refused(it.op_id));
    page.truncate(limit);
    let (mut purged, mut pieces) = (Purged::default(), Pieces::of(&page));
    while let Some(piece) = pieces.next() {
        match db.fetch(PURGE, arguments![each(piece, |it| to_uuid(it.op_id))]).await {
            Ok(removed) => {
                purged.operations += removed.len();
                piece.iter().for_each(|it| db.put_off.moved(it.op_id));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some(Expired { op_id, kind }) = pieces.refused(piece) else { continue };
                db.put_off.refused(*op_id, now);
                let (op_id, reason) = (*op_id, error.to_string());
                purged.refused.extend(kind.clone().map(|kind| Unpurged { op_id, kind, reason }));
            }
        }
    }
    Ok(purged)
}

/// An operation that has expired.
struct Expired {
    op_id: OpId,
    /// `None` if it cannot be read: the operation goes all the same.
    kind: Option<Kind>,
}

impl Expired {
    fn read(row: &PgRow) -> Result<Self, StoreError> {
        let op_id = op_id(row, "op_id").map_err(StoreError::fatal)?;
        Ok(Self { op_id, kind: columns::kind(&Named(row)).ok() })
    }
}
