//! Lost leases and spent time budgets.

use orch_core::machine::{Fact, Row, step};
use orch_core::store::{Finalized, StoreError, SweepParams, Swept};
use orch_core::words::{Fence, Kind, OpId};
use sqlx::postgres::PgRow;

use crate::column::{column, instant, op_id, to_uuid};
use crate::db::{Db, to_limit, with_limit};
use crate::load::Stored;
use crate::pool::arguments;
use crate::save::{Decided, save};

const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");
const PARK: &str = include_str!("../queries/park.sql");

/// Takes back leases that have run out, the longest expired first.
pub(crate) async fn expired(db: &Db, limit: usize) -> Result<Vec<Swept>, StoreError> {
    with_limit(limit, |limit| async move {
        let rows = db.fetch(EXPIRED, arguments![db.now(), to_limit(limit)]).await?;
        sweep(db, &rows, |_| Fact::LeaseExpired { jitter: fastrand::f64() }).await
    })
    .await
}

/// Ends operations whose deadline has passed and that no worker holds, the oldest first.
pub(crate) async fn over_budget(db: &Db, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
    let kinds: Vec<String> = params.kinds.iter().map(|policy| policy.kind.to_string()).collect();
    let (kinds, params) = (&kinds, &params);
    with_limit(params.limit, |limit| async move {
        let arguments = arguments![db.now(), to_limit(limit), kinds];
        let rows = db.fetch(OVER_BUDGET, arguments).await?;
        sweep(db, &rows, |row| Fact::BudgetSpent { hooked: params.is_hooked(&row.policy.kind) })
            .await
    })
    .await
}

/// Moves the rows that can be decoded and parks the others. What somebody else has moved since
/// it was read is left out: the other one answers for it.
async fn sweep(
    db: &Db,
    rows: &[PgRow],
    fact: impl Fn(&Row) -> Fact<'static> + Send,
) -> Result<Vec<Swept>, StoreError> {
    let mut decided = Vec::new();
    let mut undecodable = Vec::new();
    for row in rows {
        let now = instant(row, "now").map_err(StoreError::fatal)?;
        match Stored::decode(row) {
            Ok(Stored { row: before, .. }) => {
                decided.push(Decided { step: step(&before, fact(&before), now), before });
            }
            Err(reason) => undecodable.push(bad_row(row, reason).map_err(StoreError::fatal)?),
        }
    }
    let saved = save(db, &decided).await?;
    let swept = |Decided { before, step }: Decided| {
        let to = step.answer.moved_or_logged();
        Swept { op_id: before.op_id, kind: before.policy.kind, to }
    };
    let decided = decided.into_iter().filter(|one| saved.contains(&one.before.op_id));
    let mut swept: Vec<Swept> = decided.map(swept).collect();
    swept.extend(park(db, undecodable).await?);
    Ok(swept)
}

/// A row to park: what can still be read of it.
struct BadRow {
    op_id: OpId,
    fence: Fence,
    kind: Option<Kind>,
    reason: String,
}

fn bad_row(row: &PgRow, reason: String) -> Result<BadRow, String> {
    let text = |name| column::<String>(row, name);
    let kind = Kind::new(&text("domain")?, &text("event_type")?).ok();
    Ok(BadRow {
        op_id: op_id(row, "op_id")?,
        fence: Fence::new(column(row, "fence")?),
        kind,
        reason,
    })
}

async fn park(db: &Db, rows: Vec<BadRow>) -> Result<Vec<Swept>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (mut ids, mut fences, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        tracing::error!(op_id = %row.op_id, reason = row.reason, "the row cannot be decoded; it is parked");
        ids.push(to_uuid(row.op_id));
        fences.push(row.fence.get());
        reasons.push(row.reason.as_str());
    }
    db.fetch(PARK, arguments![ids, fences, reasons]).await?;
    let swept = |row: BadRow| {
        let to = Some(Finalized::Parked);
        row.kind.map(|kind| Swept { op_id: row.op_id, kind, to })
    };
    Ok(rows.into_iter().filter_map(swept).collect())
}
