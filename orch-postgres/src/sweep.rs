//! Lost leases and spent time budgets.

use std::collections::{HashMap, HashSet};

use orch_core::machine::{Fact, Row, step};
use orch_core::store::{Claim, Finalized, Pieces, StoreError, SweepParams, Swept, columns};
use orch_core::words::{Kind, OpId, Timestamp};
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
    let (mut undecodable, mut kinds) = (Vec::new(), Vec::new());
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
                kinds.push(columns::kind(&Named(row)).ok());
            }
        }
    }
    let mut swept = save_each(db, &decided, now).await?;
    swept.extend(park_each(db, &undecodable, kinds, now).await?);
    Ok(swept)
}

/// Saves what was decided, in smaller pieces where the server refuses it whole, so that what it refuses
/// is alone in the end: that is put off.
async fn save_each(db: &Db, decided: &[Decided], now: Timestamp) -> Result<Vec<Swept>, StoreError> {
    let (mut swept, mut pieces) = (Vec::new(), Pieces::of(decided));
    while let Some(piece) = pieces.next() {
        match save(db, piece).await {
            Ok(saved) => {
                let saved = piece.iter().filter(|one| saved.contains(&one.before.op_id));
                swept.extend(saved.map(|Decided { before, step }| {
                    db.put_off.moved(before.op_id);
                    let to = step.answer.clone().moved_or_logged();
                    Swept { op_id: before.op_id, kind: before.policy.kind.clone(), to }
                }));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some(Decided { before, .. }) = pieces.refused(piece) else { continue };
                db.put_off.refused(before.op_id, now);
                swept.push(refused(before.op_id, before.policy.kind.clone(), &error));
            }
        }
    }
    Ok(swept)
}

/// Parks rows that cannot be decoded, and puts off what the server refuses to park. One whose kind cannot
/// be read either is not told of.
async fn park_each(
    db: &Db,
    undecodable: &[(Claim, String)],
    kinds: Vec<Option<Kind>>,
    now: Timestamp,
) -> Result<Vec<Swept>, StoreError> {
    let answers = park(db, undecodable).await?;
    let mut swept = Vec::with_capacity(undecodable.len());
    for ((Claim { op_id, .. }, _), kind) in undecodable.iter().zip(kinds) {
        let Some(to) = answers.get(op_id).cloned() else { continue };
        match to {
            Finalized::Refused { .. } => db.put_off.refused(*op_id, now),
            _ => db.put_off.moved(*op_id),
        }
        swept.extend(kind.map(|kind| Swept { op_id: *op_id, kind, to: Some(to) }));
    }
    Ok(swept)
}

fn refused(op_id: OpId, kind: Kind, error: &StoreError) -> Swept {
    Swept { op_id, kind, to: Some(Finalized::Refused { reason: error.to_string() }) }
}

/// Parks operations whose rows cannot be decoded, for the reasons given, in smaller pieces where the server
/// refuses them whole. Those that were still as they had been read are parked, or refused.
pub(crate) async fn park(
    db: &Db,
    undecodable: &[(Claim, String)],
) -> Result<HashMap<OpId, Finalized>, StoreError> {
    let (mut answers, mut pieces) = (HashMap::new(), Pieces::of(undecodable));
    while let Some(piece) = pieces.next() {
        match park_whole(db, piece).await {
            Ok(parked) => {
                answers.extend(parked.into_iter().map(|op_id| (op_id, Finalized::Parked)));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let Some((Claim { op_id, .. }, why)) = pieces.refused(piece) else { continue };
                let reason = error.to_string();
                tracing::error!(%op_id, why, reason,
                    "the row cannot be decoded, and the database refuses to park it");
                answers.insert(*op_id, Finalized::Refused { reason });
            }
        }
    }
    Ok(answers)
}

async fn park_whole(db: &Db, undecodable: &[(Claim, String)]) -> Result<HashSet<OpId>, StoreError> {
    let (ids, fences) = claim_columns(undecodable.iter().map(|(claim, _)| claim));
    let reasons = each(undecodable, |(_, reason)| reason.as_str());
    let parked = saved(&db.fetch(PARK, arguments![ids, fences, reasons]).await?)?;
    for (Claim { op_id, .. }, reason) in undecodable {
        if parked.contains(op_id) {
            tracing::error!(%op_id, reason, "the row cannot be decoded; it is parked");
        }
    }
    Ok(parked)
}
