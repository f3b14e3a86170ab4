//! S1: commands become operations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::store::codec::as_millis;
use orch_core::store::{Acceptance, Admitted, StoreError};
use orch_core::words::OpId;
use sqlx::Arguments;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::types::Uuid;

use crate::column::{column, from_uuid, to_uuid};
use crate::db::{Db, in_pieces};
use crate::errors::{is_duplicate, is_unreferenced};
use crate::pool::{arguments, each, fetch};
use crate::time::At;

const ACCEPT: &str = include_str!("../queries/accept.sql");
const ACCEPT_UNIQUE: &str = include_str!("../queries/accept_unique.sql");
const TAKEN: &str = include_str!("../queries/accept_taken.sql");
const PRESENT: &str = include_str!("../queries/accept_present.sql");

/// What became of each.
pub(crate) async fn accept(db: &Db, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
    in_pieces(batch, |item| item.command.payload().size(), |batch| accept_whole(db, batch)).await
}

async fn accept_whole(db: &Db, batch: Arc<Vec<Acceptance>>) -> Result<Vec<Admitted>, StoreError> {
    accept_on(Server::Pool(db), &batch, db.now()).await
}

/// The same for one command, on a connection of the caller's, in the caller's transaction.
pub(crate) async fn accept_in(
    connection: &mut PgConnection,
    acceptance: Acceptance,
    now: Option<At>,
    named: bool,
) -> Result<Admitted, StoreError> {
    accept_on(Server::Caller { connection, named }, &[acceptance], now)
        .await?
        .pop()
        .ok_or_else(|| StoreError::fatal("one command, but no answer"))
}

/// Where the statements run.
enum Server<'c> {
    Pool(&'c Db),
    Caller { connection: &'c mut PgConnection, named: bool },
}

impl Server<'_> {
    async fn fetch(
        &mut self,
        sql: &'static str,
        arguments: Result<PgArguments, StoreError>,
    ) -> Result<Vec<PgRow>, StoreError> {
        match self {
            Self::Pool(db) => db.fetch(sql, arguments).await,
            Self::Caller { connection, named } => fetch(connection, sql, arguments?, *named).await,
        }
    }
}

async fn accept_on(
    mut server: Server<'_>,
    batch: &[Acceptance],
    now: Option<At>,
) -> Result<Vec<Admitted>, StoreError> {
    let sorted = by_identity(batch);
    let stored = if batch.iter().any(|item| item.unique) {
        server.fetch(ACCEPT_UNIQUE, accept_unique_arguments(&sorted, now)).await
    } else {
        server.fetch(ACCEPT, accept_arguments(&sorted, now)).await
    };
    let new = created(&stored.map_err(met)?)?;
    let old = left_out(batch, &new);
    let mut there = HashMap::new();
    if !old.is_empty() {
        there = present(&old, &server.fetch(PRESENT, present_arguments(&old)).await?)?;
        let missing = |item: &&&Acceptance| item.unique && !there.contains_key(&item.op_id);
        let missing: Vec<&Acceptance> = old.iter().filter(missing).copied().collect();
        if !missing.is_empty() {
            let rows = server.fetch(TAKEN, taken_arguments(&missing)).await?;
            there.extend(taken(&missing, &rows).map_err(StoreError::fatal)?);
        }
    }
    answers(batch, &new, &there)
}

/// Two batches that share identities must meet them in one order, or they wait for each other.
/// The sort is stable: of two items with one identity the first is stored.
fn by_identity(batch: &[Acceptance]) -> Vec<&Acceptance> {
    let mut sorted: Vec<&Acceptance> = batch.iter().collect();
    sorted.sort_by(|a, b| words(a).cmp(&words(b)));
    sorted
}

/// The identity, in the order of its index: what differs most comes first.
fn words(item: &Acceptance) -> [&str; 5] {
    let command = &item.command;
    [
        command.biz_key().as_str(),
        command.idem_key().as_str(),
        command.event_type().as_str(),
        command.domain().as_str(),
        item.owner.as_str(),
    ]
}

/// The same item, sent again while its first statement is still running, can meet the id before
/// the identity; or its operation has come, and failed, between the look for it and the insert. Once
/// that statement is through, the identity tells.
fn met(error: StoreError) -> StoreError {
    if is_duplicate(&error) || is_unreferenced(&error) {
        StoreError::transient(error)
    } else {
        error
    }
}

fn accept_unique_arguments(
    items: &[&Acceptance],
    now: Option<At>,
) -> Result<PgArguments, StoreError> {
    let mut arguments = accept_arguments(items, now)?;
    arguments.add(each(items, |item| item.unique)).map_err(StoreError::fatal)?;
    Ok(arguments)
}

