//! Lost leases and spent time budgets.

use std::collections::HashSet;

use orch_core::machine::{Fact, Row, step};
use orch_core::store::{Claim, Finalized, StoreError, SweepParams, Swept, columns};
use orch_core::words::{OpId, Timestamp};
use sqlx::postgres::PgRow;

use crate::column::{Named, column, instant, op_id};
use crate::db::{Db, to_limit, with_limit};
use crate::incarnation::since;
use crate::lease::{claim_columns, claim_of};
use crate::load::Stored;
use crate::pool::{arguments, each};
use crate::save::{Decided, save, saved};

const EXPIRED: &str = include_str!("../queries/sweep_expired.sql");
const OVER_BUDGET: &str = include_str!("../queries/sweep_over_budget.sql");
const EARLIER: &str = include_str!("../queries/sweep_earlier.sql");
const PARK: &str = include_str!("../queries/park.sql");

/// Takes back leases that have run out, the longest expired first.
pub(crate) async fn expired(db: &Db, limit: usize) -> Result<Vec<Swept>, StoreError> {
    with_limit(limit, |limit| async move {
        let rows =
            db.fetch(EXPIRED, arguments![db.now(), to_limit(db.put_off.room(limit))]).await?;
        sweep(db, &rows, limit, |_, _| Ok(Fact::LeaseExpired { jitter: fastrand::f64() })).await
    })
    .await
}

/// Ends operations whose deadline has passed and that no worker holds, the oldest first.
pub(crate) async fn over_budget(db: &Db, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
    let kinds = each(&params.kinds, |policy| policy.kind.to_string());
    let (kinds, params) = (&kinds, &params);
    with_limit(params.limit, |limit| async move {
        let (number, wal_position) = db.seen.furthest();
        let arguments =
            arguments![db.now(), to_limit(db.put_off.room(limit)), kinds, number, wal_position];
        let rows = db.fetch(OVER_BUDGET, arguments).await?;
        let fact = |found: &PgRow, row: &Row| {
            let policy = params.policy(&row.policy.kind);
            Ok(Fact::BudgetSpent { policy, whole_since: since(found)? })
        };
        sweep(db, &rows, limit, fact).await
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
        let arguments = arguments![db.now(), to_limit(db.put_off.room(limit)), kinds, repeatable];
        let rows = db.fetch(EARLIER, arguments).await?;
        let fact = |found: &PgRow, row: &Row| {
            let policy = params.policy(&row.policy.kind).ok_or("a kind that was not asked for")?;
            let (whole_since, copied) = (since(found)?, column(found, "copied")?);
            Ok(Fact::HistoryLost { policy, whole_since, copied })
        };
        sweep(db, &rows, limit, fact).await
    })
    .await
}

/// Moves the rows that can be decoded and parks the others. What another session has moved since
/// it was read is left out: the other one answers for it.
async fn sweep<'p>(
    db: &Db,
    rows: &[PgRow],
    limit: usize,
    fact: impl Fn(&PgRow, &Row) -> Result<Fact<'p>, String> + Send,
) -> Result<Vec<Swept>, StoreError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let now = instant(first, "now").map_err(StoreError::fatal)?;
    let mut decided = Vec::new();
    let (mut undecodable, mut bad) = (Vec::new(), Vec::new());
    let passed_over = |row: &&PgRow| op_id(row, "op_id").is_ok_and(|it| db.put_off.is_off(it, now));
    let was_refused = |row: &&PgRow| op_id(row, "op_id").is_ok_and(|it| db.put_off.was_refused(it));
    let mut page: Vec<&PgRow> = rows.iter().filter(|row| !passed_over(row)).collect();
    page.sort_by_key(was_refused);
    for row in page.into_iter().take(limit) {
        match Stored::decode(row) {
            Ok(Stored { row: before, .. }) => {
                let fact = fact(row, &before).map_err(StoreError::fatal)?;
                decided.push(Decided { step: step(&before, fact, now), before });
            }
            Err(reason) => {
                undecodable.push((claim_of(row)?, reason));
                bad.push(row);
            }
        }
    }
    let mut swept = save_each(db, &decided, now).await?;
    let parked = park(db, &undecodable).await?;
    for ((Claim { op_id, .. }, _), row) in undecodable.iter().zip(bad) {
        if let (true, Ok(kind)) = (parked.contains(op_id), columns::kind(&Named(row))) {
            swept.push(Swept { op_id: *op_id, kind, to: Some(Finalized::Parked) });
        }
    }
    Ok(swept)
}

/// So many refusals end a pass: then the server is at fault rather than a row.
const REFUSALS: usize = 8;

/// Saves what was decided, in smaller pieces where the server refuses it whole, so that what it refuses
/// is alone in the end: that is put off.
async fn save_each(db: &Db, decided: &[Decided], now: Timestamp) -> Result<Vec<Swept>, StoreError> {
    let (mut swept, mut refusals) = (Vec::new(), 0);
    let mut pieces = vec![decided];
    while let Some(piece) = pieces.pop() {
        match (save(db, piece).await, piece) {
            (Ok(saved), _) => {
                let saved = piece.iter().filter(|one| saved.contains(&one.before.op_id));
                swept.extend(saved.map(|Decided { before, step }| {
                    db.put_off.moved(before.op_id);
                    let to = step.answer.clone().moved_or_logged();
                    Swept { op_id: before.op_id, kind: before.policy.kind.clone(), to }
                }));
            }
            (Err(error), _) if error.is_transient() => return Err(error),
            (Err(error), [Decided { before, .. }]) => {
                db.put_off.refused(before.op_id, now);
                let (op_id, kind) = (before.op_id, before.policy.kind.clone());
                let to = Some(Finalized::Refused { reason: error.to_string() });
                swept.push(Swept { op_id, kind, to });
                refusals += 1;
                if refusals == REFUSALS {
                    break;
                }
            }
            (Err(_), _) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
        }
    }
    Ok(swept)
}

/// Parks operations whose rows cannot be decoded, for the reasons given; returns those that were still as
/// they had been read.
pub(crate) async fn park(
    db: &Db,
    undecodable: &[(Claim, String)],
) -> Result<HashSet<OpId>, StoreError> {
    if undecodable.is_empty() {
        return Ok(HashSet::new());
    }
    for (Claim { op_id, .. }, reason) in undecodable {
        tracing::error!(%op_id, reason, "the row cannot be decoded; it is parked");
    }
    let (ids, fences) = claim_columns(undecodable.iter().map(|(claim, _)| claim));
    let reasons = each(undecodable, |(_, reason)| reason.as_str());
    saved(&db.fetch(PARK, arguments![ids, fences, reasons]).await?)
}
