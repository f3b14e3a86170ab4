//! Lost leases and spent time budgets.

use orch_core::machine::{Fact, Row};
use orch_core::store::{Finalized, PutOff, StoreError, SweepParams, Swept};
use orch_core::words::{OpId, Timestamp};
use sqlx::Connection;

use crate::batch::Batch;
use crate::connect::store_error;
use crate::incarnation::{copied_at, known};
use crate::row::Found;
use crate::sql::{Db, Values, fetch};

pub(crate) const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
pub(crate) const EARLIER: &str = include_str!("../queries/sweep_earlier.sql");
pub(crate) const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");

/// Takes back expired leases.
pub(crate) async fn expired(
    db: &mut Db<'_>,
    limit: usize,
    put_off: &PutOff,
) -> Result<Vec<Swept>, StoreError> {
    let values = Values::default().at(db.now).limit(put_off.room(limit));
    let found = fetch(db.connection, EXPIRED, values).await?;
    let found = page(&found, limit, put_off, db.now)?;
    sweep(db, found, put_off, |_| Fact::LeaseExpired { jitter: fastrand::f64() }).await
}

/// Ends operations whose time budget is spent and that no worker holds.
pub(crate) async fn over_budget(
    db: &mut Db<'_>,
    params: &SweepParams,
    put_off: &PutOff,
) -> Result<Vec<Swept>, StoreError> {
    let whole_since = known(db.connection).await?.whole_since;
    let kinds = params.kinds.iter().map(|policy| &policy.kind);
    let limit = put_off.room(params.limit);
    let values = Values::default().at(db.now).kinds(kinds).limit(limit).add(whole_since);
    let found = fetch(db.connection, OVER_BUDGET, values).await?;
    let found = page(&found, params.limit, put_off, db.now)?;
    let fact = |row: &Row| {
        let policy = params.policy(&row.policy.kind);
        Fact::BudgetSpent { policy, whole_since }
    };
    sweep(db, found, put_off, fact).await
}

/// Puts in doubt what may lack a part of its history, the oldest due first within a kind.
pub(crate) async fn earlier(
    db: &mut Db<'_>,
    params: &SweepParams,
    put_off: &PutOff,
) -> Result<Vec<Swept>, StoreError> {
    let incarnation = known(db.connection).await?;
    let whole_since = incarnation.whole_since;
    let mut moved = Vec::new();
    if whole_since == 1 {
        return Ok(moved);
    }
    let copied_at = copied_at(db.connection).await?;
    for policy in params.doubts(incarnation.confirmed) {
        let limit = params.limit.saturating_sub(moved.len());
        let values = Values::default()
            .add(policy.kind.domain.as_str())
            .add(policy.kind.event_type.as_str())
            .at(db.now)
            .add(whole_since)
            .limit(put_off.room(limit));
        let found = fetch(db.connection, EARLIER, values).await?;
        let found = page(&found, limit, put_off, db.now)?;
        let fact = |row: &Row| {
            let copied = row.incarnation < copied_at;
            Fact::HistoryLost { policy, whole_since, copied }
        };
        moved.extend(sweep(db, found, put_off, fact).await?);
    }
    Ok(moved)
}

/// The operations found that are not passed over.
fn page(
    found: &[Found],
    limit: usize,
    put_off: &PutOff,
    now: Timestamp,
) -> Result<Vec<OpId>, StoreError> {
    let found: Vec<OpId> = found.iter().map(Found::op_id).collect::<Result<_, _>>()?;
    let mut found: Vec<OpId> =
        found.into_iter().filter(|op_id| !put_off.is_off(*op_id, now)).collect();
    found.sort_by_key(|op_id| put_off.was_refused(*op_id));
    found.truncate(limit);
    Ok(found)
}

/// So many refusals end a pass: then the file is at fault rather than a row.
const REFUSALS: usize = 8;

/// Carries out a fact about every operation found, in smaller pieces where SQLite refuses them whole, so
/// that what it refuses is alone in the end: that is put off.
async fn sweep<'p>(
    db: &mut Db<'_>,
    found: Vec<OpId>,
    put_off: &PutOff,
    fact: impl Fn(&Row) -> Fact<'p>,
) -> Result<Vec<Swept>, StoreError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let (mut swept, mut refusals) = (Vec::with_capacity(found.len()), 0);
    let mut pieces = vec![&*found];
    while let Some(piece) = pieces.pop() {
        match (saved(db, piece, &fact).await, piece) {
            (Ok(moved), _) => {
                moved.iter().for_each(|one| put_off.moved(one.op_id));
                swept.extend(moved);
            }
            (Err(error), _) if error.is_transient() => return Err(error),
            (Err(error), [op_id]) => {
                put_off.refused(*op_id, db.now);
                swept.extend(refused(db, *op_id, &error).await?);
                refusals += 1;
                if refusals == REFUSALS {
                    break;
                }
            }
            (Err(_), []) => {}
            (Err(_), _) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
        }
    }
    Ok(swept)
}

async fn refused(
    db: &mut Db<'_>,
    op_id: OpId,
    error: &StoreError,
) -> Result<Option<Swept>, StoreError> {
    let batch = Batch::of_operations(db, [op_id].into_iter()).await?;
    let Some(kind) = batch.row(op_id)?.map(|row| row.policy.kind.clone()) else { return Ok(None) };
    let to = Some(Finalized::Refused { reason: error.to_string() });
    Ok(Some(Swept { op_id, kind, to }))
}

/// One piece, in a savepoint of its own: what is refused leaves nothing behind.
async fn saved<'p>(
    db: &mut Db<'_>,
    piece: &[OpId],
    fact: &impl Fn(&Row) -> Fact<'p>,
) -> Result<Vec<Swept>, StoreError> {
    let now = db.now;
    let mut savepoint = db.connection.begin().await.map_err(store_error)?;
    match moved(&mut Db { connection: &mut savepoint, now }, piece, fact).await {
        Ok(moved) => {
            savepoint.commit().await.map_err(store_error)?;
            Ok(moved)
        }
        Err(error) => {
            savepoint.rollback().await.map_err(StoreError::transient)?;
            Err(error)
        }
    }
}

/// A row that cannot be decoded is parked.
async fn moved<'p>(
    db: &mut Db<'_>,
    piece: &[OpId],
    fact: &impl Fn(&Row) -> Fact<'p>,
) -> Result<Vec<Swept>, StoreError> {
    let mut batch = Batch::of_operations(db, piece.iter().copied()).await?;
    let mut swept = Vec::with_capacity(piece.len());
    for op_id in batch.op_ids() {
        match batch.row(op_id) {
            Ok(None) => {}
            Ok(Some(row)) => {
                let (kind, fact) = (row.policy.kind.clone(), fact(row));
                swept.push(Swept { op_id, kind, to: batch.apply(op_id, fact)?.moved_or_logged() });
            }
            Err(StoreError::Corrupt { reason, .. }) => {
                tracing::warn!(%op_id, reason, "parked an operation whose row cannot be decoded");
                batch.park(op_id, None, &reason).await?;
            }
            Err(error) => return Err(error),
        }
    }
    batch.flush().await?;
    Ok(swept)
}
