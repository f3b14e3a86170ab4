//! S3: ends of attempts go into the log, and the status follows them.

use std::time::Duration;

use orch_core::policies::{Backoff, Move, after_attempt};
use orch_core::store::{Claim, EndedAttempt, Finalization, Finalized, Logged, StoreError};
use orch_core::words::{LogEntry, LogStatus, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::batch::Batch;
use crate::entry::Entry;
use crate::hook::{Hooks, Trouble};

type Answers<T> = Vec<Result<T, StoreError>>;

/// S3, first half.
pub(crate) async fn log(
    connection: &mut SqliteConnection,
    ended: &[&EndedAttempt],
    now: Timestamp,
) -> Result<Answers<Logged>, StoreError> {
    let mut batch = Batch::new(connection, now);
    batch.load(ended.iter().map(|e| (e.claim.op_id, Some(e.claim.fence)))).await?;
    let answers = ended.iter().map(|e| log_one(&mut batch, e)).collect();
    batch.flush().await?;
    Ok(answers)
}

/// S3 as a whole.
pub(crate) async fn settle(
    connection: &mut SqliteConnection,
    ended: &[&EndedAttempt],
    now: Timestamp,
) -> Result<Answers<Finalized>, StoreError> {
    let mut batch = Batch::new(connection, now);
    batch.load(ended.iter().map(|e| (e.claim.op_id, Some(e.claim.fence)))).await?;
    let answers = ended.iter().map(|e| settle_one(&mut batch, e)).collect();
    batch.flush().await?;
    Ok(answers)
}

/// S3, second half.
pub(crate) async fn finalize(
    connection: &mut SqliteConnection,
    items: &[&Finalization],
    now: Timestamp,
    hooks: &Hooks,
) -> Result<Answers<Finalized>, Trouble> {
    let mut batch = Batch::new(connection, now);
    batch.load(items.iter().map(|f| (f.claim.op_id, Some(f.claim.fence)))).await?;
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        match finalize_one(&mut batch, item, hooks).await {
            Err(Trouble::Store(StoreError::Corrupt { op_id, reason })) => {
                let parked = batch.park_logged(item.claim, &reason).await?;
                let corrupt = StoreError::Corrupt { op_id, reason };
                answers.push(if parked { Ok(Finalized::Parked) } else { Err(corrupt) });
            }
            answer => answers.push(Ok(answer?)),
        }
    }
    batch.flush().await?;
    Ok(answers)
}

fn log_one(batch: &mut Batch<'_>, ended: &EndedAttempt) -> Result<Logged, StoreError> {
    match place(batch, ended)? {
        Place::Held => {
            append(batch, ended, LogStatus::Pending)?;
            Ok(Logged::Logged)
        }
        Place::Logged(_) => Ok(Logged::Logged),
        Place::Stale => {
            keep_late(batch, ended)?;
            Ok(Logged::Stale)
        }
    }
}

fn settle_one(batch: &mut Batch<'_>, ended: &EndedAttempt) -> Result<Finalized, StoreError> {
    match place(batch, ended)? {
        Place::Held => {
            let entry = append(batch, ended, LogStatus::Completed)?;
            let next = next(batch, &entry)?;
            follow(batch, &entry, next)
        }
        Place::Logged(entry) => match pending(batch, &entry)? {
            true => {
                batch.complete(ended.claim);
                let next = next(batch, &entry)?;
                follow(batch, &entry, next)
            }
            false => stands(batch, ended.claim),
        },
        Place::Stale => {
            keep_late(batch, ended)?;
            Ok(Finalized::Stale)
        }
    }
}

async fn finalize_one(
    batch: &mut Batch<'_>,
    item: &Finalization,
    hooks: &Hooks,
) -> Result<Finalized, Trouble> {
    let claim = item.claim;
    let Some(entry) = batch.entry(claim)?.cloned() else { return Ok(Finalized::Stale) };
    if !pending(batch, &entry)? {
        return Ok(stands(batch, claim)?);
    }
    let next = next(batch, &entry)?;
    let ran = match (&next, &item.hook) {
        (Move::Finish(outcome), Some(hook)) => {
            let of = batch.envelope(claim.op_id).await?;
            hooks.run(batch.connection, hook, claim, outcome, &of).await?
        }
        _ => Ok(()),
    };
    if let Err(reason) = ran {
        let delay = Backoff::DEFAULT.delay(entry.finalize_failures + 1, fastrand::f64());
        let due_at = batch.now.plus(delay);
        batch.postpone(claim, due_at, &reason).await?;
        return Ok(Finalized::HookFailed { reason, due_at });
    }
    batch.complete(claim);
    Ok(follow(batch, &entry, next)?)
}