fn accept_arguments(items: &[&Acceptance], now: Option<At>) -> Result<PgArguments, StoreError> {
    arguments![
        now,
        each(items, |item| to_uuid(item.op_id)),
        each(items, |item| item.owner.as_str()),
        each(items, |item| item.command.domain().as_str()),
        each(items, |item| item.command.event_type().as_str()),
        each(items, |item| item.command.biz_key().as_str()),
        each(items, |item| item.command.idem_key().as_str()),
        each(items, |item| item.fingerprint.as_bytes().as_slice()),
        each(items, |item| as_millis(item.time_budget)),
        each(items, |item| item.command.payload().as_bytes()),
        each(items, |item| item.key_seed.as_bytes().as_slice()),
    ]
}

fn present_arguments(items: &[&Acceptance]) -> Result<PgArguments, StoreError> {
    arguments![
        each(items, |item| to_uuid(item.op_id)),
        each(items, |item| item.owner.as_str()),
        each(items, |item| item.command.domain().as_str()),
        each(items, |item| item.command.event_type().as_str()),
        each(items, |item| item.command.biz_key().as_str()),
        each(items, |item| item.command.idem_key().as_str()),
        each(items, |item| item.fingerprint.as_bytes().as_slice()),
    ]
}

fn taken_arguments(items: &[&Acceptance]) -> Result<PgArguments, StoreError> {
    arguments![
        each(items, |item| item.owner.as_str()),
        each(items, |item| item.command.domain().as_str()),
        each(items, |item| item.command.event_type().as_str()),
        each(items, |item| item.command.biz_key().as_str()),
    ]
}

fn created(rows: &[PgRow]) -> Result<HashSet<OpId>, StoreError> {
    let Some(row) = rows.first() else { return Ok(HashSet::new()) };
    let op_ids: Vec<Uuid> = column(row, "op_ids").map_err(StoreError::fatal)?;
    Ok(op_ids.into_iter().map(from_uuid).collect())
}

/// What was not new, each item once. An id that was stored and comes twice is created twice.
fn left_out<'a>(batch: &'a [Acceptance], new: &HashSet<OpId>) -> Vec<&'a Acceptance> {
    batch.iter().filter(|item| !new.contains(&item.op_id)).collect()
}

fn present(asked: &[&Acceptance], rows: &[PgRow]) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let mut found = HashMap::new();
    for row in rows {
        if let Some((item, admitted)) = present_one(asked, row).map_err(StoreError::fatal)? {
            found.insert(item, admitted);
        }
    }
    Ok(found)
}

fn taken(asked: &[&Acceptance], rows: &[PgRow]) -> Result<HashMap<OpId, Admitted>, String> {
    let answer = |row: &PgRow| {
        let op_id = from_uuid(column(row, "op_id")?);
        Ok((asked_at(asked, row)?, Admitted::Taken { op_id }))
    };
    rows.iter().map(answer).collect()
}

/// The operation that a row answers about.
fn asked_at(asked: &[&Acceptance], row: &PgRow) -> Result<OpId, String> {
    let place: i64 = column(row, "place")?;
    let place = usize::try_from(place - 1).map_err(|_| "a place is out of range")?;
    Ok(asked.get(place).ok_or("a place is out of range")?.op_id)
}

fn present_one(asked: &[&Acceptance], row: &PgRow) -> Result<Option<(OpId, Admitted)>, String> {
    let ours = asked_at(asked, row)?;
    if column(row, "mine")? {
        return Ok(Some((ours, Admitted::Created { op_id: ours })));
    }
    let Some(there) = column::<Option<Uuid>>(row, "op_id")?.map(from_uuid) else {
        return Ok(None);
    };
    Ok(Some((
        ours,
        match column::<Option<&[u8]>>(row, "payload")? {
            Some(payload) => Admitted::Conflict { op_id: there, payload: payload.into() },
            None => Admitted::Replayed { op_id: there },
        },
    )))
}

fn answers(
    batch: &[Acceptance],
    new: &HashSet<OpId>,
    there: &HashMap<OpId, Admitted>,
) -> Result<Vec<Admitted>, StoreError> {
    let answer = |item: &Acceptance| {
        if new.contains(&item.op_id) {
            return Ok(Admitted::Created { op_id: item.op_id });
        }
        // Removed, or failed, between the two statements: the same call again will store it.
        let gone = || StoreError::transient("what stood in the way of an accept is gone");
        there.get(&item.op_id).cloned().ok_or_else(gone)
    };
    batch.iter().map(answer).collect()
}
