//! Questions.

use orch_core::policies::{UNHANDLED_PARKED_AFTER, divergences};
use orch_core::store::codec::as_millis;
use orch_core::store::{
    LateParams, ListParams, Listed, Page, StoreError, Unfinalized, Unfinished, UnfinishedParams,
    columns,
};
use orch_core::words::{
    DeadLetter, FinalOutcome, Identity, KeyNamespace, Kind, LogEntry, OpId, Operation, Owner,
    Phase, Status, Timestamp,
};
use sqlx::postgres::PgRow;
use sqlx::types::Uuid;

use crate::column::{Named, column, instant, kind_of, op_id, to_uuid};
use crate::db::{Db, to_limit};
use crate::lease::claim_of;
use crate::load::operation;
use crate::pool::arguments;

const GET: &str = include_str!("../queries/get.sql");
const FIND: &str = include_str!("../queries/find.sql");
const HISTORY: &str = include_str!("../queries/history.sql");
const LATE_SUCCESS: &str = include_str!("../queries/late_success.sql");
const LIST_LATE: &str = include_str!("../queries/list_late.sql");
const LATE_OF: &str = include_str!("../queries/late_of.sql");
const KEY_NAMESPACE: &str = include_str!("../queries/key_namespace.sql");
const KEY_NAMESPACE_GIVEN: &str = include_str!("../queries/key_namespace_given.sql");
const DEAD_LETTER: &str = include_str!("../queries/dead_letter.sql");
const LIST: &str = include_str!("../queries/list.sql");
const LIST_UNFINISHED: &str = include_str!("../queries/list_unfinished.sql");
const LIST_FAILED: &str = include_str!("../queries/list_failed.sql");
const UNFINISHED: &str = include_str!("../queries/unfinished.sql");
const UNFINALIZED: &str = include_str!("../queries/unfinalized.sql");
const UNKNOWN_KINDS: &str = include_str!("../queries/unknown_kinds.sql");

/// The most due operations that are counted of one unknown kind.
const COUNT_LIMIT: i64 = 10_000;

/// The server's clock.
pub(crate) async fn now(db: &Db) -> Result<Timestamp, StoreError> {
    if let Some(at) = db.now() {
        return Ok(at.0);
    }
    let rows = db.fetch("SELECT clock_timestamp() AS now", arguments![]).await?;
    let now = rows.first().map(|row| instant(row, "now").map_err(StoreError::fatal));
    now.ok_or_else(|| StoreError::fatal("the server does not tell the time"))?
}

/// The namespace of provider keys that is given, or else the newest.
pub(crate) async fn key_namespace(
    db: &Db,
    given: Option<KeyNamespace>,
) -> Result<KeyNamespace, StoreError> {
    if let Some(given) = given {
        db.fetch(KEY_NAMESPACE_GIVEN, arguments![given.as_bytes().as_slice()]).await?;
        return Ok(given);
    }
    let rows = db.fetch(KEY_NAMESPACE, arguments![]).await?;
    let row = rows.first().ok_or_else(|| StoreError::fatal("there is no key namespace"))?;
    let secret: &[u8] = column(row, "secret").map_err(StoreError::fatal)?;
    secret.try_into().map(KeyNamespace::from_bytes).map_err(StoreError::fatal)
}

