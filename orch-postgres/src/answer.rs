//! What providers tell later: kept, and applied to the operation that it is about.

use std::time::Duration;

use orch_core::machine::{Answer, Fact, step};
use orch_core::store::codec::EncodedEnd;
use orch_core::store::{
    ANSWER_RETENTION, AnswerParams, Claim, Finalized, KeptAnswer, MAX_ANSWERS, MAX_UNMATCHED,
    RecordParams, RecordedAnswer, StoreError, Swept, Unmatched, UnmatchedParams, columns,
};
use orch_core::words::{Fence, Kind, OpId, Payload, Reference};
use sqlx::postgres::{PgConnection, PgRow};

use crate::column::{Named, column, instant, op_id, to_seconds, to_uuid};
use crate::db::{Db, to_limit};
use crate::incarnation::since;
use crate::lease::claim_columns;
use crate::load::{LOAD, Stored, decode};
use crate::pool::{Lent, arguments, command, fetch};
use crate::read;
use crate::save::{Decided, SAVE, encode, saved};
use crate::time::At;

const REFER: &str = include_str!("../queries/refer.sql");
const REFERRED: &str = include_str!("../queries/referred.sql");
const RECORD: &str = include_str!("../queries/record.sql");
const RECORD_AGAIN: &str = include_str!("../queries/record_again.sql");
const RECORDED: &str = include_str!("../queries/recorded.sql");
const DUE: &str = include_str!("../queries/answers_due.sql");
const ANSWER_LOCK: &str = include_str!("../queries/answer_lock.sql");
const LOCK_OPERATION: &str = include_str!("../queries/answer_lock_operation.sql");
const ANSWERED: &str = include_str!("../queries/answered.sql");
const UNMATCHED: &str = include_str!("../queries/unmatched.sql");
const PURGE: &str = include_str!("../queries/purge_answers.sql");

/// How long one that cannot be decoded, or that the server refuses, is passed over.
const PAUSE: Duration = Duration::from_secs(60);

/// Keeps which operation a reference is about.
pub(crate) async fn refer(db: &Db, of: Reference, id: OpId) -> Result<(), StoreError> {
    let (provider, account, reference) = (of.provider(), of.account(), of.reference());
    let known = arguments![provider, account, reference, to_uuid(id)];
    if !db.fetch(REFER, known).await?.is_empty() {
        db.fetch(REFERRED, arguments![db.now(), provider, account, reference]).await?;
    }
    Ok(())
}

/// Keeps an answer, once.
pub(crate) async fn record(db: &Db, params: RecordParams) -> Result<RecordedAnswer, StoreError> {
    let digest = params.digest();
    let RecordParams { of, kind, end, source } = &params;
    let (provider, account, reference) = (of.provider(), of.account(), of.reference());
    let EncodedEnd { outcome, detail, output, .. } = EncodedEnd::of(end);
    let arguments = arguments![
        db.now(),
        provider,
        account,
        reference,
        digest.as_slice(),
        kind.domain.as_str(),
        kind.event_type.as_str(),
        outcome,
        detail,
        output.as_ref().map(Payload::as_bytes),
        source.as_str(),
        to_limit(MAX_ANSWERS),
        to_limit(MAX_UNMATCHED),
    ];
    if !db.fetch(RECORD, arguments).await?.is_empty() {
        return Ok(RecordedAnswer::Kept);
    }
    let again = arguments![db.now(), provider, account, reference, digest.as_slice()];
    if !db.fetch(RECORD_AGAIN, again).await?.is_empty() {
        return Ok(RecordedAnswer::Kept);
    }
    let known = arguments![provider, account, reference, digest.as_slice()];
    let known = !db.fetch(RECORDED, known).await?.is_empty();
    Ok(if known { RecordedAnswer::Known } else { RecordedAnswer::Full })
}

/// Applies the answers about one reference, or those that are due, each in a transaction of its own: what
/// the server refuses is put off.
pub(crate) async fn answer(db: &Db, params: AnswerParams) -> Result<Vec<Swept>, StoreError> {
    let of = params.of.as_ref();
    let arguments = arguments![
        db.now(),
        to_limit(params.limit),
        of.map(Reference::provider),
        of.map(Reference::account),
        of.map(Reference::reference),
    ];
    let rows = db.fetch(DUE, arguments).await?;
    let mut swept = Vec::new();
    for row in &rows {
        let number: i64 = column(row, "number").map_err(StoreError::fatal)?;
        let applied = match apply(db, number, &params.hooked_kinds).await {
            Ok(applied) => applied,
            // The others go on; this one is due as it was.
            Err(error) if !swept.is_empty() => {
                tracing::debug!(number, error = ?error, "a message is applied later");
                continue;
            }
            Err(error) => return Err(error),
        };
        match applied {
            Applied::Moved(moved) => swept.extend(moved),
            Applied::Refused { about, error } => {
                put_off(db, number, &error).await?;
                let to = Some(Finalized::Refused { reason: error.to_string() });
                swept.extend(about.map(|(op_id, kind)| Swept { op_id, kind, to }));
            }
        }
    }
    Ok(swept)
}

/// What became of one answer.
enum Applied {
    /// It is applied, or looked at again later.
    Moved(Option<Swept>),
    /// The server refuses it; nothing has changed.
    Refused { about: Option<(OpId, Kind)>, error: StoreError },
}

