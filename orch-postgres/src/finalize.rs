//! S3, second half: the status follows the log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::machine::Fact;
use orch_core::store::{Claim, Finalization, FinalizeHook, Finalized, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::apply::apply_each;
use crate::db::{Db, in_pieces};
use crate::hook;
use crate::sweep::park;

/// Moves operations as their logged ends say: those without a hook in one statement, each of
/// the others in a transaction with its hook, some at a time.
pub(crate) async fn finalize(
    db: &Db,
    batch: Vec<Finalization>,
) -> Result<Vec<Finalized>, StoreError> {
    in_pieces(batch, |_| 0, |batch| finalize_each(db, batch)).await
}

/// In smaller pieces where the server refuses them whole, so that what it refuses is alone in the end.
async fn finalize_each(
    db: &Db,
    batch: Arc<Vec<Finalization>>,
) -> Result<Vec<Finalized>, StoreError> {
    let mut answers = Vec::with_capacity(batch.len());
    let mut pieces = vec![batch];
    while let Some(piece) = pieces.pop() {
        match finalize_whole(db, Arc::clone(&piece)).await {
            Ok(finalized) => answers.extend(finalized),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) if piece.len() == 1 => {
                answers.push(Finalized::Refused { reason: error.to_string() });
            }
            Err(_) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first].map(|half| Arc::new(half.to_vec())));
            }
        }
    }
    Ok(answers)
}

async fn finalize_whole(
    db: &Db,
    batch: Arc<Vec<Finalization>>,
) -> Result<Vec<Finalized>, StoreError> {
    let hooks: HashMap<Claim, FinalizeHook> =
        batch.iter().filter_map(|item| Some((item.claim, item.hook.clone()?))).collect();
    // One that comes twice is looked at once.
    let claims: HashSet<Claim> = batch.iter().map(|item| item.claim).collect();
    let items = claims.iter().map(|claim| (*claim, claim)).collect();
    let has_hook = |claim| hooks.contains_key(&claim);
    let applied = apply_each(db, items, has_hook, |claim, logged| Fact::Finalized {
        fence: claim.fence,
        logged,
        has_hook: hooks.contains_key(claim),
    });
    let (mut answers, mut undecodable) = (HashMap::new(), Vec::new());
    for (claim, answer) in applied.await? {
        match answer {
            Ok(answer) => drop(answers.insert(claim, answer.finalized())),
            Err(StoreError::Corrupt { reason, .. }) => undecodable.push((claim, reason)),
            Err(error) => return Err(error),
        }
    }
    let mut parked = park(db, &undecodable).await?;
    answers.extend(
        undecodable
            .into_iter()
            .map(|(claim, _)| (claim, parked.remove(&claim.op_id).unwrap_or(Finalized::Stale))),
    );
    let hooked = hooks.into_iter().filter(|(claim, _)| !answers.contains_key(claim)).collect();
    answers.extend(run_hooks(db, hooked).await?);
    Ok(in_order(batch.iter().map(|item| item.claim), &answers))
}

/// Each in its own transaction. Half of the connections are left for the other verbs.
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
            match hook::finalize(&db, claim, hook).await {
                Err(error) if !error.is_transient() => {
                    Ok((claim, Finalized::Refused { reason: error.to_string() }))
                }
                finalized => Ok((claim, finalized?)),
            }
        });
    }
    let mut answers = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        answers.push(done.map_err(StoreError::transient)??);
    }
    Ok(answers)
}

/// The answers about these claims; a claim that comes twice was looked at once.
pub(crate) fn in_order(
    claims: impl Iterator<Item = Claim>,
    answers: &HashMap<Claim, Finalized>,
) -> Vec<Finalized> {
    let mut seen = HashSet::new();
    let answer = |claim: Claim| {
        let answer = answers.get(&claim).cloned().unwrap_or(Finalized::Stale);
        if seen.insert(claim) { answer } else { answer.again() }
    };
    claims.map(answer).collect()
}