/// One operation of this owner.
pub(crate) async fn get(
    db: &Db,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<Operation>, StoreError> {
    let rows = db.fetch(GET, arguments![to_uuid(op_id), owner.as_str()]).await?;
    rows.first().map(operation).transpose()
}

/// True if the operation exists, with any owner.
pub(crate) async fn exists(db: &Db, op_id: OpId) -> Result<bool, StoreError> {
    let sql = "SELECT op_id FROM orch_operation WHERE op_id = $1";
    Ok(!db.fetch(sql, arguments![to_uuid(op_id)]).await?.is_empty())
}

/// True if the operation is there and this owner's, decodable or not.
pub(crate) async fn owns(db: &Db, owner: &Owner, op_id: OpId) -> Result<bool, StoreError> {
    Ok(!db.fetch(GET, arguments![to_uuid(op_id), owner.as_str()]).await?.is_empty())
}

/// True if a worker that had lost its lease answered that the provider has acted after all.
pub(crate) async fn has_late_success(db: &Db, op_id: OpId) -> Result<bool, StoreError> {
    Ok(!db.fetch(LATE_SUCCESS, arguments![to_uuid(op_id)]).await?.is_empty())
}

/// The first operation with this identity.
pub(crate) async fn find(db: &Db, identity: &Identity) -> Result<Option<Operation>, StoreError> {
    let arguments = arguments![
        identity.owner.as_str(),
        identity.domain.as_str(),
        identity.event_type.as_str(),
        identity.biz_key.as_str(),
        identity.idem_key.as_str(),
    ];
    let rows = db.fetch(FIND, arguments).await?;
    rows.first().map(operation).transpose()
}

/// The log of one operation of this owner, oldest first.
pub(crate) async fn history(
    db: &Db,
    owner: &Owner,
    op_id: OpId,
) -> Result<Vec<LogEntry>, StoreError> {
    let rows = db.fetch(HISTORY, arguments![to_uuid(op_id), owner.as_str()]).await?;
    let corrupt = |reason| StoreError::Corrupt { op_id, reason };
    rows.iter().map(|row| columns::log_entry(&Named(row)).map_err(corrupt)).collect()
}

/// The dead letter of one operation of this owner.
pub(crate) async fn dead_letter(
    db: &Db,
    owner: &Owner,
    op_id: OpId,
) -> Result<Option<DeadLetter>, StoreError> {
    let rows = db.fetch(DEAD_LETTER, arguments![to_uuid(op_id), owner.as_str()]).await?;
    let corrupt = |reason| StoreError::Corrupt { op_id, reason };
    let Some(row) = rows.first() else { return Ok(None) };
    let mut letter = columns::dead_letter(&Named(row), op_id).map_err(corrupt)?;
    let outcome = FinalOutcome::Failed(letter.failure.clone());
    letter.divergences = divergences(&outcome, &history(db, owner, op_id).await?);
    Ok(Some(letter))
}

/// The operations with a late answer, in the order of their ids.
pub(crate) async fn late(db: &Db, params: &LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
    let rows = match &params.of {
        Some(of) => {
            let ids: Vec<Uuid> = of.iter().copied().map(to_uuid).collect();
            db.fetch(LATE_OF, arguments![ids]).await?
        }
        None => {
            let owner = params.owner.as_ref().map(Owner::as_str);
            let after = params.after.map(to_uuid);
            db.fetch(LIST_LATE, arguments![after, owner, to_limit(params.limit)]).await?
        }
    };
    let decode = |row: &PgRow| -> Result<(OpId, Owner), String> {
        let owner = Owner::new(column::<String>(row, "owner")?).map_err(|e| e.to_string())?;
        Ok((op_id(row, "op_id")?, owner))
    };
    // A row whose owner cannot be read is listed for no owner.
    let late = rows.iter().filter_map(|row| decode(row).ok());
    Ok(late.filter(|found| params.includes(found)).take(params.limit).collect())
}

/// A page of operations, in the order of their ids.
pub(crate) async fn list(db: &Db, params: ListParams) -> Result<Page, StoreError> {
    let limit = params.page_size();
    let kind = params.kind.as_ref();
    let arguments = arguments![
        params.owner.as_ref().map(Owner::as_str),
        params.status.map(Status::as_str),
        params.phase.map(Phase::as_str),
        kind.map(|kind| kind.domain.as_str()),
        kind.map(|kind| kind.event_type.as_str()),
        params.after.map(to_uuid),
        to_limit(limit.saturating_add(1)),
    ];
    let query = match (params.status, params.phase) {
        (Some(Status::Pending | Status::InProgress), _) | (None, Some(_)) => LIST_UNFINISHED,
        (Some(Status::Failed), _) => LIST_FAILED,
        (Some(Status::Completed) | None, _) => LIST,
    };
    let rows = db.fetch(query, arguments).await?;
    let items = rows.iter().take(limit).map(listed).collect::<Result<Vec<_>, _>>()?;
    let next = if rows.len() > limit { items.last().map(Listed::op_id) } else { None };
    Ok(Page { items, next })
}

/// The operation, or a place in the list that says what is wrong with it.
fn listed(row: &PgRow) -> Result<Listed, StoreError> {
    match operation(row) {
        Ok(operation) => Ok(Listed::Operation(Box::new(operation))),
        Err(StoreError::Corrupt { op_id, reason }) => Ok(Listed::Undecodable { op_id, reason }),
        Err(error) => Err(error),
    }
}

/// A page of the operations that are not finished, in the order of their ids.
pub(crate) async fn unfinished(
    db: &Db,
    params: UnfinishedParams,
) -> Result<Page<Unfinished>, StoreError> {
    let limit = to_limit(params.limit.saturating_add(1));
    let rows = db.fetch(UNFINISHED, arguments![params.after.map(to_uuid), limit]).await?;
    let one = |row: &PgRow| {
        let op_id = op_id(row, "op_id").map_err(StoreError::fatal)?;
        Ok(Unfinished::of(op_id, columns::unfinished(&Named(row))))
    };
    let items = rows.iter().map(one).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Page::of_unfinished(items, params.limit))
}

/// Logged ends whose status has not followed, the longest due first.
pub(crate) async fn unfinalized(
    db: &Db,
    kinds: &[Kind],
    limit: usize,
) -> Result<Vec<Unfinalized>, StoreError> {
    let unhandled_ms = as_millis(UNHANDLED_PARKED_AFTER);
    let arguments = arguments![db.now(), texts(kinds), to_limit(limit), unhandled_ms];
    let rows = db.fetch(UNFINALIZED, arguments).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        let claim = claim_of(row)?;
        match column(row, "kind").and_then(kind_of) {
            Ok(kind) => due.push(Unfinalized { claim, kind }),
            // Its kind cannot be read, so no worker has its hook: it must not hold up the rest.
            Err(reason) => {
                let op_id = claim.op_id;
                tracing::warn!(%op_id, reason, "a logged outcome cannot be finalized");
            }
        }
    }
    Ok(due)
}

/// The kinds of due operations that are not among those known, counted.
pub(crate) async fn unknown_kinds(db: &Db, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
    let arguments = arguments![db.now(), texts(known), COUNT_LIMIT];
    let decode = |row: &PgRow| -> Result<(Kind, u64), String> {
        let due = u64::try_from(column::<i64>(row, "due")?).map_err(|_| "a count is negative")?;
        Ok((kind_of(column(row, "kind")?)?, due))
    };
    let rows = db.fetch(UNKNOWN_KINDS, arguments).await?;
    // A kind that cannot be read is nobody's.
    Ok(rows.iter().filter_map(|row| decode(row).ok()).collect())
}

fn texts(kinds: &[Kind]) -> Vec<String> {
    kinds.iter().map(Kind::to_string).collect()
}
