//! Retention: terminal operations that have expired are removed with all that belongs to them.

use orch_core::policies::UNDATED_RETENTION;
use orch_core::store::{Pieces, PutOff, StoreError, columns};

use crate::answer;
use crate::page::{Removed, page};
use crate::row::Found;
use crate::sql::{Db, Rows, Values, fetch, savepoint};

pub(crate) const EXPIRED: &str = include_str!("../queries/expired.sql");
pub(crate) static PURGE: Rows = Rows::new(include_str!("../queries/purge.sql"));

/// One page of what has expired, in smaller pieces where SQLite refuses it whole, so that what it refuses
/// is alone in the end: that is put off.
pub(crate) async fn purge(
    db: &mut Db<'_>,
    limit: usize,
    put_off: &PutOff,
) -> Result<Vec<Removed>, StoreError> {
    answer::purge(db, limit).await?;
    let undated = db.now.minus(UNDATED_RETENTION);
    let values = Values::default().at(db.now).at(undated).limit(put_off.room(limit));
    let found = fetch(db.connection, EXPIRED, values).await?;
    let found = page(&found, limit, put_off, db.now)?;
    let expired: Result<Vec<Removed>, StoreError> = found.into_iter().map(expired).collect();
    let expired = expired?;
    let (mut removed, mut pieces) = (Vec::with_capacity(expired.len()), Pieces::of(&expired));
    while let Some(piece) = pieces.next() {
        let spell = |values: Values, it: &Removed| values.id(it.op_id);
        match savepoint!(db, |db| PURGE.execute(db.connection, piece, spell)) {
            Ok(_) => removed.extend_from_slice(piece),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some(alone) = pieces.refused(piece) else { continue };
                put_off.refused(alone.op_id, db.now);
                removed.push(Removed { refused: Some(error.to_string()), ..alone.clone() });
            }
        }
    }
    Ok(removed)
}

/// One whose kind cannot be read goes all the same.
fn expired(found: &Found) -> Result<Removed, StoreError> {
    Ok(Removed { op_id: found.op_id()?, kind: columns::kind(found).ok(), refused: None })
}
