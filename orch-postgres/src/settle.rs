//! S3: ends of attempts go into the log, and the status follows them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::machine::{Answer, Fact};
use orch_core::store::codec::{EncodedEnd, as_millis, failure};
use orch_core::store::{Claim, EndedAttempt, Finalized, Logged, StoreError};
use orch_core::words::{AttemptEnd, Fence, FinalOutcome, Outcome, Payload};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Uuid;

use crate::apply::{apply, no_hook};
use crate::column::{column, from_uuid, instant, to_uuid};
use crate::db::{Db, in_pieces};
use crate::finalize::in_order;
use crate::lease::claim_of;
use crate::pool::arguments;

const LOG: &str = include_str!("../queries/log.sql");
const SETTLE: &str = include_str!("../queries/settle.sql");
const SETTLE_OPEN: &str = include_str!("../queries/settle_open.sql");

/// Log and finalize in one statement: one for definite ends, one for those that may go on. What
/// they leave unanswered, such as late answers, is decided by `step`.
pub(crate) async fn settle(
    db: &Db,
    batch: Vec<EndedAttempt>,
) -> Result<Vec<Finalized>, StoreError> {
    in_pieces(batch, output_size, |batch| settle_whole(db, batch)).await
}

async fn settle_whole(
    db: &Db,
    batch: Arc<Vec<EndedAttempt>>,
) -> Result<Vec<Finalized>, StoreError> {
    let mut answers: HashMap<Claim, Finalized> = HashMap::with_capacity(batch.len());
    let ended = firsts(&batch);
    let (definite, open): (Vec<&EndedAttempt>, Vec<&EndedAttempt>) =
        frequent(&ended).into_iter().partition(|ended| is_definite(&ended.end));
    settle_definite(db, &definite, &mut answers).await?;
    settle_open(db, &open, &mut answers).await?;
    let others = ended.iter().filter(|ended| !answers.contains_key(&ended.claim));
    let others = others.map(|ended| (ended.claim, *ended)).collect();
    let others =
        apply(db, others, no_hook, |ended, logged| Fact::Settled(ended.under(logged))).await?;
    answers.extend(others.into_iter().map(|(claim, answer)| (claim, answer.finalized())));
    Ok(in_order(batch.iter().map(|ended| ended.claim), &answers))
}

/// Appends ends as PENDING and ends the leases.
pub(crate) async fn log(db: &Db, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
    in_pieces(batch, output_size, |batch| log_whole(db, batch)).await
}

async fn log_whole(db: &Db, batch: Arc<Vec<EndedAttempt>>) -> Result<Vec<Logged>, StoreError> {
    let mut logged: HashSet<Claim> = HashSet::with_capacity(batch.len());
    let ended = firsts(&batch);
    let frequent = frequent(&ended);
    if !frequent.is_empty() {
        for row in &db.fetch(LOG, log_arguments(db, &frequent)).await? {
            logged.insert(claim_of(row)?);
        }
    }
    let others = ended.iter().filter(|ended| !logged.contains(&ended.claim));
    let others = others.map(|ended| (ended.claim, *ended)).collect();
    let others =
        apply(db, others, no_hook, |ended, logged| Fact::Logged(ended.under(logged))).await?;
    logged.extend(others.into_iter().filter(|(_, a)| *a == Answer::Logged).map(|(claim, _)| claim));
    let answer = |ended: &EndedAttempt| match logged.contains(&ended.claim) {
        true => Logged::Logged,
        false => Logged::Stale,
    };
    Ok(batch.iter().map(answer).collect())
}

/// What an end weighs.
fn output_size(ended: &EndedAttempt) -> usize {
    match &ended.end {
        AttemptEnd::Outcome(Outcome::Ok { output }) | AttemptEnd::Unreadable { output, .. } => {
            output.size()
        }
        _ => 0,
    }
}

/// The first end under each claim: it is the one kept.
fn firsts(batch: &[EndedAttempt]) -> Vec<&EndedAttempt> {
    let mut seen = HashSet::with_capacity(batch.len());
    batch.iter().filter(|ended| seen.insert(ended.claim)).collect()
}

/// The ends that the statements know; the others are rare, and left to `step`.
fn frequent<'a>(ended: &[&'a EndedAttempt]) -> Vec<&'a EndedAttempt> {
    let known = |ended: &&EndedAttempt| {
        matches!(
            ended.end,
            AttemptEnd::Outcome(_) | AttemptEnd::InDoubt { .. } | AttemptEnd::NotHappened
        )
    };
    ended.iter().copied().filter(known).collect()
}

const fn is_definite(end: &AttemptEnd) -> bool {
    matches!(end, AttemptEnd::Outcome(Outcome::Ok { .. } | Outcome::Fail(_)))
}

