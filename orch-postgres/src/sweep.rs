//! Lost leases and spent time budgets.

use orch_core::machine::{Fact, Row, step};
use orch_core::store::{Claim, Finalized, StoreError, SweepParams, Swept, columns};
use sqlx::postgres::PgRow;

use crate::column::{Named, column, instant};
use crate::db::{Db, to_limit, with_limit};
use crate::incarnation::since;
use crate::lease::{claim_columns, claim_of};
use crate::load::Stored;
use crate::pool::{arguments, each};
use crate::save::{Decided, save};

const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");
const EARLIER: &str = include_str!("../queries/sweep_earlier.sql");
const PARK: &str = include_str!("../queries/park.sql");

/// Takes back leases that have run out, the longest expired first.
pub(crate) async fn expired(db: &Db, limit: usize) -> Result<Vec<Swept>, StoreError> {
    with_limit(limit, |limit| async move {
        let rows = db.fetch(EXPIRED, arguments![db.now(), to_limit(limit)]).await?;
        sweep(db, &rows, |_, _| Ok(Fact::LeaseExpired { jitter: fastrand::f64() })).await
    })
    .await
}

/// Ends operations whose deadline has passed and that no worker holds, the oldest first.
pub(crate) async fn over_budget(db: &Db, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
    let kinds = each(&params.kinds, |policy| policy.kind.to_string());
    let (kinds, params) = (&kinds, &params);
    with_limit(params.limit, |limit| async move {
        let (number, wal_position) = db.seen.furthest();
        let arguments = arguments![db.now(), to_limit(limit), kinds, number, wal_position];
        let rows = db.fetch(OVER_BUDGET, arguments).await?;
        let fact = |found: &PgRow, row: &Row| {
            let hooked = params.is_hooked(&row.policy.kind);
            Ok(Fact::BudgetSpent { hooked, whole_since: since(found)? })
        };
        sweep(db, &rows, fact).await
    })
    .await
}

/// Puts in doubt what may lack a part of its history, the oldest due first within a kind.
pub(crate) async fn earlier(db: &Db, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
    if params.kinds.is_empty() || !db.seen.has_lost_history() {
        return Ok(Vec::new());
    }
    let kinds = each(&params.kinds, |policy| policy.kind.to_string());
    let repeatable = each(&params.kinds, |policy| !params.held_kinds.contains(&policy.kind));
    let (kinds, repeatable, params) = (&kinds, &repeatable, &params);
    with_limit(params.limit, |limit| async move {
        let arguments = arguments![db.now(), to_limit(limit), kinds, repeatable];
        let rows = db.fetch(EARLIER, arguments).await?;
        let fact = |found: &PgRow, row: &Row| {
            let policy = params.policy(&row.policy.kind).ok_or("a kind that was not asked for")?;
            let (whole_since, copied) = (since(found)?, column(found, "copied")?);
            Ok(Fact::HistoryLost { policy, whole_since, copied })
        };
        sweep(db, &rows, fact).await
    })
    .await
}

/// Moves the rows that can be decoded and parks the others. What another session has moved since
/// it was read is left out: the other one answers for it.
async fn sweep<'p>(
    db: &Db,
    rows: &[PgRow],
    fact: impl Fn(&PgRow, &Row) -> Result<Fact<'p>, String> + Send,
) -> Result<Vec<Swept>, StoreError> {
    let mut decided = Vec::new();
    let mut undecodable = Vec::new();
    for row in rows {
        let now = instant(row, "now").map_err(StoreError::fatal)?;
        match Stored::decode(row) {
            Ok(Stored { row: before, .. }) => {
                let fact = fact(row, &before).map_err(StoreError::fatal)?;
                decided.push(Decided { step: step(&before, fact, now), before });
            }
            Err(reason) => undecodable.push((claim_of(row)?, row, reason)),
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

/// Parks rows that cannot be decoded, for the reasons given.
async fn park(db: &Db, rows: Vec<(Claim, &PgRow, String)>) -> Result<Vec<Swept>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    for (Claim { op_id, .. }, _, reason) in &rows {
        tracing::error!(%op_id, reason, "the row cannot be decoded; it is parked");
    }
    let (ids, fences) = claim_columns(rows.iter().map(|(claim, ..)| claim));
    let reasons = each(&rows, |(_, _, reason)| reason.as_str());
    db.fetch(PARK, arguments![ids, fences, reasons]).await?;
    let swept = |(Claim { op_id, .. }, row, _): &(Claim, &PgRow, String)| {
        let kind = columns::kind(&Named(row)).ok()?;
        Some(Swept { op_id: *op_id, kind, to: Some(Finalized::Parked) })
    };
    Ok(rows.iter().filter_map(swept).collect())
}
