//! S1: commands become operations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::store::codec::as_millis;
use orch_core::store::{Acceptance, Admitted, Place, StoreError};
use orch_core::words::{Command, IdentityForm, Kind, OpId, StoredForm};
use sqlx::Arguments;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::types::Uuid;

use crate::column::{column, from_uuid, to_int, to_uuid};
use crate::db::{Db, in_pieces};
use crate::errors::{is_duplicate, is_unreferenced};
use crate::form;
use crate::pool::{arguments, each};
use crate::server::Server;
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

/// How often those that were held up by others of their batch are stored again.
const ROUNDS: u32 = 5;

/// Nothing of a batch is stored while one kind of it is identified in another form. Who can only then be
/// answered is, and the others go again.
async fn accept_on(
    mut server: Server<'_>,
    batch: &[Acceptance],
    now: Option<At>,
) -> Result<Vec<Admitted>, StoreError> {
    let mut answers = HashMap::new();
    let mut open: Vec<&Acceptance> = batch.iter().collect();
    for _ in 0..ROUNDS {
        let (new, is_other) = store(&mut server, &open, now).await?;
        let created = |op_id: OpId| (op_id, Admitted::Created { op_id });
        answers.extend(new.iter().copied().map(created));
        open.retain(|item| !new.contains(&item.op_id));
        answers.extend(present(&mut server, &open).await?);
        open.retain(|item| !answers.contains_key(&item.op_id));
        if open.is_empty() || !is_other {
            break;
        }
        answers.extend(in_another_form(&mut server, &open).await?);
        open.retain(|item| !answers.contains_key(&item.op_id));
        if open.is_empty() {
            break;
        }
    }
    // Removed, or failed, between the two statements, or the same request came: the same call again
    // tells.
    let gone = || StoreError::transient("what stood in the way of an accept is gone");
    batch.iter().map(|item| answers.get(&item.op_id).cloned().ok_or_else(gone)).collect()
}

/// Stores what is new: those, and whether nothing was since a kind is identified in another form.
async fn store(
    server: &mut Server<'_>,
    items: &[&Acceptance],
    now: Option<At>,
) -> Result<(HashSet<OpId>, bool), StoreError> {
    let sorted = by_identity(items);
    let looks = items.iter().any(|item| item.unique || !item.earlier.is_empty());
    let rows = if looks {
        server.fetch(ACCEPT_UNIQUE, accept_unique_arguments(&sorted, now)).await
    } else {
        server.fetch(ACCEPT, accept_arguments(&sorted, now)).await
    };
    created(&rows.map_err(met)?).map_err(StoreError::fatal)
}

/// What there is already of these.
async fn present(
    server: &mut Server<'_>,
    items: &[&Acceptance],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let mut there = look_up(server, &places(items)).await?;
    let missing = |item: &&&Acceptance| item.unique && !there.contains_key(&item.op_id);
    let unique: Vec<&Acceptance> = items.iter().filter(missing).copied().collect();
    if !unique.is_empty() {
        let rows = server.fetch(TAKEN, taken_arguments(&unique)).await?;
        there.extend(taken(&unique, &rows).map_err(StoreError::fatal)?);
    }
    Ok(there)
}

fn places<'a>(items: &[&'a Acceptance]) -> Vec<Place<'a>> {
    items.iter().copied().flat_map(Place::of).collect()
}