/// Where an end belongs.
enum Place {
    /// Its claim holds the lease: it counts.
    Held,
    /// Its claim has logged before: the first entry stands.
    Logged(Box<Entry>),
    /// Its claim is superseded, was given back, or is unknown.
    Stale,
}

fn place(batch: &Batch<'_>, ended: &EndedAttempt) -> Result<Place, StoreError> {
    let claim = ended.claim;
    let Some(row) = batch.row(claim.op_id)? else { return Ok(Place::Stale) };
    match batch.entry(claim)? {
        Some(entry) if entry.is_of_worker() => Ok(Place::Logged(Box::new(entry.clone()))),
        Some(_) => Ok(Place::Stale),
        None if row.is_held_by(claim.fence) => Ok(Place::Held),
        None => Ok(Place::Stale),
    }
}

/// True if the status has to follow this entry yet.
fn pending(batch: &Batch<'_>, entry: &Entry) -> Result<bool, StoreError> {
    let row = batch.row(entry.op_id)?;
    let under = row.is_some_and(|row| row.is_under(entry.log.fence));
    Ok(under && entry.log.status == LogStatus::Pending)
}

/// Logs an end under the lease that it ends.
fn append(
    batch: &mut Batch<'_>,
    ended: &EndedAttempt,
    status: LogStatus,
) -> Result<Entry, StoreError> {
    let now = batch.now;
    let row = batch.change(ended.claim.op_id)?;
    let log = LogEntry {
        fence: ended.claim.fence,
        attempt: row.attempt,
        worker: row.worker.clone(),
        source: ended.source,
        started_at: row.attempt_started_at,
        logged_at: now,
        end: ended.end.clone(),
        status,
        late: false,
        note: None,
        hook_error: None,
    };
    row.end_lease();
    let entry = Entry { op_id: ended.claim.op_id, log, delay: ended.delay, finalize_failures: 0 };
    batch.append(entry.clone());
    Ok(entry)
}

/// What the policies say. The delay counts from the end of the attempt, hence from its entry,
/// however late the Finalizer comes.
fn next(batch: &Batch<'_>, entry: &Entry) -> Result<Move, StoreError> {
    let row = batch.row(entry.op_id)?.ok_or_else(|| StoreError::fatal("the row is gone"))?;
    Ok(after_attempt(&entry.log.end, &row.facts(), entry.delay, entry.log.logged_at))
}

/// The status follows the entry.
fn follow(batch: &mut Batch<'_>, entry: &Entry, next: Move) -> Result<Finalized, StoreError> {
    let now = batch.now;
    let row = batch.change(entry.op_id)?;
    row.count(&entry.log);
    let finalized = row.carry(next, now)?;
    batch.bury_if_failed(entry.op_id, &finalized);
    Ok(finalized)
}

fn stands(batch: &Batch<'_>, claim: Claim) -> Result<Finalized, StoreError> {
    let output = batch.entry(claim)?.and_then(Entry::output);
    let row = batch.row(claim.op_id)?;
    Ok(row.map_or(Finalized::Stale, |row| row.stands(claim.fence, output)))
}

/// An answer is kept, though nothing follows from it; doubt is no answer.
fn keep_late(batch: &mut Batch<'_>, ended: &EndedAttempt) -> Result<(), StoreError> {
    let claim = ended.claim;
    let now = batch.now;
    let Some(row) = batch.row(claim.op_id)? else { return Ok(()) };
    if !ended.end.is_answer() || claim.fence > row.fence {
        return Ok(());
    }
    let lost = batch.entry(claim)?.map(|entry| entry.log.clone());
    let log = LogEntry {
        fence: claim.fence,
        attempt: lost.as_ref().map_or(row.attempt, |lost| lost.attempt),
        worker: lost.as_ref().and_then(|lost| lost.worker.clone()),
        source: ended.source,
        started_at: lost.and_then(|lost| lost.started_at),
        logged_at: now,
        end: ended.end.clone(),
        status: LogStatus::Completed,
        late: true,
        note: None,
        hook_error: None,
    };
    let delay = Duration::ZERO;
    batch.append_late(Entry { op_id: claim.op_id, log, delay, finalize_failures: 0 });
    Ok(())
}
