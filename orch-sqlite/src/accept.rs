//! S1: commands become operations.

use std::collections::{HashMap, HashSet};

use orch_core::store::codec::as_millis;
use orch_core::store::columns::Columns;
use orch_core::store::{Acceptance, Admitted, Place, StoreError};
use orch_core::words::{BizKey, Kind, OpId, StoredForm};

use crate::form;
use crate::row::{Found, there};
use crate::sql::{Answers, Db, ROWS, Rows, Values, fetch};

static ACCEPT: Rows = Rows::new(include_str!("../queries/accept.sql"));
static PRESENT: Rows = Rows::new(include_str!("../queries/accept_present.sql"));
static TAKEN: Rows = Rows::new(include_str!("../queries/accept_taken.sql"));

/// How often those that were held up by others of their batch are stored again.
const ROUNDS: u32 = 3;

/// Insert first, then look up what was not inserted: so two who accept one key at the same time
/// get one operation, without a lock of ours. Runs on the writer's connection, or on the
/// caller's own (`accept_in`).
///
/// What is to be the only operation for its biz key is looked up before as well: the index knows of
/// nothing that was accepted without. So is what may be there under an earlier biz key.
pub(crate) async fn accept(db: &mut Db<'_>, batch: &[&Acceptance]) -> Answers<Admitted> {
    let mut answers = Vec::with_capacity(batch.len());
    for chunk in batch.chunks(ROWS) {
        let there = accept_chunk(db, chunk).await?;
        answers.extend(chunk.iter().map(|item| {
            // Two items with one id get one answer each; the map gives the second a copy.
            there.get(&item.op_id).cloned().ok_or_else(|| {
                StoreError::fatal("the operation id is in use by an operation of another identity")
            })
        }));
    }
    Ok(answers)
}

async fn accept_chunk(
    db: &mut Db<'_>,
    chunk: &[&Acceptance],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let looks = |item: &&&Acceptance| item.unique || !item.earlier.is_empty();
    let looking: Vec<&Acceptance> = chunk.iter().filter(looks).copied().collect();
    let mut answers = present(db, &looking).await?;
    for _ in 0..ROUNDS {
        let open = unanswered(chunk, &answers);
        if open.is_empty() {
            break;
        }
        let created = |op_id: OpId| (op_id, Admitted::Created { op_id });
        answers.extend(insert(db, &open).await?.into_iter().map(created));
        // What stands in the way of others of this batch included.
        let there = present(db, &unanswered(chunk, &answers)).await?;
        answers.extend(there);
        let others = in_another_form(db, &unanswered(chunk, &answers)).await?;
        answers.extend(others);
    }
    Ok(answers)
}

fn unanswered<'a>(
    chunk: &[&'a Acceptance],
    answers: &HashMap<OpId, Admitted>,
) -> Vec<&'a Acceptance> {
    chunk.iter().filter(|item| !answers.contains_key(&item.op_id)).copied().collect()
}

/// What there is already of these.
async fn present(
    db: &mut Db<'_>,
    items: &[&Acceptance],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let mut there = look_up(db, &places(items)).await?;
    let unique: Vec<&Acceptance> =
        unanswered(items, &there).into_iter().filter(|item| item.unique).collect();
    there.extend(taken(db, &unique).await?);
    Ok(there)
}

fn places<'a>(items: &[&'a Acceptance]) -> Vec<Place<'a>> {
    items.iter().copied().flat_map(Place::of).collect()
}

/// Those of a kind whose identity is stored in another form.
async fn in_another_form(
    db: &mut Db<'_>,
    items: &[&Acceptance],
) -> Result<Vec<(OpId, Admitted)>, StoreError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let stored: HashMap<Kind, StoredForm> = form::forms(db.connection).await?.into_iter().collect();
    let other = |item: &&Acceptance| {
        let answer = item.in_another_form(stored.get(&item.command.kind()))?;
        Some((item.op_id, answer))
    };
    Ok(items.iter().filter_map(other).collect())
}

async fn insert(db: &mut Db<'_>, chunk: &[&Acceptance]) -> Result<HashSet<OpId>, StoreError> {
    let now = db.now;
    let spell = |values: Values, item: &&Acceptance| {
        identify(values, item, item.command.biz_key())
            .at(now)
            .add(as_millis(item.time_budget))
            .at(now.plus(item.time_budget))
            .add(item.command.payload().as_bytes())
            .add(item.key_seed.as_bytes().as_slice())
            .add(item.unique)
    };
    let values = chunk.iter().fold(Values::default().add(form::kinds(chunk)), spell);
    let rows = fetch(db.connection, ACCEPT.sized(chunk.len()), values).await?;
    rows.iter().map(Found::op_id).collect()
}

/// The operations that hold the biz keys of these.
async fn taken(
    db: &mut Db<'_>,
    items: &[&Acceptance],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let spell = |values: Values, item: &&Acceptance| identify(values, item, item.command.biz_key());
    let found = TAKEN.fetch(db.connection, items, spell).await?;
    let answer = |found: &Found| {
        let (asked, op_id) = (there(found.id("asked"))?, found.op_id()?);
        Ok((asked, Admitted::Taken { op_id }))
    };
    found.iter().map(answer).collect()
}

async fn look_up(
    db: &mut Db<'_>,
    places: &[Place<'_>],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let spell = |values: Values, place: &Place<'_>| identify(values, place.item, place.biz_key);
    let mut present = HashMap::new();
    for found in PRESENT.fetch(db.connection, places, spell).await? {
        let (asked, op_id) = (there(found.id("asked"))?, found.op_id()?);
        let admitted = if op_id == asked {
            Admitted::Created { op_id }
        } else if there(found.flag("same"))? {
            Admitted::Replayed { op_id }
        } else {
            Admitted::Conflict { op_id, payload: there(found.bytes("payload"))?.into() }
        };
        // Its own biz key comes before earlier ones.
        present.entry(asked).or_insert(admitted);
    }
    Ok(present)
}

fn identify(values: Values, item: &Acceptance, biz_key: &BizKey) -> Values {
    values
        .id(item.op_id)
        .add(item.owner.as_str())
        .add(item.command.domain().as_str())
        .add(item.command.event_type().as_str())
        .add(biz_key.as_str())
        .add(item.command.idem_key().as_str())
        .add(item.fingerprint.as_bytes().as_slice())
}
