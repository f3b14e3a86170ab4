//! What providers tell later: kept, and applied to the operation that it is about.

use std::time::Duration;

use orch_core::machine::{Answer, Fact};
use orch_core::store::codec::EncodedEnd;
use orch_core::store::columns::{self, Columns};
use orch_core::store::{
    ANSWER_RETENTION, AnswerParams, Claim, Finalized, KeptAnswer, MAX_ANSWERS, MAX_UNMATCHED,
    PutOff, RecordParams, RecordedAnswer, StoreError, Swept,
};
use orch_core::words::{OpId, Payload, Reference, Timestamp};

use crate::batch::Batch;
use crate::incarnation::known;
use crate::row::there;
use crate::sql::{Db, Values, execute, fetch, savepoint};

const REFER: &str = include_str!("../queries/refer.sql");
const REFERRED: &str = include_str!("../queries/referred.sql");
const RECORD_ROOM: &str = include_str!("../queries/record_room.sql");
const RECORD_AGAIN: &str = include_str!("../queries/record_again.sql");
const RECORD: &str = include_str!("../queries/record.sql");
pub(crate) const DUE: &str = include_str!("../queries/answers_due.sql");
pub(crate) const OF: &str = include_str!("../queries/answers_of.sql");
const ANSWERED: &str = include_str!("../queries/answered.sql");
pub(crate) const PURGE: &str = include_str!("../queries/purge_answers.sql");

/// How long one that cannot be decoded is passed over.
const UNDECODABLE_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Keeps which operation a reference is about.
pub(crate) async fn refer(
    db: &mut Db<'_>,
    (of, op_id): &(Reference, OpId),
) -> Result<(), StoreError> {
    if execute(db.connection, REFER, spell(of).id(*op_id)).await? > 0 {
        execute(db.connection, REFERRED, spell(of).at(db.now)).await?;
    }
    Ok(())
}

/// Keeps an answer, once.
pub(crate) async fn record(
    db: &mut Db<'_>,
    params: &RecordParams,
) -> Result<RecordedAnswer, StoreError> {
    let digest = params.digest();
    let RecordParams { of, kind, end, source } = params;
    let values = spell(of).add(digest.as_slice()).limit(MAX_UNMATCHED);
    let room = fetch(db.connection, RECORD_ROOM, values).await?;
    let room = room.first().ok_or_else(|| StoreError::fatal("a count has no row"))?;
    if there(room.flag("known"))? {
        let again = spell(of).add(digest.as_slice()).at(db.now);
        let looked_at_anew = execute(db.connection, RECORD_AGAIN, again).await? > 0;
        return Ok(if looked_at_anew { RecordedAnswer::Kept } else { RecordedAnswer::Known });
    }
    let number = |name| there(room.number(name)).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let waits = !there(room.flag("matched"))? && number("waiting")? >= MAX_UNMATCHED;
    if waits || number("about")? >= MAX_ANSWERS {
        return Ok(RecordedAnswer::Full);
    }
    let EncodedEnd { outcome, detail, output, .. } = EncodedEnd::of(end);
    let values = spell(of)
        .add(digest.as_slice())
        .add(kind.domain.as_str())
        .add(kind.event_type.as_str())
        .add(outcome)
        .add(detail)
        .add(output.as_ref().map(Payload::as_bytes))
        .add(source.as_str())
        .at(db.now);
    execute(db.connection, RECORD, values).await?;
    Ok(RecordedAnswer::Kept)
}

/// Applies the answers about one reference, or those that are due, each by itself: what SQLite refuses
/// is put off.
pub(crate) async fn answer(
    db: &mut Db<'_>,
    params: &AnswerParams,
    put_off: &PutOff,
) -> Result<Vec<Swept>, StoreError> {
    let found = match &params.of {
        Some(of) => fetch(db.connection, OF, spell(of).limit(params.limit)).await?,
        None => {
            let values = Values::default().at(db.now).limit(put_off.room(params.limit));
            fetch(db.connection, DUE, values).await?
        }
    };
    let mut numbered = Vec::with_capacity(found.len());
    for found in &found {
        numbered.push((there(found.number("number"))?, found));
    }
    if params.of.is_some() {
        numbered.sort_by_key(|(number, _)| *number);
    }
    let mut swept = Vec::new();
    for (number, found) in numbered {
        let op_id = found.id("op_id").map_err(StoreError::fatal)?;
        let kept = match columns::kept_answer(found) {
            Ok(kept) => kept,
            Err(reason) => {
                tracing::error!(number, reason, "what a provider has told cannot be decoded");
                look_again(db, number, Some(db.now.plus(UNDECODABLE_PAUSE))).await?;
                continue;
            }
        };
        if op_id.is_some_and(|op_id| put_off.is_off(op_id, db.now)) {
            continue;
        }
        let one = (number, op_id, &kept, params);
        match savepoint!(db, |db| apply(db, one)) {
            Ok(moved) => swept.extend(moved),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                look_again(db, number, Some(kept.next_look(true, db.now))).await?;
                let refused = Finalized::Refused { reason: error.to_string() };
                swept.extend(op_id.map(|op_id| Swept {
                    op_id,
                    kind: kept.kind,
                    to: Some(refused),
                }));
            }
        }
        if swept.len() >= params.limit {
            break;
        }
    }
    Ok(swept)
}

async fn apply(
    db: &mut Db<'_>,
    (number, op_id, kept, params): (i64, Option<OpId>, &KeptAnswer, &AnswerParams),
) -> Result<Option<Swept>, StoreError> {
    let told = match op_id {
        Some(op_id) => tell(db, op_id, kept, params).await?,
        None => None,
    };
    let (due_at, swept) = kept.follow(op_id, told, db.now);
    look_again(db, number, due_at).await?;
    Ok(swept)
}

/// `None` if the operation cannot be decoded, or is gone: the answer waits.
async fn tell(
    db: &mut Db<'_>,
    op_id: OpId,
    kept: &KeptAnswer,
    params: &AnswerParams,
) -> Result<Option<Answer>, StoreError> {
    let batch = Batch::of_operations(db, [op_id].into_iter()).await?;
    let Ok(Some(fence)) = batch.row(op_id).map(|row| row.map(|row| row.fence)) else {
        return Ok(None);
    };
    let claim = Claim { op_id, fence };
    let whole_since = known(db.connection).await?.whole_since;
    let mut batch = Batch::of_claims(db, [claim].into_iter()).await?;
    let message = kept.message(&params.hooked_kinds, whole_since);
    let Ok(step) = batch.step(claim, |logged| Fact::Answered { message: &message, logged }) else {
        return Ok(None);
    };
    let answer = batch.save(step);
    batch.flush().await?;
    Ok(Some(answer))
}

async fn look_again(
    db: &mut Db<'_>,
    number: i64,
    due_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    execute(db.connection, ANSWERED, Values::default().add(number).at(due_at)).await?;
    Ok(())
}

/// Removes what was told long ago.
pub(crate) async fn purge(db: &mut Db<'_>, limit: usize) -> Result<(), StoreError> {
    let values = Values::default().at(db.now.minus(ANSWER_RETENTION)).limit(limit);
    execute(db.connection, PURGE, values).await?;
    Ok(())
}

/// The three parts of a reference, in order.
fn spell(of: &Reference) -> Values {
    Values::default().add(of.provider()).add(of.account()).add(of.reference())
}
