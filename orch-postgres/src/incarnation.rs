//! Which database this is, and which of its histories.

use std::sync::{Arc, Mutex};

use orch_core::store::{ConfirmParams, Confirmed, StoreError, columns, lock};
use orch_core::words::{Confirmation, Incarnation, KeyNamespace};
use sqlx::postgres::PgRow;

use crate::column::{Named, column};
use crate::db::Db;
use crate::pool::arguments;
use crate::time::At;

const INCARNATION: &str = include_str!("../queries/incarnation.sql");
const CONFIRM: &str = include_str!("../queries/confirm.sql");
/// Moves the sequence so that new log entries come after those of earlier incarnations.
const ADVANCE_LOG_SEQ: &str = "SELECT orch_advance_log_seq()";
const WHOLE_SINCE: &str = include_str!("../queries/whole_since.sql");

/// How often a look is repeated because another session changed something.
const LOOKS: u32 = 5;

/// What this process has seen of the database, so that it notices one that went back. Shared by
/// the handles on a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Furthest>>);

/// An incarnation, and the furthest WAL positions seen under it. A position is `None` where the
/// server does not tell it, or none was seen yet.
#[derive(Debug, Clone, Copy, Default)]
struct Furthest {
    number: i32,
    whole_since: i32,
    /// Flushed: a server that only crashed never goes back behind it.
    flushed: Option<i64>,
    /// A commit after it was acknowledged, so a synchronous standby has it.
    acknowledged: Option<i64>,
}

impl Seen {
    /// The incarnation's number and the furthest flushed position seen under it, for a statement.
    pub(crate) fn furthest(&self) -> (i32, Option<i64>) {
        let seen = lock(&self.0);
        (seen.number, seen.flushed)
    }

    /// True if the database may have operations whose history lacks a part.
    pub(crate) fn has_lost_history(&self) -> bool {
        lock(&self.0).whole_since > 1
    }

    /// Notes what an answer says; `committed` if its statement has written something. Answers may
    /// come in another order than they were made.
    pub(crate) fn note(
        &self,
        number: i32,
        whole_since: i32,
        position: Option<i64>,
        committed: bool,
    ) {
        let mut seen = lock(&self.0);
        if number < seen.number {
            return;
        }
        let before = if number == seen.number { *seen } else { Furthest::default() };
        let acknowledged = before.acknowledged.max(position.filter(|_| committed));
        let flushed = before.flushed.max(position);
        *seen = Furthest { number, whole_since, flushed, acknowledged };
    }
}

/// The newest incarnation, a new one if this is not the database that it was.
pub(crate) async fn look(db: &Db) -> Result<Incarnation, StoreError> {
    for _ in 0..LOOKS {
        let Furthest { number, flushed, acknowledged, .. } = *lock(&db.seen.0);
        let goes_on = db.pool.target().continues_on_failover;
        let known = arguments![db.now(), number, flushed, goes_on, acknowledged];
        let rows = db.fetch(INCARNATION, known).await?;
        let Some(row) = rows.first() else { continue };
        let (incarnation, same) = decode(row).map_err(StoreError::fatal)?;
        if same {
            if incarnation.number > 1 && i64::from(incarnation.number) > i64::from(number) {
                db.fetch(ADVANCE_LOG_SEQ, arguments![]).await?;
            }
            note(db, row).map_err(StoreError::fatal)?;
            return Ok(incarnation);
        }
    }
    Err(StoreError::transient("the incarnation was changed each time it was read"))
}

fn decode(row: &PgRow) -> Result<(Incarnation, bool), String> {
    Ok((columns::incarnation(&Named(row))?, column(row, "same")?))
}

fn note(db: &Db, row: &PgRow) -> Result<(), String> {
    let count = |name| i32::try_from(column::<i64>(row, name)?).map_err(|error| error.to_string());
    let position = column(row, "wal_position")?;
    db.seen.note(count("number")?, count("whole_since")?, position, false);
    Ok(())
}

/// Keeps what an operator says.
pub(crate) async fn confirm(db: &Db, params: &ConfirmParams) -> Result<Confirmed, StoreError> {
    let number = i32::try_from(params.number).unwrap_or(i32::MAX);
    let copied = params.confirmation == Confirmation::Copied;
    let namespace = copied.then(KeyNamespace::generate);
    for _ in 0..LOOKS {
        let newest = look(db).await?;
        let answer = params.decide(&newest);
        let is_kept = newest.confirmed && newest.number == params.concerns();
        if is_kept || matches!(answer, Confirmed::Stale { .. }) {
            return Ok(answer);
        }
        let arguments = arguments![
            db.now(),
            number,
            params.confirmed,
            params.confirmation.as_str(),
            params.confirmation.keeps_history(),
            params.note(),
            namespace.as_ref().map(|namespace| namespace.as_bytes().as_slice()),
            At(params.opened_at),
        ];
        db.fetch(CONFIRM, arguments).await?;
    }
    Err(StoreError::transient("the incarnation was changed each time it was read"))
}

/// The incarnation since which histories are whole.
pub(crate) async fn whole_since(db: &Db) -> Result<u32, StoreError> {
    let rows = db.fetch(WHOLE_SINCE, arguments![]).await?;
    let row = rows.first().ok_or_else(|| StoreError::fatal("there is no incarnation"))?;
    since(row).map_err(StoreError::fatal)
}

/// The column of that name.
pub(crate) fn since(row: &PgRow) -> Result<u32, String> {
    u32::try_from(column::<i64>(row, "whole_since")?).map_err(|error| error.to_string())
}
