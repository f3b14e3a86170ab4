//! S1: commands become operations.

use std::collections::{HashMap, HashSet};

use orch_core::store::codec::as_millis;
use orch_core::store::columns::Columns;
use orch_core::store::{Acceptance, Admitted, StoreError};
use orch_core::words::OpId;

use crate::row::{Found, there};
use crate::sql::{Answers, Db, ROWS, Rows, Values};

static ACCEPT: Rows = Rows::new(include_str!("../queries/accept.sql"));
static PRESENT: Rows = Rows::new(include_str!("../queries/accept_present.sql"));
static TAKEN: Rows = Rows::new(include_str!("../queries/accept_taken.sql"));

/// Insert first, then look up what was not inserted: so two who accept one key at the same time
/// get one operation, without a lock of ours. Runs on the writer's connection, or on the
/// caller's own (`accept_in`).
///
/// What is to be the only operation for its biz key is looked up before as well: the index knows of
/// nothing that was accepted without.
pub(crate) async fn accept(db: &mut Db<'_>, batch: &[&Acceptance]) -> Answers<Admitted> {
    let mut answers = Vec::with_capacity(batch.len());
    for chunk in batch.chunks(ROWS) {
        let held = taken(db, chunk.iter().filter(|item| item.unique)).await?;
        let free: Vec<&Acceptance> =
            chunk.iter().filter(|item| !held.contains_key(&item.op_id)).copied().collect();
        let created = insert(db, &free).await?;
        let rest: Vec<&Acceptance> =
            chunk.iter().filter(|item| !created.contains(&item.op_id)).copied().collect();
        let present = look_up(db, &rest).await?;
        let missing = rest.iter().filter(|item| item.unique && !present.contains_key(&item.op_id));
        // Those that came after another one of this batch included.
        let taken = taken(db, missing).await?;
        answers.extend(chunk.iter().map(|item| {
            if created.contains(&item.op_id) {
                return Ok(Admitted::Created { op_id: item.op_id });
            }
            // Two items with one id get one answer each; the map gives the second a copy.
            let there = present.get(&item.op_id).or_else(|| taken.get(&item.op_id));
            there.cloned().ok_or_else(|| {
                StoreError::fatal("the operation id is in use by an operation of another identity")
            })
        }));
    }
    Ok(answers)
}

async fn insert(db: &mut Db<'_>, chunk: &[&Acceptance]) -> Result<HashSet<OpId>, StoreError> {
    let now = db.now;
    let spell = |values: Values, item: &&Acceptance| {
        identify(values, item)
            .at(now)
            .add(as_millis(item.time_budget))
            .at(now.plus(item.time_budget))
            .add(item.command.payload().as_bytes())
            .add(item.key_seed.as_bytes().as_slice())
            .add(item.unique)
    };
    ACCEPT.fetch(db.connection, chunk, spell).await?.iter().map(Found::op_id).collect()
}

/// The operations that hold the biz keys of these.
async fn taken<'a>(
    db: &mut Db<'_>,
    items: impl Iterator<Item = &'a &'a Acceptance>,
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let items: Vec<&Acceptance> = items.copied().collect();
    let spell = |values: Values, item: &&Acceptance| identify(values, item);
    let found = TAKEN.fetch(db.connection, &items, spell).await?;
    let answer = |found: &Found| {
        let (asked, op_id) = (there(found.id("asked"))?, found.op_id()?);
        Ok((asked, Admitted::Taken { op_id }))
    };
    found.iter().map(answer).collect()
}

async fn look_up(
    db: &mut Db<'_>,
    rest: &[&Acceptance],
) -> Result<HashMap<OpId, Admitted>, StoreError> {
    let spell = |values: Values, item: &&Acceptance| identify(values, item);
    let mut present = HashMap::new();
    for found in PRESENT.fetch(db.connection, rest, spell).await? {
        let (asked, op_id) = (there(found.id("asked"))?, found.op_id()?);
        let admitted = if op_id == asked {
            Admitted::Created { op_id }
        } else if there(found.flag("same"))? {
            Admitted::Replayed { op_id }
        } else {
            Admitted::Conflict { op_id, payload: there(found.bytes("payload"))?.into() }
        };
        present.insert(asked, admitted);
    }
    Ok(present)
}

fn identify(values: Values, item: &Acceptance) -> Values {
    values
        .id(item.op_id)
        .add(item.owner.as_str())
        .add(item.command.domain().as_str())
        .add(item.command.event_type().as_str())
        .add(item.command.biz_key().as_str())
        .add(item.command.idem_key().as_str())
        .add(item.fingerprint.as_bytes().as_slice())
}