async fn look_up(
    server: &mut Server<'_>,
    places: &[Place<'_>],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = server.fetch(PRESENT, present_arguments(places)).await?;
    let mut found = HashMap::new();
    for row in &rows {
        if let Some((op_id, answer)) = present_one(places, row).map_err(StoreError::fatal)? {
            // Its own biz key comes before earlier ones.
            found.entry(op_id).or_insert(answer);
        }
    }
    Ok(found)
}

/// Those of a kind that is identified in another form.
async fn in_another_form(
    server: &mut Server<'_>,
    items: &[&Acceptance],
) -> Result<Vec<(OpId, Admitted)>, StoreError> {
    let kinds = kinds(items).into_iter().map(|(kind, _)| kind).collect();
    let stored: HashMap<Kind, StoredForm> =
        form::forms_of(server, kinds).await?.into_iter().collect();
    let other = |item: &&Acceptance| {
        let answer = item.in_another_form(stored.get(&item.command.kind()))?;
        Some((item.op_id, answer))
    };
    Ok(items.iter().filter_map(other).collect())
}

/// The kinds of these whose form is known, each once for each of its forms.
fn kinds(items: &[&Acceptance]) -> Vec<(String, IdentityForm)> {
    let mut kinds: Vec<(&Command, IdentityForm)> = Vec::new();
    for Acceptance { command, form, .. } in items {
        let is = |(other, its): &(&Command, IdentityForm)| {
            Some(*its) == *form
                && other.domain() == command.domain()
                && other.event_type() == command.event_type()
        };
        if let Some(form) = *form
            && !kinds.iter().any(is)
        {
            kinds.push((command, form));
        }
    }
    kinds.into_iter().map(|(command, form)| (command.kind().to_string(), form)).collect()
}

/// Two batches that share identities must meet them in one order, or they wait for each other.
/// The sort is stable: of two items with one identity the first is stored.
fn by_identity<'a>(items: &[&'a Acceptance]) -> Vec<&'a Acceptance> {
    let mut sorted = items.to_vec();
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
    let earlier: Vec<(i64, &str)> = (1..)
        .zip(items)
        .flat_map(|(place, item)| item.earlier.iter().map(move |key| (place, key.as_str())))
        .collect();
    let mut add = || {
        arguments.add(each(items, |item| item.unique))?;
        arguments.add(each(&earlier, |(place, _)| *place))?;
        arguments.add(each(&earlier, |(_, biz_key)| *biz_key))
    };
    add().map_err(StoreError::fatal)?;
    Ok(arguments)
}

fn accept_arguments(items: &[&Acceptance], now: Option<At>) -> Result<PgArguments, StoreError> {
    let kinds = kinds(items);
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
        each(&kinds, |(kind, _)| &**kind),
        each(&kinds, |(_, form)| to_int(form.number)),
        each(&kinds, |(_, form)| form.keys),
    ]
}

fn present_arguments(places: &[Place<'_>]) -> Result<PgArguments, StoreError> {
    arguments![
        each(places, |Place { item, .. }| to_uuid(item.op_id)),
        each(places, |Place { item, .. }| item.owner.as_str()),
        each(places, |Place { item, .. }| item.command.domain().as_str()),
        each(places, |Place { item, .. }| item.command.event_type().as_str()),
        each(places, |Place { biz_key, .. }| biz_key.as_str()),
        each(places, |Place { item, .. }| item.command.idem_key().as_str()),
        each(places, |Place { item, .. }| item.fingerprint.as_bytes().as_slice()),
    ]
}

fn taken_arguments(items: &[&Acceptance]) -> Result<PgArguments, StoreError> {
    arguments![
        each(items, |item| item.owner.as_str()),
        each(items, |item| item.command.domain().as_str()),
        each(items, |item| item.command.event_type().as_str()),
        each(items, |item| item.command.biz_key().as_str()),
        each(items, |item| item.command.idem_key().as_str()),
    ]
}

fn created(rows: &[PgRow]) -> Result<(HashSet<OpId>, bool), String> {
    let Some(row) = rows.first() else { return Err("no answer to an accept".to_owned()) };
    let op_ids: Vec<Uuid> = column(row, "op_ids")?;
    Ok((op_ids.into_iter().map(from_uuid).collect(), column(row, "is_other")?))
}

fn taken(asked: &[&Acceptance], rows: &[PgRow]) -> Result<Vec<(OpId, Admitted)>, String> {
    let answer = |row: &PgRow| {
        let op_id = from_uuid(column(row, "op_id")?);
        Ok((at_place(asked, row)?.op_id, Admitted::Taken { op_id }))
    };
    rows.iter().map(answer).collect()
}

/// The item that a row answers about.
fn at_place<'a, T>(asked: &'a [T], row: &PgRow) -> Result<&'a T, String> {
    let place: i64 = column(row, "place")?;
    let place = usize::try_from(place - 1).map_err(|_| "a place is out of range")?;
    Ok(asked.get(place).ok_or("a place is out of range")?)
}

fn present_one(places: &[Place<'_>], row: &PgRow) -> Result<Option<(OpId, Admitted)>, String> {
    let ours = at_place(places, row)?.item.op_id;
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
