//! Reading: one statement each, so each sees one state of the file.

use orch_core::policies::divergences;
use orch_core::store::{Claim, LateParams, ListParams, Listed, Page, StoreError, Unfinalized};
use orch_core::words::{
    DeadLetter, Fence, FinalOutcome, Identity, Kind, LogEntry, OpId, Operation, Owner, Phase,
    Status, Timestamp, storable,
};
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use crate::connect::{Readers, store_error};
use crate::entry::Entry;
use crate::row::{self, as_op_id, column, corrupt, failure_of};
use crate::sql::{Values, json_kinds};

const GET: &str = include_str!("../queries/get.sql");
const FIND: &str = include_str!("../queries/find.sql");
const LIST: &str = include_str!("../queries/list.sql");
const HISTORY: &str = include_str!("../queries/history.sql");
pub(crate) const LIST_LATE: &str = include_str!("../queries/list_late.sql");
pub(crate) const LATE_OF: &str = include_str!("../queries/late_of.sql");
const DEAD_LETTER: &str = include_str!("../queries/dead_letter.sql");
pub(crate) const UNFINALIZED: &str = include_str!("../queries/unfinalized.sql");
pub(crate) const UNKNOWN_KINDS: &str = include_str!("../queries/unknown_kinds.sql");

/// `unknown_kinds` counts the due operations of one kind up to here.
const COUNTED: i64 = 10_000;

