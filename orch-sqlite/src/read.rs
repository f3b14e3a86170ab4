//! Reading: one statement each, so each sees one state of the file.

use orch_core::policies::{UNHANDLED_PARKED_AFTER, divergences};
use orch_core::store::columns::{self, Columns};
use orch_core::store::{
    Claim, LateParams, ListParams, Listed, Page, StoreError, Unfinalized, Unfinished,
    UnfinishedParams, Unmatched, UnmatchedParams,
};
use orch_core::words::{
    DeadLetter, Fence, FinalOutcome, Identity, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Phase, Status, Timestamp, storable,
};

use sqlx::sqlite::SqliteConnection;

use crate::connect::Readers;
use crate::row::{Found, corrupt, there};
use crate::sql::{self, Values};

pub(crate) const GET: &str = include_str!("../queries/get.sql");
pub(crate) const FIND: &str = include_str!("../queries/find.sql");
pub(crate) const LIST: &str = include_str!("../queries/list.sql");
pub(crate) const UNFINISHED: &str = include_str!("../queries/unfinished.sql");
const HISTORY: &str = include_str!("../queries/history.sql");
pub(crate) const ANSWERS_ARE_DUE: &str = include_str!("../queries/answers_are_due.sql");
pub(crate) const UNMATCHED: &str = include_str!("../queries/unmatched.sql");
pub(crate) const LIST_LATE: &str = include_str!("../queries/list_late.sql");
pub(crate) const LATE_OF: &str = include_str!("../queries/late_of.sql");
const KEY_NAMESPACE: &str = include_str!("../queries/key_namespace.sql");
const KEY_NAMESPACE_GIVEN: &str = include_str!("../queries/key_namespace_given.sql");
const DEAD_LETTER: &str = include_str!("../queries/dead_letter.sql");
pub(crate) const UNFINALIZED: &str = include_str!("../queries/unfinalized.sql");
pub(crate) const UNKNOWN_KINDS: &str = include_str!("../queries/unknown_kinds.sql");

/// `unknown_kinds` counts the due operations of one kind up to here.
const COUNTED: usize = 10_000;