async fn apply(db: &Db, number: i64, hooked_kinds: &[Kind]) -> Result<Applied, StoreError> {
    let (now, begin) = (db.now(), db.pool.target().begin_for_hook());
    let named = !db.pool.target().pooled;
    let hooked_kinds = hooked_kinds.to_vec();
    let work = move |mut connection| -> Lent<Applied> {
        Box::pin(async move {
            let mut about = None;
            let on = On { connection: &mut connection, now, named };
            match transaction(on, number, &hooked_kinds, begin, &mut about).await {
                Ok(moved) => Ok((Applied::Moved(moved), Some(connection))),
                Err(error) if error.is_transient() => Err(error),
                // The connection is in a transaction that has failed: it is not lent again.
                Err(error) => Ok((Applied::Refused { about, error }, None)),
            }
        })
    };
    db.pool.lend(Some(db.pool.target().answer_timeout), work).await
}

/// A connection, and how statements run on it.
struct On<'c> {
    connection: &'c mut PgConnection,
    now: Option<At>,
    named: bool,
}

/// The answer's row is locked first, then the operation's, then both are written.
async fn transaction(
    on: On<'_>,
    number: i64,
    hooked_kinds: &[Kind],
    begin: String,
    about: &mut Option<(OpId, Kind)>,
) -> Result<Option<Swept>, StoreError> {
    let On { connection, now, named } = on;
    command(connection, begin).await?;
    let locked = fetch(connection, ANSWER_LOCK, arguments![now, number]?, named).await?;
    let Some(row) = locked.first() else {
        command(connection, "ROLLBACK").await?;
        return Ok(None);
    };
    let at = instant(row, "now").map_err(StoreError::fatal)?;
    let kept = columns::kept_answer(&Named(row)).map_err(StoreError::fatal)?;
    let op_id = known(row)?;
    let told = match op_id {
        Some(op_id) => {
            *about = Some((op_id, kept.kind.clone()));
            let on = On { connection, now, named };
            let whole_since = since(row).map_err(StoreError::fatal)?;
            tell(on, op_id, &kept, hooked_kinds, whole_since).await?
        }
        None => None,
    };
    let (due_at, swept) = kept.follow(op_id, told, at);
    fetch(connection, ANSWERED, arguments![number, due_at.map(At)]?, named).await?;
    command(connection, "COMMIT").await?;
    Ok(swept)
}

/// `None` if the operation cannot be decoded, or is gone: the answer waits.
async fn tell(
    on: On<'_>,
    op_id: OpId,
    kept: &KeptAnswer,
    hooked_kinds: &[Kind],
    whole_since: u32,
) -> Result<Option<Answer>, StoreError> {
    let On { connection, now, named } = on;
    let locked = fetch(connection, LOCK_OPERATION, arguments![to_uuid(op_id)]?, named).await?;
    let is_ours = locked.first().map(|row| column(row, "is_ours")).transpose();
    if is_ours.map_err(StoreError::fatal)? != Some(true) {
        return Ok(Some(Answer::Kept));
    }
    // Under its own fence, which only the row tells.
    let mut fence = Fence::new(-1);
    for _ in 0..2 {
        let claim = Claim { op_id, fence };
        let (ids, fences) = claim_columns([&claim]);
        let rows = fetch(connection, LOAD, arguments![now, ids, fences]?, named).await?;
        let (now, mut loaded) = decode(&rows)?;
        let Some(Ok(stored)) = loaded.remove(&claim) else { return Ok(None) };
        if stored.row.fence != fence {
            fence = stored.row.fence;
            continue;
        }
        let Ok(entry) = stored.entry(claim) else { return Ok(None) };
        let Stored { row: before, .. } = stored;
        let message = kept.message(hooked_kinds, whole_since);
        let fact = Fact::Answered { message: &message, logged: entry.as_ref() };
        let decided = Decided { step: step(&before, fact, now), before };
        if decided.depends_on_row() || !decided.step.entries.is_empty() {
            let save = encode(std::slice::from_ref(&decided))?;
            let rows = fetch(connection, SAVE, save, named).await?;
            if decided.depends_on_row() && saved(&rows)?.is_empty() {
                return Err(StoreError::transient("the operation moved although it was locked"));
            }
        }
        return Ok(Some(decided.step.answer));
    }
    Err(StoreError::transient("the operation moved although it was locked"))
}

/// The operation that an answer is about.
fn known(row: &PgRow) -> Result<Option<OpId>, StoreError> {
    let there = column::<Option<sqlx::types::Uuid>>(row, "op_id").map_err(StoreError::fatal)?;
    there.map(|_| op_id(row, "op_id").map_err(StoreError::fatal)).transpose()
}

async fn put_off(db: &Db, number: i64, error: &StoreError) -> Result<(), StoreError> {
    tracing::error!(number, error = ?error, "what a provider has told cannot be applied; it is put off");
    let now = read::now(db).await?;
    db.fetch(ANSWERED, arguments![number, Some(At(now.plus(PAUSE)))]).await?;
    Ok(())
}

/// The answers that wait for an operation, in the order in which they came.
pub(crate) async fn unmatched(
    db: &Db,
    params: UnmatchedParams,
) -> Result<Vec<Unmatched>, StoreError> {
    let after = i64::try_from(params.after.unwrap_or_default()).unwrap_or(i64::MAX);
    let rows = db.fetch(UNMATCHED, arguments![after, to_limit(params.limit)]).await?;
    rows.iter().map(|row| columns::unmatched(&Named(row)).map_err(StoreError::fatal)).collect()
}

/// Removes what was told long ago.
pub(crate) async fn purge(db: &Db, limit: usize) -> Result<(), StoreError> {
    let arguments = arguments![db.now(), to_seconds(ANSWER_RETENTION), to_limit(limit)];
    db.fetch(PURGE, arguments).await?;
    Ok(())
}
