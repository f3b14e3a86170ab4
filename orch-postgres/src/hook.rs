//! Finalize hooks: a user's function inside the finalizing transaction.

use orch_core::machine::{Answer, Fact, step};
use orch_core::store::{Claim, FinalizeHook, Finalized, StoreError};
use orch_core::words::{Envelope, FinalOutcome, storable};
use sqlx::postgres::PgConnection;

use crate::apply::{apply, no_hook};
use crate::column::{column, to_uuid};
use crate::connect::HOOK_LIMIT;
use crate::db::Db;
use crate::lease::claim_columns;
use crate::load::{LOAD, Stored, decode};
use crate::pool::{Lent, arguments, command, fetch};
use crate::save::{Decided, SAVE, encode, saved};
use crate::time::At;

const LOCK: &str = include_str!("../queries/lock.sql");

/// How a transaction with a hook ended.
enum Ended {
    /// Committed, or there was nothing to do.
    Answered(Finalized),
    /// Rolled back: the hook failed.
    Failed { reason: String },
    /// The same, but the server may still be at work on this connection.
    Overran { server_process: i32 },
}

/// Finalizes one claim with its hook. The row is locked before the hook runs, so it runs once
/// however many finalize at the same time.
pub(crate) async fn finalize(
    db: &Db,
    claim: Claim,
    hook: FinalizeHook,
) -> Result<Finalized, StoreError> {
    let (now, begin) = (db.now(), db.pool.target().begin_for_hook());
    let named = !db.pool.target().pooled;
    let work = move |mut connection| -> Lent<Ended> {
        Box::pin(async move {
            let ended = transaction(&mut connection, claim, hook, now, begin, named).await?;
            // What made the hook fail may be the connection's: a plan of a table that has changed.
            let sound = matches!(ended, Ended::Answered(_));
            Ok((ended, sound.then_some(connection)))
        })
    };
    match db.pool.lend(Some(db.pool.target().answer_timeout), work).await? {
        Ended::Answered(answer) => Ok(answer),
        Ended::Failed { reason } => {
            db.pool.close_idle();
            postpone(db, claim, reason).await
        }
        Ended::Overran { server_process } => {
            db.fetch("SELECT pg_terminate_backend($1)", arguments![server_process]).await?;
            let reason = format!("finalize hook ran for more than {HOOK_LIMIT:?}");
            postpone(db, claim, reason).await
        }
    }
}

async fn transaction(
    connection: &mut PgConnection,
    claim: Claim,
    hook: FinalizeHook,
    now: Option<At>,
    begin: String,
    named: bool,
) -> Result<Ended, StoreError> {
    command(connection, begin).await?;
    let locked = fetch(connection, LOCK, arguments![to_uuid(claim.op_id)]?, named).await?;
    let (ids, fences) = claim_columns([&claim]);
    let rows = fetch(connection, LOAD, arguments![now, ids, fences]?, named).await?;
    let (now, mut loaded) = decode(&rows)?;
    let Some(stored) = loaded.remove(&claim) else {
        command(connection, "ROLLBACK").await?;
        return Ok(Ended::Answered(Finalized::Stale));
    };
    let stored = stored?;
    let entry = stored.entry(claim)?;
    let Stored { row: before, request, .. } = stored;
    let finalized = Fact::Finalized { fence: claim.fence, logged: entry.as_ref(), has_hook: true };
    let decided = Decided { step: step(&before, finalized, now), before };
    if !decided.depends_on_row() {
        command(connection, "ROLLBACK").await?;
        return Ok(Ended::Answered(decided.step.answer.finalized()));
    }
    if let Some(outcome) = decided.step.finishes(&decided.before) {
        match run(connection, hook, outcome, &decided.before.envelope(request)).await {
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                command(connection, "ROLLBACK").await?;
                return Ok(Ended::Failed { reason });
            }
            None => {
                let process = locked.first().map(|row| column(row, "server_process"));
                let process = process.ok_or_else(|| StoreError::fatal("the row is not locked"))?;
                let server_process = process.map_err(StoreError::fatal)?;
                return Ok(Ended::Overran { server_process });
            }
        }
    }
    let save = encode(std::slice::from_ref(&decided))?;
    if saved(&fetch(connection, SAVE, save, named).await?)?.is_empty() {
        return Err(StoreError::transient("the operation moved although it was locked"));
    }
    command(connection, "COMMIT").await?;
    Ok(Ended::Answered(decided.step.answer.finalized()))
}

/// The one place where database calls run under a timeout: when it strikes, the connection is
/// in the middle of something and must not be used again.
async fn run(
    connection: &mut PgConnection,
    hook: FinalizeHook,
    outcome: &FinalOutcome,
    of: &Envelope,
) -> Option<Result<(), String>> {
    match hook.run_within(HOOK_LIMIT, connection, outcome, of).await {
        Some(Ok(())) => Some(still_in_transaction(connection).await),
        ended => ended,
    }
}

/// A hook that ends the transaction itself has broken its promise: what it wrote may be
/// committed, and the operation's row is free. A hook whose failed statement it has swallowed
/// cannot commit either.
async fn still_in_transaction(connection: &mut PgConnection) -> Result<(), String> {
    if let Err(error) = command(connection, "SAVEPOINT orch_hook").await {
        let reason = "finalize hook left the transaction ended, or with a failed statement";
        tracing::error!(error = ?error, reason);
        return Err(reason.to_owned());
    }
    // What is deferred would fail at the commit, when it is too late to tell whose fault it is.
    let checked = command(connection, "SET CONSTRAINTS ALL IMMEDIATE").await;
    checked.map_err(|error| storable(&format!("finalize hook failed at its commit: {error}")))
}

/// The next run is delayed, unless another session's has succeeded meanwhile.
async fn postpone(db: &Db, claim: Claim, reason: String) -> Result<Finalized, StoreError> {
    let (error, jitter) = (storable(&reason), fastrand::f64());
    let answers = apply(db, vec![(claim, &error)], no_hook, |error, logged| Fact::HookFailed {
        fence: claim.fence,
        logged,
        error,
        jitter,
    });
    let answer = answers.await?.remove(&claim);
    Ok(answer.map_or(Finalized::Stale, Answer::finalized))
}
