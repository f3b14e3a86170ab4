//! Lost leases and spent time budgets.

use orch_core::machine::{Fact, Row};
use orch_core::store::{StoreError, SweepParams, Swept};
use orch_core::words::OpId;

use crate::batch::Batch;
use crate::incarnation::{copied_at, known};
use crate::row::Found;
use crate::sql::{Db, Values, fetch};

pub(crate) const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
pub(crate) const EARLIER: &str = include_str!("../queries/sweep_earlier.sql");
pub(crate) const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");

/// Takes back expired leases.
pub(crate) async fn expired(db: &mut Db<'_>, limit: usize) -> Result<Vec<Swept>, StoreError> {
    let found = fetch(db.connection, EXPIRED, Values::default().at(db.now).limit(limit)).await?;
    sweep(db, &found, |_| Fact::LeaseExpired { jitter: fastrand::f64() }).await
}

/// Ends operations whose time budget is spent and that no worker holds.
pub(crate) async fn over_budget(
    db: &mut Db<'_>,
    params: &SweepParams,
) -> Result<Vec<Swept>, StoreError> {
    let whole_since = known(db.connection).await?.whole_since;
    let kinds = params.kinds.iter().map(|policy| &policy.kind);
    let values = Values::default().at(db.now).kinds(kinds).limit(params.limit).add(whole_since);
    let found = fetch(db.connection, OVER_BUDGET, values).await?;
    let fact = |row: &Row| {
        let hooked = params.is_hooked(&row.policy.kind);
        Fact::BudgetSpent { hooked, whole_since }
    };
    sweep(db, &found, fact).await
}

/// Puts in doubt what may lack a part of its history, the oldest due first within a kind.
pub(crate) async fn earlier(
    db: &mut Db<'_>,
    params: &SweepParams,
) -> Result<Vec<Swept>, StoreError> {
    let incarnation = known(db.connection).await?;
    let whole_since = incarnation.whole_since;
    let mut moved = Vec::new();
    if whole_since == 1 {
        return Ok(moved);
    }
    let copied_at = copied_at(db.connection).await?;
    for policy in params.doubts(incarnation.confirmed) {
        let values = Values::default()
            .add(policy.kind.domain.as_str())
            .add(policy.kind.event_type.as_str())
            .at(db.now)
            .add(whole_since)
            .limit(params.limit.saturating_sub(moved.len()));
        let found = fetch(db.connection, EARLIER, values).await?;
        let fact = |row: &Row| {
            let copied = row.incarnation < copied_at;
            Fact::HistoryLost { policy, whole_since, copied }
        };
        moved.extend(sweep(db, &found, fact).await?);
    }
    Ok(moved)
}

/// Carries out a fact about every operation found. A row that cannot be decoded is parked.
async fn sweep<'p>(
    db: &mut Db<'_>,
    found: &[Found],
    fact: impl Fn(&Row) -> Fact<'p>,
) -> Result<Vec<Swept>, StoreError> {
    let op_ids: Vec<OpId> = found.iter().map(Found::op_id).collect::<Result<_, _>>()?;
    let mut batch = Batch::of_operations(db, op_ids.into_iter()).await?;
    let mut swept = Vec::with_capacity(found.len());
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
