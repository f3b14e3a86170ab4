use std::collections::HashMap;

use orch_core::policies::{Move, after_attempt};
use orch_core::store::{Claim, Finalized, StoreError};
use orch_core::words::{Fence, LogStatus, Timestamp};
use sqlx::postgres::PgRow;

use crate::column::{column, instant, op_id};
use crate::db::Db;
use crate::lease::columns;
use crate::moves::Change;
use crate::pool::arguments;
use crate::row::Row;

pub(crate) const LOAD: &str = include_str!("../queries/load.sql");

/// What is to be done about a claim.
pub(crate) enum Pending {
    /// Nothing: this is where it stands.
    Answered(Finalized),
    /// This move.
    Move(Box<Row>, Move),
}

/// The move that the PENDING entry under a claim that stands asks for. The delay counts from
/// the attempt's end, however late the entry is finalized.
pub(crate) fn pending(
    claim: Claim,
    row: Option<&Result<Row, StoreError>>,
) -> Result<Pending, StoreError> {
    let Some(row) = row else { return Ok(Pending::Answered(Finalized::Stale)) };
    let row = row.as_ref().map_err(Clone::clone)?;
    // Never true but in a build whose mistake the chaos run has to find.
    let unguarded = cfg!(feature = "broken-finalize-fence") && !row.operation.status.is_terminal();
    let entry = row.entry.as_ref().filter(|_| unguarded || row.operation.fence == claim.fence);
    Ok(match entry {
        None => Pending::Answered(Finalized::Stale),
        Some(entry) if !unguarded && entry.status == LogStatus::Completed => {
            Pending::Answered(row.standing())
        }
        Some(entry) => {
            let next = after_attempt(&entry.end, &row.facts(), entry.delay, entry.logged_at);
            Pending::Move(Box::new(row.clone()), next)
        }
    })
}

/// The change that carries out a move by the entry that was read with the row.
pub(crate) fn change(
    row: Row,
    next: Move,
    claim: Claim,
    now: Timestamp,
) -> (Claim, Change, Finalized) {
    let said = row.entry.clone();
    let mut change = Change::of(row);
    if let Some(entry) = said {
        change.note(&entry.end, entry.source, now);
    }
    change.complete();
    let to = change.carry(next, now);
    (claim, change, to)
}

/// An instant, and where operations stood at it; the inner error says what cannot be decoded.
pub(crate) type Loaded = (Timestamp, HashMap<Claim, Result<Row, StoreError>>);

/// Where the operations of these claims stand, each with its entry. What is not there is left
/// out.
pub(crate) async fn load(db: &Db, claims: &[Claim]) -> Result<Loaded, StoreError> {
    let (ids, fences) = columns(claims.iter());
    decode(&db.fetch(LOAD, arguments![db.now(), ids, fences]).await?)
}

/// The rows of load.sql and their instant.
pub(crate) fn decode(rows: &[PgRow]) -> Result<Loaded, StoreError> {
    let mut now = Timestamp::from_micros(0);
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let claim = asked(row).map_err(StoreError::fatal)?;
        now = instant(row, "now").map_err(StoreError::fatal)?.unwrap_or(now);
        let op_id = claim.op_id;
        let row = Row::decode(row).map_err(|reason| StoreError::Corrupt { op_id, reason });
        found.insert(claim, row);
    }
    Ok((now, found))
}

fn asked(row: &PgRow) -> Result<Claim, String> {
    Ok(Claim { op_id: op_id(row, "op_id")?, fence: Fence::new(column(row, "asked_fence")?) })
}
