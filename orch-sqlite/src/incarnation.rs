//! Which database this is, and which of its histories.

use orch_core::store::columns::{self, Columns};
use orch_core::store::{ConfirmParams, Confirmed, StoreError};
use orch_core::words::{Confirmation, Incarnation, KeyNamespace};
use sqlx::sqlite::SqliteConnection;

use crate::read::keep_namespace;
use crate::row::Found;
use crate::same_file::Birth;
use crate::sql::{Db, Values, execute, fetch};

const INCARNATION: &str = include_str!("../queries/incarnation.sql");
const COPIED_AT: &str = include_str!("../queries/copied_at.sql");
const OPENED: &str = include_str!("../queries/incarnation_opened.sql");
const CONFIRM: &str = include_str!("../queries/confirm.sql");

/// The newest incarnation; `None` before the first look.
pub(crate) async fn newest(
    connection: &mut SqliteConnection,
) -> Result<Option<Incarnation>, StoreError> {
    let found = fetch(connection, INCARNATION, Values::default()).await?;
    found.first().map(|row| columns::incarnation(row).map_err(StoreError::fatal)).transpose()
}

/// The newest incarnation, of a database that a store has looked at.
pub(crate) async fn known(connection: &mut SqliteConnection) -> Result<Incarnation, StoreError> {
    let missing = || StoreError::fatal("there is no incarnation");
    newest(connection).await?.ok_or_else(missing)
}

/// The latest incarnation that began as a copy, 0 if none did: what was accepted before it belongs to
/// the original.
pub(crate) async fn copied_at(connection: &mut SqliteConnection) -> Result<u32, StoreError> {
    let found = fetch(connection, COPIED_AT, Values::default()).await?;
    let number = found.first().map(|row| row.number("number")).transpose();
    let number = number.map_err(StoreError::fatal)?.flatten().unwrap_or(0);
    u32::try_from(number).map_err(StoreError::fatal)
}

/// The newest incarnation, a new one if this is not the file that it was. Inside a transaction that
/// may write.
pub(crate) async fn look(db: &mut Db<'_>, birth: Birth) -> Result<Incarnation, StoreError> {
    let found = fetch(db.connection, INCARNATION, Values::default()).await?;
    let next = match found.first() {
        None => Incarnation::first(db.now),
        Some(row) => {
            let newest = columns::incarnation(row).map_err(StoreError::fatal)?;
            let remembered = remembered(row).map_err(StoreError::fatal)?;
            let Some(difference) = birth.difference(remembered) else { return Ok(newest) };
            newest.next(db.now, difference)
        }
    };
    open(db, &next, birth).await?;
    Ok(next)
}

fn remembered(row: &Found) -> Result<Birth, String> {
    Ok(Birth { inode: row.number("inode")?, born_at: row.number("born_at")? })
}

async fn open(db: &mut Db<'_>, next: &Incarnation, birth: Birth) -> Result<(), StoreError> {
    let values = Values::default()
        .add(next.number)
        .add(next.whole_since)
        .at(db.now)
        .at(next.confirmed.then_some(db.now))
        .add(next.difference.as_str())
        .add(birth.inode)
        .add(birth.born_at);
    execute(db.connection, OPENED, values).await.map(drop)
}

/// Keeps what an operator says. Inside a transaction that may write.
pub(crate) async fn confirm(
    db: &mut Db<'_>,
    params: &ConfirmParams,
    birth: Birth,
) -> Result<Confirmed, StoreError> {
    let newest = look(db, birth).await?;
    let answer = params.decide(&newest);
    let Confirmed::Confirmed { number } = answer else { return Ok(answer) };
    if newest.number == number && newest.confirmed {
        return Ok(answer);
    }
    if newest.number < number {
        let next = newest.next(db.now, Incarnation::REPORTED.to_owned());
        open(db, &next, birth).await?;
    }
    let values = Values::default()
        .add(number)
        .at(db.now)
        .add(params.confirmation.as_str())
        .add(params.note())
        .add(params.confirmation.keeps_history());
    execute(db.connection, CONFIRM, values).await?;
    if params.confirmation == Confirmation::Copied {
        keep_namespace(db.connection, &KeyNamespace::generate(), db.now).await?;
    }
    Ok(answer)
}