async fn settle_definite(
    db: &Db,
    ended: &[&EndedAttempt],
    answers: &mut HashMap<Claim, Finalized>,
) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let rows = db.fetch(SETTLE, settle_arguments(db, ended)).await?;
    let settled = settled(&rows).map_err(StoreError::fatal)?;
    for ended in ended.iter().filter(|ended| settled.contains(&ended.claim)) {
        let outcome = match &ended.end {
            AttemptEnd::Outcome(Outcome::Ok { output }) => FinalOutcome::Ok(output.clone()),
            AttemptEnd::Outcome(Outcome::Fail(failure)) => FinalOutcome::Failed(failure.clone()),
            _ => return Err(StoreError::fatal("an end that may go on is not definite")),
        };
        answers.insert(ended.claim, Finalized::Finished(outcome));
    }
    Ok(())
}

/// What settle.sql has settled.
fn settled(rows: &[PgRow]) -> Result<HashSet<Claim>, String> {
    let Some(row) = rows.first() else { return Ok(HashSet::new()) };
    let (op_ids, fences): (Vec<Uuid>, Vec<i64>) = (column(row, "op_ids")?, column(row, "fences")?);
    let claim = |(op_id, fence)| Claim { op_id: from_uuid(op_id), fence: Fence::new(fence) };
    Ok(op_ids.into_iter().zip(fences).map(claim).collect())
}

async fn settle_open(
    db: &Db,
    ended: &[&EndedAttempt],
    answers: &mut HashMap<Claim, Finalized>,
) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    for row in &db.fetch(SETTLE_OPEN, open_arguments(db, ended)).await? {
        answers.insert(claim_of(row)?, moved_to(row).map_err(StoreError::fatal)?);
    }
    Ok(())
}

/// What settle_open.sql has decided.
fn moved_to(row: &PgRow) -> Result<Finalized, String> {
    let due_at = instant(row, "not_before")?;
    Ok(match column::<&str>(row, "next")? {
        "wait" => Finalized::Waiting { due_at },
        "doubt" => Finalized::InDoubt { due_at },
        "park" => Finalized::Parked,
        _ => Finalized::Finished(FinalOutcome::Failed(failure(column(row, "failure")?)?)),
    })
}

/// The columns that all of the statements share.
struct Columns {
    op_ids: Vec<Uuid>,
    fences: Vec<i64>,
    sources: Vec<&'static str>,
    ends: Vec<EncodedEnd>,
    delays: Vec<i64>,
}

impl Columns {
    fn of(ended: &[&EndedAttempt]) -> Self {
        Self {
            op_ids: ended.iter().map(|e| to_uuid(e.claim.op_id)).collect(),
            fences: ended.iter().map(|e| e.claim.fence.get()).collect(),
            sources: ended.iter().map(|e| e.source.as_str()).collect(),
            ends: ended.iter().map(|e| EncodedEnd::of(&e.end)).collect(),
            delays: ended.iter().map(|e| as_millis(e.delay)).collect(),
        }
    }

    fn outcomes(&self) -> Vec<&str> {
        self.ends.iter().map(|end| end.outcome).collect()
    }

    fn details(&self) -> Vec<Option<&str>> {
        self.ends.iter().map(|end| end.detail.as_deref()).collect()
    }

    fn outputs(&self) -> Vec<Option<&[u8]>> {
        self.ends.iter().map(|end| end.output.as_ref().map(Payload::as_bytes)).collect()
    }

    fn afters(&self) -> Vec<Option<i64>> {
        self.ends.iter().map(|end| end.after_ms).collect()
    }
}

fn settle_arguments(db: &Db, ended: &[&EndedAttempt]) -> Result<PgArguments, StoreError> {
    let c = Columns::of(ended);
    let (outcomes, details, outputs) = (c.outcomes(), c.details(), c.outputs());
    arguments![db.now(), &c.op_ids, &c.fences, &c.sources, outcomes, details, outputs]
}

fn open_arguments(db: &Db, ended: &[&EndedAttempt]) -> Result<PgArguments, StoreError> {
    let c = Columns::of(ended);
    let (outcomes, details, afters) = (c.outcomes(), c.details(), c.afters());
    arguments![db.now(), &c.op_ids, &c.fences, &c.sources, outcomes, details, afters, &c.delays]
}

fn log_arguments(db: &Db, ended: &[&EndedAttempt]) -> Result<PgArguments, StoreError> {
    let c = Columns::of(ended);
    let (outcomes, details, outputs, afters) = (c.outcomes(), c.details(), c.outputs(), c.afters());
    arguments![
        db.now(),
        &c.op_ids,
        &c.fences,
        &c.sources,
        outcomes,
        details,
        outputs,
        afters,
        &c.delays
    ]
}
