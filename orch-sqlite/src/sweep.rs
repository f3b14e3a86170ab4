//! Lost leases and spent time budgets.

use orch_core::machine::{Fact, Row};
use orch_core::store::{Finalized, Pieces, PutOff, StoreError, SweepParams, Swept};
use orch_core::words::OpId;

use crate::batch::Batch;
use crate::incarnation::{copied_at, known};
use crate::page::page;
use crate::row::Found;
use crate::sql::{Db, Values, fetch, savepoint};

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

/// Carries out a fact about every operation found, in smaller pieces where SQLite refuses them whole, so
/// that what it refuses is alone in the end: that is put off.
async fn sweep<'p>(
    db: &mut Db<'_>,
    found: Vec<&Found>,
    put_off: &PutOff,
    fact: impl Fn(&Row) -> Fact<'p>,
) -> Result<Vec<Swept>, StoreError> {
    let found: Result<Vec<OpId>, StoreError> = found.into_iter().map(Found::op_id).collect();
    let found = found?;
    let (mut swept, mut pieces) = (Vec::with_capacity(found.len()), Pieces::of(&found));
    while let Some(piece) = pieces.next() {
        match savepoint!(db, |db| moved(db, piece, &fact)) {
            Ok(moved) => swept.extend(moved),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some(op_id) = pieces.refused(piece) else { continue };
                put_off.refused(*op_id, db.now);
                swept.extend(refused(db, *op_id, &error).await?);
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
    let Some(kind) = batch.kind(op_id) else {
        tracing::error!(%op_id, error = ?error, "SQLite refuses to park a row that cannot be decoded");
        return Ok(None);
    };
    let to = Some(Finalized::Refused { reason: error.to_string() });
    Ok(Some(Swept { op_id, kind, to }))
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
                if batch.park(op_id, None, &reason).await? {
                    tracing::error!(%op_id, reason, "the row cannot be decoded; it is parked");
                    let parked = |kind| Swept { op_id, kind, to: Some(Finalized::Parked) };
                    swept.extend(batch.kind(op_id).map(parked));
                }
            }
            Err(error) => return Err(error),
        }
    }
    batch.flush().await?;
    Ok(swept)
}
