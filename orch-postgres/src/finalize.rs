//! S3, second half: the status follows the log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::policies::Move;
use orch_core::store::{Claim, Finalization, FinalizeHook, Finalized, StoreError};
use orch_core::words::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::db::{Db, in_pieces};
use crate::hook;
use crate::moves::{Change, carry_out};
use crate::pending::{Pending, change, load, pending};

/// How often a batch is read again because somebody moved its operations meanwhile.
const READS: u32 = 3;

/// Moves operations as their logged ends say: those without a hook in one statement, each of
/// the others in a transaction with its hook, some at a time.
pub(crate) async fn finalize(
    db: &Db,
    batch: Vec<Finalization>,
) -> Result<Vec<Finalized>, StoreError> {
    in_pieces(batch, |_| 0, |batch| finalize_whole(db, batch)).await
}

async fn finalize_whole(
    db: &Db,
    batch: Arc<Vec<Finalization>>,
) -> Result<Vec<Finalized>, StoreError> {
    let hooks: HashMap<Claim, FinalizeHook> =
        batch.iter().filter_map(|item| Some((item.claim, item.hook?))).collect();
    let claims: Vec<Claim> = batch.iter().map(|item| item.claim).collect();
    let answers = finalize_claims(db, &claims, &hooks).await?;
    Ok(claims.iter().map(|claim| answers.get(claim).cloned().unwrap_or(Finalized::Stale)).collect())
}

/// What became of each claim; one that comes twice is looked at once.
pub(crate) async fn finalize_claims(
    db: &Db,
    claims: &[Claim],
    hooks: &HashMap<Claim, FinalizeHook>,
) -> Result<HashMap<Claim, Finalized>, StoreError> {
    let mut answers = HashMap::new();
    let mut left: Vec<Claim> = claims.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    for _ in 0..READS {
        if left.is_empty() {
            break;
        }
        let (now, rows) = load(db, &left).await?;
        let mut changes = Vec::new();
        let mut hooked = Vec::new();
        for claim in std::mem::take(&mut left) {
            match pending(claim, rows.get(&claim))? {
                Pending::Answered(answer) => drop(answers.insert(claim, answer)),
                Pending::Move(row, next) => match (&next, hooks.get(&claim)) {
                    (Move::Finish(_), Some(hook)) => hooked.push((claim, *hook)),
                    _ => changes.push(change(*row, next, claim, now)),
                },
            }
        }
        left = apply(db, changes, now, &mut answers).await?;
        answers.extend(run_hooks(db, hooked).await?);
    }
    if left.is_empty() {
        return Ok(answers);
    }
    Err(StoreError::transient("the operations were moved each time they were read"))
}

/// Carries the changes out; returns the claims that somebody else moved meanwhile.
async fn apply(
    db: &Db,
    changes: Vec<(Claim, Change, Finalized)>,
    now: Timestamp,
    answers: &mut HashMap<Claim, Finalized>,
) -> Result<Vec<Claim>, StoreError> {
    let mut claims = Vec::with_capacity(changes.len());
    let mut all = Vec::with_capacity(changes.len());
    for (claim, change, to) in changes {
        claims.push((claim, to));
        all.push(change);
    }
    let done = carry_out(db, &all, now).await?;
    let mut left = Vec::new();
    for (claim, to) in claims {
        if done.contains(&claim.op_id) {
            answers.insert(claim, to);
        } else {
            left.push(claim);
        }
    }
    Ok(left)
}

/// Each in a transaction of its own. Half of the connections are left for the other verbs.
async fn run_hooks(
    db: &Db,
    hooked: Vec<(Claim, FinalizeHook)>,
) -> Result<Vec<(Claim, Finalized)>, StoreError> {
    let at_once = Arc::new(Semaphore::new((db.pool.target().connections / 2).max(1)));
    let mut tasks = JoinSet::new();
    for (claim, hook) in hooked {
        let (db, at_once) = (db.clone(), Arc::clone(&at_once));
        tasks.spawn(async move {
            let _permit = at_once.acquire().await.map_err(StoreError::transient)?;
            Ok((claim, hook::finalize(&db, claim, hook).await?))
        });
    }
    let mut answers = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        answers.push(done.map_err(StoreError::transient)??);
    }
    Ok(answers)
}