pub(crate) async fn get(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<Operation>, StoreError> {
    let mut values = Values::default();
    values.add(op_id.as_bytes().as_slice()).add(owner.as_str());
    one(fetch(readers, GET, values).await?)
}

pub(crate) async fn find(
    readers: &Readers,
    identity: &Identity,
) -> Result<Option<Operation>, StoreError> {
    let mut values = Values::default();
    values
        .add(identity.owner.as_str())
        .add(identity.domain.as_str())
        .add(identity.event_type.as_str())
        .add(identity.biz_key.as_str())
        .add(identity.idem_key.as_str());
    one(fetch(readers, FIND, values).await?)
}

fn one(rows: Vec<SqliteRow>) -> Result<Option<Operation>, StoreError> {
    let Some(found) = rows.first() else { return Ok(None) };
    let op_id = row::op_id(found, "op_id").map_err(StoreError::fatal)?;
    row::operation(found).map(Some).map_err(|reason| corrupt(op_id, &reason))
}

pub(crate) async fn history(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Vec<LogEntry>, StoreError> {
    let mut values = Values::default();
    values.add(op_id.as_bytes().as_slice()).add(owner.as_str());
    let rows = fetch(readers, HISTORY, values).await?;
    let entries = rows.iter().filter_map(|found| Entry::decode(found).transpose());
    entries.map(|e| e.map(|e| e.log).map_err(|reason| corrupt(op_id, &reason))).collect()
}

pub(crate) async fn dead_letter(
    readers: &Readers,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<DeadLetter>, StoreError> {
    let mut values = Values::default();
    values.add(op_id.as_bytes().as_slice()).add(owner.as_str());
    let rows = fetch(readers, DEAD_LETTER, values).await?;
    let letter = rows.first().map(|found| {
        Ok(DeadLetter {
            op_id,
            failure: failure_of(column(found, "failure")?)?,
            created_at: Timestamp::from_micros(column(found, "created_at")?),
            redriven_as: column::<Option<Vec<u8>>>(found, "redriven_as")?
                .map(|bytes| as_op_id(&bytes))
                .transpose()?,
            late_outcomes: column(found, "late_outcomes")?,
            divergences: 0,
        })
    });
    let letter = letter.transpose().map_err(|reason: String| corrupt(op_id, &reason))?;
    let Some(letter) = letter else { return Ok(None) };
    let outcome = FinalOutcome::Failed(letter.failure.clone());
    let divergences = divergences(&outcome, &history(readers, owner, op_id).await?);
    Ok(Some(DeadLetter { divergences, ..letter }))
}

/// The operations with a late answer, in the order of their ids.
pub(crate) async fn late(
    readers: &Readers,
    params: &LateParams,
) -> Result<Vec<(OpId, Owner)>, StoreError> {
    let mut values = Values::default();
    let query = match &params.of {
        Some(of) => {
            let hex = |op_id: &OpId| op_id.to_string().replace('-', "");
            values.add(serde_json::Value::from_iter(of.iter().map(hex)).to_string());
            LATE_OF
        }
        None => {
            values
                .add(params.after.map(|after| after.as_bytes().to_vec()))
                .add(params.owner.as_ref().map(Owner::as_str))
                .add(i64::try_from(params.limit).unwrap_or(i64::MAX));
            LIST_LATE
        }
    };
    let rows = fetch(readers, query, values).await?;
    let decode = |found: &SqliteRow| -> Result<(OpId, Owner), String> {
        let owner = Owner::new(column::<String>(found, "owner")?).map_err(|e| e.to_string())?;
        Ok((row::op_id(found, "op_id")?, owner))
    };
    // A row whose owner cannot be read is nobody's to look at.
    let late = rows.iter().filter_map(|found| decode(found).ok());
    let mut late: Vec<_> = late.filter(|found| params.includes(found)).collect();
    late.sort_unstable_by_key(|(op_id, _)| *op_id);
    late.truncate(params.limit);
    Ok(late)
}

pub(crate) async fn list(readers: &Readers, params: &ListParams) -> Result<Page, StoreError> {
    let limit = params.page_size();
    let kind = params.kind.as_ref();
    let mut values = Values::default();
    values
        .add(params.after.map(|after| after.as_bytes().to_vec()))
        .add(params.owner.as_ref().map(Owner::as_str))
        .add(params.status.map(Status::as_str))
        .add(params.phase.map(Phase::as_str))
        .add(kind.map(|kind| kind.domain.as_str()))
        .add(kind.map(|kind| kind.event_type.as_str()))
        .add(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let rows = fetch(readers, LIST, values).await?;
    let items: Result<Vec<Listed>, StoreError> = rows.iter().take(limit).map(listed).collect();
    let items = items?;
    let next = if rows.len() > limit { items.last().map(listed_id) } else { None };
    Ok(Page { items, next })
}

fn listed(found: &SqliteRow) -> Result<Listed, StoreError> {
    let op_id = row::op_id(found, "op_id").map_err(StoreError::fatal)?;
    Ok(match row::operation(found) {
        Ok(operation) => Listed::Operation(Box::new(operation)),
        Err(reason) => Listed::Undecodable { op_id, reason: storable(&reason) },
    })
}

fn listed_id(item: &Listed) -> OpId {
    match item {
        Listed::Operation(operation) => operation.op_id,
        Listed::Undecodable { op_id, .. } => *op_id,
    }
}

pub(crate) async fn unfinalized(
    readers: &Readers,
    kinds: &[Kind],
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Unfinalized>, StoreError> {
    let mut values = Values::default();
    values
        .add(now.as_micros())
        .add(json_kinds(kinds))
        .add(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = fetch(readers, UNFINALIZED, values).await?;
    let mut due = Vec::with_capacity(rows.len());
    for found in &rows {
        let op_id = row::op_id(found, "op_id").map_err(StoreError::fatal)?;
        let fence = Fence::new(column(found, "fence").map_err(StoreError::fatal)?);
        match row::kind(found) {
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
    let mut values = Values::default();
    values.add(now.as_micros()).add(json_kinds(known)).add(COUNTED);
    let rows = fetch(readers, UNKNOWN_KINDS, values).await?;
    let count = |found| Some((row::kind(found).ok()?, column::<i64>(found, "due").ok()?));
    Ok(rows
        .iter()
        .filter_map(count)
        .map(|(kind, due)| (kind, u64::try_from(due).unwrap_or(0)))
        .collect())
}

async fn fetch(
    readers: &Readers,
    query: &'static str,
    values: Values,
) -> Result<Vec<SqliteRow>, StoreError> {
    let arguments: SqliteArguments = values.done().map_err(store_error)?;
    let mut reader = readers.take().await?;
    let rows = sqlx::query_with(query, arguments)
        .fetch_all(&mut reader.connection)
        .await
        .map_err(store_error)?;
    reader.done();
    Ok(rows)
}
