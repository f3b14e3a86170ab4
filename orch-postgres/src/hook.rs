//! Finalize hooks: a user's function inside the finalizing transaction.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use orch_core::policies::{Backoff, Move};
use orch_core::seams::{FinalizeHook, Finalized, Lease, StoreError};
use orch_core::words::{Settlement, storable};
use sqlx::postgres::PgConnection;

use crate::db::Db;
use crate::finalize::{LOAD, Pending, change, decode, load, pending};
use crate::lease::columns;
use crate::moves::{MOVE, encode, moved};
use crate::pool::{arguments, command, fetch};
use crate::row::{instant, to_uuid};
use crate::time::{At, as_millis};

pub(crate) const LOCK: &str = include_str!("../queries/lock.sql");
pub(crate) const POSTPONE: &str = include_str!("../queries/postpone.sql");

/// The longest that a finalize hook may take: it holds a connection and the lock of its
/// operation. After that it counts as failed.
pub const HOOK_LIMIT: Duration = Duration::from_secs(30);

/// How a transaction with a hook ended.
enum Ended {
    /// Committed, or there was nothing to do.
    Answered(Finalized),
    /// Rolled back: the hook failed for the (n + 1)th time.
    Failed { reason: String, failures: u32 },
}

/// Finalizes one claim with its hook. The row is locked before the hook runs, so it runs once
/// however many finalize at the same time.
pub(crate) async fn finalize(
    db: &Db,
    claim: Lease,
    hook: FinalizeHook,
) -> Result<Finalized, StoreError> {
    let (now, begin) = (db.now(), db.pool.target().begin_for_hook());
    let named = !db.pool.target().pooled;
    let ended = db
        .pool
        .with(move |connection| Box::pin(transaction(connection, claim, hook, now, begin, named)))
        .await?;
    match ended {
        Ended::Answered(answer) => Ok(answer),
        Ended::Failed { reason, failures } => postpone(db, claim, reason, failures).await,
    }
}

async fn transaction(
    connection: &mut PgConnection,
    claim: Lease,
    hook: FinalizeHook,
    now: Option<At>,
    begin: String,
    named: bool,
) -> Result<Ended, StoreError> {
    command(connection, begin).await?;
    fetch(connection, LOCK, arguments![to_uuid(claim.op_id)]?, named).await?;
    let (ids, fences) = columns([claim].iter());
    let rows = fetch(connection, LOAD, arguments![now, ids, fences]?, named).await?;
    let (now, rows) = decode(&rows)?;
    let (row, next) = match pending(claim, rows.get(&claim))? {
        Pending::Answered(answer) => {
            command(connection, "ROLLBACK").await?;
            return Ok(Ended::Answered(answer));
        }
        Pending::Move(row, next) => (row, next),
    };
    if let Move::Finish(settlement) = &next {
        if let Err(reason) = run(connection, hook, settlement).await? {
            command(connection, "ROLLBACK").await?;
            let failures = row.entry.as_ref().map_or(0, |entry| entry.failures);
            return Ok(Ended::Failed { reason, failures });
        }
    }
    let (_, change, to) = change(*row, next, claim, now);
    let done = moved(&fetch(connection, MOVE, encode(&[change], now)?, named).await?)?;
    if done.is_empty() {
        return Err(StoreError::transient("the operation moved although it was locked"));
    }
    command(connection, "COMMIT").await?;
    Ok(Ended::Answered(to))
}

/// The inner error is the hook's.
///
/// # Errors
/// [`StoreError::Transient`] if the hook left the connection in an unknown state: it is thrown
/// away, and with it all that the hook did.
async fn run(
    connection: &mut PgConnection,
    hook: FinalizeHook,
    settlement: &Settlement,
) -> Result<Result<(), String>, StoreError> {
    let running = AssertUnwindSafe((hook.run)(connection as &mut (dyn Any + Send), settlement));
    // The one place where database calls run under a timeout: when it strikes, the connection
    // is in the middle of something, and the ROLLBACK that follows waits for that to end.
    let ended = match tokio::time::timeout(HOOK_LIMIT, running.catch_unwind()).await {
        Ok(Ok(Ok(()))) => return still_in_transaction(connection).await,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(panic)) => format!("finalize hook panicked: {}", panic_text(&*panic)),
        Err(_) => format!("finalize hook ran for more than {HOOK_LIMIT:?}"),
    };
    Ok(Err(storable(&ended)))
}

/// A hook that ends the transaction itself has broken its promise: what it wrote may be
/// committed, and the operation's row is free. A hook whose failed statement it has swallowed
/// cannot commit either.
async fn still_in_transaction(
    connection: &mut PgConnection,
) -> Result<Result<(), String>, StoreError> {
    match command(connection, "SAVEPOINT orch_hook").await {
        Ok(()) => Ok(Ok(())),
        Err(error) => {
            let reason = "finalize hook left the transaction ended, or with a failed statement";
            tracing::error!(error = ?error, reason);
            Ok(Err(reason.to_owned()))
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

async fn postpone(
    db: &Db,
    claim: Lease,
    reason: String,
    failures: u32,
) -> Result<Finalized, StoreError> {
    let delay = Backoff::DEFAULT.delay(failures.saturating_add(1), fastrand::f64());
    let (op_id, fence) = (to_uuid(claim.op_id), claim.fence.get());
    let rows = db.fetch(POSTPONE, arguments![db.now(), op_id, fence, as_millis(delay)]).await?;
    let Some(row) = rows.first() else {
        // Somebody else's try has succeeded meanwhile.
        let (_, rows) = load(db, &[claim]).await?;
        return match pending(claim, rows.get(&claim))? {
            Pending::Answered(answer) => Ok(answer),
            Pending::Move(..) => Err(StoreError::transient("the entry is PENDING again")),
        };
    };
    match instant(row, "finalize_due_at").map_err(StoreError::fatal)? {
        Some(due_at) => Ok(Finalized::HookFailed { reason, due_at }),
        None => Err(StoreError::fatal("a PENDING entry without an instant")),
    }
}
