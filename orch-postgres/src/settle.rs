//! S3: ends of attempts go into the log, and the status follows them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::store::{Claim, EndedAttempt, Finalized, Logged, StoreError};
use orch_core::words::{AttemptEnd, Fence, FinalOutcome, Outcome, Payload};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Uuid;

use crate::column::{column, failure_of, from_uuid, instant, to_uuid};
use crate::db::{Db, in_pieces};
use crate::entry::EncodedEnd;
use crate::finalize::finalize_claims;
use crate::lease::claim_of;
use crate::pending::load;
use crate::pool::arguments;
use crate::row::Row;
use crate::time::as_millis;

const LOG: &str = include_str!("../queries/log.sql");
const SETTLE: &str = include_str!("../queries/settle.sql");
const SETTLE_OPEN: &str = include_str!("../queries/settle_open.sql");
const LATE: &str = include_str!("../queries/late.sql");

/// How often a batch is tried again because its rows changed under the statement's snapshot.
const TRIES: u32 = 3;

/// Log and finalize in one statement: one for definite ends, one for those that may go on.
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
    let mut left = firsts(&batch);
    for _ in 0..TRIES {
        let (definite, open): (Vec<&EndedAttempt>, Vec<&EndedAttempt>) =
            left.iter().copied().partition(|ended| is_definite(&ended.end));
        settle_definite(db, &definite, &mut answers).await?;
        settle_open(db, &open, &mut answers).await?;
        left.retain(|ended| !answers.contains_key(&ended.claim));
        let unanswered = sort_out(db, left).await?;
        answers.extend(finalize_claims(db, &unanswered.logged, &HashMap::new()).await?);
        left = unanswered.again;
        if left.is_empty() {
            let answer = |ended: &EndedAttempt| answers.get(&ended.claim).cloned();
            return Ok(batch.iter().map(|e| answer(e).unwrap_or(Finalized::Stale)).collect());
        }
    }
    Err(StoreError::transient("the operations were moved each time they were settled"))
}

/// Appends ends as PENDING and drops the leases.
pub(crate) async fn log(db: &Db, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
    in_pieces(batch, output_size, |batch| log_whole(db, batch)).await
}

async fn log_whole(db: &Db, batch: Arc<Vec<EndedAttempt>>) -> Result<Vec<Logged>, StoreError> {
    let mut answers: HashMap<Claim, Logged> = HashMap::with_capacity(batch.len());
    let mut left = firsts(&batch);
    for _ in 0..TRIES {
        if !left.is_empty() {
            for row in &db.fetch(LOG, log_arguments(db, &left)).await? {
                answers.insert(claim_of(row)?, Logged::Logged);
            }
        }
        left.retain(|ended| !answers.contains_key(&ended.claim));
        let unanswered = sort_out(db, left).await?;
        answers.extend(unanswered.logged.into_iter().map(|claim| (claim, Logged::Logged)));
        left = unanswered.again;
        if left.is_empty() {
            let answer = |ended: &EndedAttempt| answers.get(&ended.claim).copied();
            return Ok(batch.iter().map(|e| answer(e).unwrap_or(Logged::Stale)).collect());
        }
    }
    Err(StoreError::transient("the operations were moved each time they were logged"))
}

/// What an end weighs.
fn output_size(ended: &EndedAttempt) -> usize {
    match &ended.end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => output.size(),
        _ => 0,
    }
}

/// The first end under each claim: it stands.
fn firsts(batch: &[EndedAttempt]) -> Vec<&EndedAttempt> {
    let mut seen = HashSet::with_capacity(batch.len());
    batch.iter().filter(|ended| seen.insert(ended.claim)).collect()
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
    let due_at = instant(row, "not_before")?.ok_or("the next instant is missing")?;
    Ok(match column::<&str>(row, "next")? {
        "wait" => Finalized::Waiting { due_at },
        "doubt" => Finalized::InDoubt { due_at },
        "park" => Finalized::Parked,
        _ => {
            let failure: Option<String> = column(row, "failure")?;
            let failure = failure_of(&failure.ok_or("the failure is missing")?)?;
            Finalized::Finished(FinalOutcome::Failed(failure))
        }
    })
}

/// Those that no statement has answered, by where their claims stand. The late ones are kept, and
/// left out: they are stale.
#[derive(Default)]
struct Unanswered<'a> {
    /// Still leased: their rows changed, by a renewal, while the statement ran.
    again: Vec<&'a EndedAttempt>,
    /// Under a claim that stands and has logged before.
    logged: Vec<Claim>,
}

async fn sort_out<'a>(db: &Db, ended: Vec<&'a EndedAttempt>) -> Result<Unanswered<'a>, StoreError> {
    let mut unanswered = Unanswered::default();
    if ended.is_empty() {
        return Ok(unanswered);
    }
    let claims: Vec<Claim> = ended.iter().map(|ended| ended.claim).collect();
    let (_, rows) = load(db, &claims).await?;
    let mut late = Vec::new();
    for ended in ended {
        let row = match rows.get(&ended.claim) {
            Some(row) => Some(row.as_ref().map_err(Clone::clone)?),
            None => None,
        };
        let stands = |row: &&Row| row.operation.fence == ended.claim.fence;
        match row.filter(stands) {
            Some(row) if row.operation.lease_expires_at.is_some() => unanswered.again.push(ended),
            Some(row) if row.entry.is_some() => unanswered.logged.push(ended.claim),
            _ => late.push(ended),
        }
    }
    keep_late(db, &late).await?;
    Ok(unanswered)
}

/// Keeps answers; doubt is the absence of one.
async fn keep_late(db: &Db, ended: &[&EndedAttempt]) -> Result<(), StoreError> {
    let answers: Vec<&EndedAttempt> = ended.iter().copied().filter(|e| e.end.is_answer()).collect();
    if !answers.is_empty() {
        db.fetch(LATE, late_arguments(db, &answers)).await?;
    }
    Ok(())
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

fn late_arguments(db: &Db, ended: &[&EndedAttempt]) -> Result<PgArguments, StoreError> {
    let c = Columns::of(ended);
    let (outcomes, details, outputs, afters) = (c.outcomes(), c.details(), c.outputs(), c.afters());
    arguments![db.now(), &c.op_ids, &c.fences, &c.sources, outcomes, details, outputs, afters]
}
