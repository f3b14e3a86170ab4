//! Lost leases and spent time budgets.

use orch_core::policies::{Move, after_attempt, over_budget};
use orch_core::store::{Finalized, StoreError, SweepParams, Swept};
use orch_core::words::{AttemptEnd, Fence, Kind, OpId, Phase, Source, Status, Timestamp};
use sqlx::postgres::PgRow;

use crate::column::{column, instant, op_id, to_uuid};
use crate::db::{Db, to_limit, with_limit};
use crate::moves::{Change, carry_out};
use crate::pool::arguments;
use crate::row::Row;

const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");
const PARK: &str = include_str!("../queries/park.sql");

/// Takes back leases that have run out, the longest expired first.
pub(crate) async fn expired(db: &Db, limit: usize) -> Result<Vec<Swept>, StoreError> {
    with_limit(limit, |limit| async move {
        let rows = db.fetch(EXPIRED, arguments![db.now(), to_limit(limit)]).await?;
        sweep(db, &rows, take_back).await
    })
    .await
}

/// Ends operations whose deadline has passed and that nobody works on, the oldest first.
pub(crate) async fn spent(db: &Db, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
    let kinds: Vec<String> = params.kinds.iter().map(|policy| policy.kind.to_string()).collect();
    let (kinds, params) = (&kinds, &params);
    with_limit(params.limit, |limit| async move {
        let arguments = arguments![db.now(), to_limit(limit), kinds];
        let rows = db.fetch(OVER_BUDGET, arguments).await?;
        sweep(db, &rows, |row, now| end(row, params, now)).await
    })
    .await
}

/// Moves the rows that can be decoded and parks the others. What somebody else has moved since
/// it was read is left out: the other one answers for it.
async fn sweep(
    db: &Db,
    rows: &[PgRow],
    decide: impl Fn(Row, Timestamp) -> (Change, Option<Finalized>),
) -> Result<Vec<Swept>, StoreError> {
    let mut changes = Vec::new();
    let mut swept = Vec::new();
    let mut undecodable = Vec::new();
    let mut instants = None;
    for row in rows {
        let now =
            instant(row, "now").map_err(StoreError::fatal)?.unwrap_or(Timestamp::from_micros(0));
        instants = Some(now);
        match Row::decode(row) {
            Ok(row) => {
                let (op_id, kind) = (row.operation.op_id, row.operation.identity.kind());
                let (change, to) = decide(row, now);
                changes.push(change);
                swept.push(Swept { op_id, kind, to });
            }
            Err(reason) => undecodable.push(bad_row(row, reason).map_err(StoreError::fatal)?),
        }
    }
    let Some(now) = instants else { return Ok(Vec::new()) };
    let done = carry_out(db, &changes, now).await?;
    swept.retain(|swept| done.contains(&swept.op_id));
    swept.extend(park(db, undecodable).await?);
    Ok(swept)
}

/// Decides about a lost attempt, or a lost question to the provider.
fn take_back(row: Row, now: Timestamp) -> (Change, Option<Finalized>) {
    let lost = AttemptEnd::lost(row.worker.as_ref());
    let asking = row.operation.phase == Some(Phase::InDoubt);
    let delay = if asking {
        std::time::Duration::ZERO
    } else {
        row.backoff.delay(row.operation.attempt, fastrand::f64())
    };
    let next = after_attempt(&lost, &row.facts(), delay, now);
    let mut change = Change::of(row);
    if !asking {
        change.note(&lost, Source::Engine, now);
        change.append_lost(&lost);
    }
    change.supersede();
    let to = match next {
        Move::Finish(outcome) => change.conclude(outcome, Source::Engine, None, now),
        next => Some(change.carry(next, now)),
    };
    (change, to)
}

/// Decides about an operation that has no time left. PENDING passes through IN_PROGRESS, as
/// every operation does.
fn end(row: Row, params: &SweepParams, now: Timestamp) -> (Change, Option<Finalized>) {
    let next = over_budget(&row.facts(), row.operation.reason.as_deref());
    let mut change = Change::of(row);
    let row = change.row_mut();
    if row.operation.status == Status::Pending {
        let kind = row.operation.identity.kind();
        row.hooked = params.kinds.iter().any(|policy| policy.kind == kind && policy.hooked);
        row.operation.status = Status::InProgress;
    }
    change.supersede();
    let to = match next {
        Move::Finish(outcome) => change.conclude(outcome, Source::Engine, None, now),
        next => Some(change.carry(next, now)),
    };
    (change, to)
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
