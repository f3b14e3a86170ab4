//! Which database this is, and which of its histories.

use std::sync::{Arc, Mutex};

use orch_core::store::{ConfirmParams, Confirmed, StoreError, columns, lock};
use orch_core::words::{Confirmation, Incarnation, KeyNamespace};
use sqlx::postgres::PgRow;

use crate::column::{Named, column};
use crate::db::Db;
use crate::pool::arguments;

const INCARNATION: &str = include_str!("../queries/incarnation.sql");
const CONFIRM: &str = include_str!("../queries/confirm.sql");
/// New entries of the log come after those of earlier incarnations.
const NUMBER_LOG: &str = "SELECT orch_number_log()";
const WHOLE_SINCE: &str = include_str!("../queries/whole_since.sql");

/// How often a look is repeated because another session changed something.
const LOOKS: u32 = 5;

/// What this process has seen of the database, so that it notices one that went back. Shared by
/// the handles on a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Place>>);

/// An incarnation, and a place in its log.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    number: i32,
    /// `None` where the server does not tell, or nothing was seen yet.
    wal_position: Option<i64>,
    whole_since: i32,
}

impl Seen {
    /// The incarnation's number and the furthest place seen under it, for a statement.
    pub(crate) fn furthest(&self) -> (i32, Option<i64>) {
        let place = lock(&self.0);
        (place.number, place.wal_position)
    }

    /// True if the database may have operations whose history lacks a part.
    pub(crate) fn has_lost_history(&self) -> bool {
        lock(&self.0).whole_since > 1
    }

    /// Notes what an answer says. Answers may come in another order than they were made.
    pub(crate) fn note(&self, number: i32, whole_since: i32, wal_position: Option<i64>) {
        let mut place = lock(&self.0);
        if number < place.number {
            return;
        }
        let before = place.wal_position.filter(|_| number == place.number);
        *place = Place { number, whole_since, wal_position: before.max(wal_position) };
    }
}

/// The newest incarnation, a new one if this is not the database that it was.
pub(crate) async fn look(db: &Db) -> Result<Incarnation, StoreError> {
    for _ in 0..LOOKS {
        let (number, wal_position) = db.seen.furthest();
        let goes_on = db.pool.target().goes_on;
        let rows =
            db.fetch(INCARNATION, arguments![db.now(), number, wal_position, goes_on]).await?;
        let Some(row) = rows.first() else { continue };
        let (incarnation, same) = decode(row).map_err(StoreError::fatal)?;
        if same {
            if incarnation.number > 1 && i64::from(incarnation.number) > i64::from(number) {
                db.fetch(NUMBER_LOG, arguments![]).await?;
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
    db.seen.note(count("number")?, count("whole_since")?, column(row, "wal_position")?);
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
