//! S3: ends of attempts go into the log, and the status follows them.

use orch_core::machine::{Answer, Fact};
use orch_core::store::{EndedAttempt, Finalization, Finalized, Logged, StoreError};

use crate::batch::Batch;
use crate::hook::{Hooks, Ran, Trouble};
use crate::sql::{Answers, Db};

/// S3, first half.
pub(crate) async fn log(db: &mut Db<'_>, ended: &[&EndedAttempt]) -> Answers<Logged> {
    let mut batch = Batch::of_claims(db, ended.iter().map(|e| e.claim)).await?;
    let answers = ended.iter().map(|ended| log_one(&mut batch, ended)).collect();
    batch.flush().await?;
    Ok(answers)
}

fn log_one(batch: &mut Batch<'_>, ended: &EndedAttempt) -> Result<Logged, StoreError> {
    let step = batch.step(ended.claim, |logged| Fact::Logged(ended.under(logged)))?;
    Ok(match batch.save(step) {
        Answer::Logged => Logged::Logged,
        _ => Logged::Stale,
    })
}

/// S3 as a whole.
pub(crate) async fn settle(db: &mut Db<'_>, ended: &[&EndedAttempt]) -> Answers<Finalized> {
    let mut batch = Batch::of_claims(db, ended.iter().map(|e| e.claim)).await?;
    let answers = ended.iter().map(|ended| settle_one(&mut batch, ended)).collect();
    batch.flush().await?;
    Ok(answers)
}

fn settle_one(batch: &mut Batch<'_>, ended: &EndedAttempt) -> Result<Finalized, StoreError> {
    let step = batch.step(ended.claim, |logged| Fact::Settled(ended.under(logged)))?;
    Ok(batch.save(step).finalized())
}

/// S3, second half.
pub(crate) async fn finalize(
    db: &mut Db<'_>,
    items: &[&Finalization],
    hooks: &Hooks,
) -> Result<Vec<Result<Finalized, StoreError>>, Trouble> {
    let mut batch = Batch::of_claims(db, items.iter().map(|f| f.claim)).await?;
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        answers.push(match finalize_one(&mut batch, item, hooks).await {
            Err(Trouble::Store(StoreError::Corrupt { op_id, reason })) => {
                let parked = batch.park(op_id, Some(item.claim.fence), &reason).await?;
                Ok(if parked { Finalized::Parked } else { Finalized::Stale })
            }
            answer => Ok(answer?),
        });
    }
    batch.flush().await?;
    Ok(answers)
}

async fn finalize_one(
    batch: &mut Batch<'_>,
    Finalization { claim, hook }: &Finalization,
    hooks: &Hooks,
) -> Result<Finalized, Trouble> {
    let (op_id, fence) = (claim.op_id, claim.fence);
    let has_hook = hook.is_some();
    let step = batch.step(*claim, |logged| Fact::Finalized { fence, logged, has_hook })?;
    let before = batch.row(op_id)?;
    let finishes = step.as_ref().zip(before).and_then(|(step, before)| step.finishes(before));
    if let (Some(hook), Some(outcome), Some(before)) = (hook, finishes, before) {
        let before = before.clone();
        let of = before.envelope(batch.request(op_id).await?);
        let ran = hooks.run(batch.connection, hook, *claim, outcome, &of).await?;
        if let Ran::PutOff = ran {
            let reason = "put off: other finalize hooks held up the database".to_owned();
            return Ok(Finalized::HookFailed { reason, due_at: batch.now });
        }
        if let Ran::Failed(error) = ran {
            let (error, jitter) = (error.as_str(), fastrand::f64());
            let failed =
                batch.step(*claim, |logged| Fact::HookFailed { fence, logged, error, jitter })?;
            return Ok(batch.save(failed).finalized());
        }
    }
    Ok(batch.save(step).finalized())
}