pub(crate) async fn get(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<Operation>, StoreError> {
    one(fetch(readers, GET, owned(owner, op_id)).await?)
}

pub(crate) async fn find(
    readers: &Readers,
    identity: &Identity,
) -> Result<Option<Operation>, StoreError> {
    let values = Values::default()
        .add(identity.owner.as_str())
        .add(identity.domain.as_str())
        .add(identity.event_type.as_str())
        .add(identity.biz_key.as_str())
        .add(identity.idem_key.as_str());
    one(fetch(readers, FIND, values).await?)
}

fn one(rows: Vec<Found>) -> Result<Option<Operation>, StoreError> {
    let Some(found) = rows.first() else { return Ok(None) };
    let op_id = found.op_id()?;
    operation(found).map(Some).map_err(|reason| corrupt(op_id, &reason))
}

/// A row of `orch_status`, as readers see it.
fn operation(found: &Found) -> Result<Operation, String> {
    Ok(columns::row(found)?.operation(columns::request(found)?))
}

pub(crate) async fn history(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Vec<LogEntry>, StoreError> {
    let rows = fetch(readers, HISTORY, owned(owner, op_id)).await?;
    let entries: Result<_, String> = rows.iter().map(columns::log_entry).collect();
    entries.map_err(|reason| corrupt(op_id, &reason))
}

pub(crate) async fn dead_letter(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<DeadLetter>, StoreError> {
    let rows = fetch(readers, DEAD_LETTER, owned(owner, op_id)).await?;
    let Some(found) = rows.first() else { return Ok(None) };
    let letter = columns::dead_letter(found, op_id);
    let mut letter = letter.map_err(|reason| corrupt(op_id, &reason))?;
    let outcome = FinalOutcome::Failed(letter.failure.clone());
    letter.divergences = divergences(&outcome, &history(readers, owner, op_id).await?);
    Ok(Some(letter))
}

/// The newest namespace of provider keys.
pub(crate) async fn key_namespace(readers: &Readers) -> Result<KeyNamespace, StoreError> {
    let rows = fetch(readers, KEY_NAMESPACE, Values::default()).await?;
    let found = rows.first().ok_or_else(|| StoreError::fatal("there is no key namespace"))?;
    let secret = there(found.bytes("secret"))?.try_into();
    secret.map(KeyNamespace::from_bytes).map_err(StoreError::fatal)
}

/// Keeps one that the application gives, beside the others.
pub(crate) async fn keep_namespace(
    connection: &mut SqliteConnection,
    given: &KeyNamespace,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = Values::default().at(now).add(given.as_bytes().as_slice());
    sql::execute(connection, KEY_NAMESPACE_GIVEN, values).await.map(drop)
}

/// Whether something that was told is due to be looked at.
pub(crate) async fn answers_are_due(readers: &Readers, now: Timestamp) -> Result<bool, StoreError> {
    let rows = fetch(readers, ANSWERS_ARE_DUE, Values::default().at(now)).await?;
    let row = rows.first().ok_or_else(|| StoreError::fatal("EXISTS has no row"))?;
    there(row.flag("are_due"))
}

/// The answers that wait for an operation, in the order in which they came.
pub(crate) async fn unmatched(
    readers: &Readers,
    params: UnmatchedParams,
) -> Result<Vec<Unmatched>, StoreError> {
    let after = i64::try_from(params.after.unwrap_or_default()).unwrap_or(i64::MAX);
    let values = Values::default().add(after).limit(params.limit);
    let rows = fetch(readers, UNMATCHED, values).await?;
    rows.iter().map(|found| columns::unmatched(found).map_err(StoreError::fatal)).collect()
}

/// The operations with a late answer, in the order of their ids.
pub(crate) async fn late(
    readers: &Readers,
    params: &LateParams,
) -> Result<Vec<(OpId, Owner)>, StoreError> {
    let values = Values::default();
    let (query, values) = match &params.of {
        Some(of) => {
            let hex = |op_id: &OpId| op_id.to_string().replace('-', "");
            let of = serde_json::Value::from_iter(of.iter().map(hex));
            (LATE_OF, values.add(of.to_string()))
        }
        None => {
            let after = params.after.map(|after| after.as_bytes().to_vec());
            let owner = params.owner.as_ref().map(Owner::as_str);
            (LIST_LATE, values.add(after).add(owner).limit(params.limit))
        }
    };
    let rows = fetch(readers, query, values).await?;
    // A row whose owner cannot be read is listed for no owner.
    let decode = |found: &Found| {
        let owner = Owner::new(found.text("owner").ok()??).ok()?;
        Some((found.op_id().ok()?, owner))
    };
    let late = rows.iter().filter_map(decode);
    let mut late: Vec<_> = late.filter(|found| params.includes(found)).collect();
    late.sort_unstable_by_key(|(op_id, _)| *op_id);
    late.truncate(params.limit);
    Ok(late)
}

pub(crate) async fn list(readers: &Readers, params: &ListParams) -> Result<Page, StoreError> {
    let limit = params.page_size();
    let kind = params.kind.as_ref();
    let values = Values::default()
        .add(params.after.map(|after| after.as_bytes().to_vec()))
        .add(params.owner.as_ref().map(Owner::as_str))
        .add(params.status.map(Status::as_str))
        .add(params.phase.map(Phase::as_str))
        .add(kind.map(|kind| kind.domain.as_str()))
        .add(kind.map(|kind| kind.event_type.as_str()))
        .limit(limit.saturating_add(1));
    let rows = fetch(readers, LIST, values).await?;
    let items: Result<Vec<Listed>, StoreError> = rows.iter().take(limit).map(listed).collect();
    let items = items?;
    let next = if rows.len() > limit { items.last().map(Listed::op_id) } else { None };
    Ok(Page { items, next })
}

fn listed(found: &Found) -> Result<Listed, StoreError> {
    let op_id = found.op_id()?;
    Ok(match operation(found) {
        Ok(operation) => Listed::Operation(Box::new(operation)),
        Err(reason) => Listed::Undecodable { op_id, reason: storable(&reason) },
    })
}

pub(crate) async fn unfinished(
    readers: &Readers,
    params: UnfinishedParams,
) -> Result<Page<Unfinished>, StoreError> {
    let after = params.after.map(|after| after.as_bytes().to_vec());
    let values = Values::default().add(after).limit(params.limit.saturating_add(1));
    let rows = fetch(readers, UNFINISHED, values).await?;
    let one = |found: &Found| Ok(Unfinished::of(found.op_id()?, columns::unfinished(found)));
    let items = rows.iter().map(one).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Page::of_unfinished(items, params.limit))
}

pub(crate) async fn unfinalized(
    readers: &Readers,
    kinds: &[Kind],
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Unfinalized>, StoreError> {
    let parks = now.minus(UNHANDLED_PARKED_AFTER);
    let values = Values::default().at(now).kinds(kinds).limit(limit).at(parks);
    let rows = fetch(readers, UNFINALIZED, values).await?;
    let mut due = Vec::with_capacity(rows.len());
    for found in &rows {
        let (op_id, fence) = (found.op_id()?, Fence::new(there(found.number("fence"))?));
        match columns::kind(found) {
            Ok(kind) => due.push(Unfinalized { claim: Claim { op_id, fence }, kind }),
            // Its kind cannot be read, so no worker has its hook: it must not hold up the rest.
            Err(reason) => tracing::warn!(%op_id, reason, "a logged outcome cannot be finalized"),
        }
    }
    Ok(due)
}

pub(crate) async fn unknown_kinds(
    readers: &Readers,
    known: &[Kind],
    now: Timestamp,
) -> Result<Vec<(Kind, u64)>, StoreError> {
    let values = Values::default().at(now).kinds(known).limit(COUNTED);
    let rows = fetch(readers, UNKNOWN_KINDS, values).await?;
    let count = |found: &Found| {
        let due = found.number("due").ok()??;
        Some((columns::kind(found).ok()?, u64::try_from(due).unwrap_or(0)))
    };
    Ok(rows.iter().filter_map(count).collect())
}

fn owned(owner: &Owner, op_id: OpId) -> Values {
    Values::default().id(op_id).add(owner.as_str())
}

async fn fetch(
    readers: &Readers,
    query: &'static str,
    values: Values,
) -> Result<Vec<Found>, StoreError> {
    let mut reader = readers.take().await?;
    let rows = sql::fetch(&mut reader.connection, query, values).await?;
    reader.done();
    Ok(rows)
}
