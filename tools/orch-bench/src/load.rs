//! Accepting many operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use orch::{Disposition, Orchestrator};
use tokio::task::JoinSet;

use crate::Failed;
use crate::database::Database;
use crate::noop::Noop;

/// Callers that fill a database before a measurement.
const FILLERS: u64 = 1000;
/// Enough for a backlog of a million to be drained; orch's default is five minutes.
const TIME_BUDGET: Duration = Duration::from_secs(24 * 60 * 60);

/// What accepting took.
#[derive(Debug)]
pub(crate) struct Accepting {
    /// From the first call to the last answer.
    pub took: Duration,
    /// Each call, in milliseconds.
    pub calls_ms: Vec<f64>,
}

/// A number that tells this run's idempotency keys from those of earlier ones.
pub(crate) fn new_run() -> u64 {
    u64::from(std::process::id()) << 32 | u64::from(orch_random())
}

fn orch_random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
    let random = RandomState::new().hash_one(()) as u32;
    random
}

/// Accepts one operation.
///
/// # Errors
/// orch's; also if the key was used before: then the database is not fresh.
pub(crate) async fn accept_one(
    orchestrator: &Orchestrator,
    run: u64,
    id: u64,
) -> Result<(), Failed> {
    accept_command(orchestrator, run, Noop::of(id, 0)).await
}

/// Accepts one operation of any payload.
///
/// # Errors
/// As [`accept_one`].
pub(crate) async fn accept_command(
    orchestrator: &Orchestrator,
    run: u64,
    command: Noop,
) -> Result<(), Failed> {
    let id = command.id;
    let key = format!("{run:x}-{id}");
    let accept = orchestrator.accept(command).idem_key(key)?.time_budget(TIME_BUDGET);
    if accept.await?.disposition == Disposition::Created {
        Ok(())
    } else {
        Err(format!("operation {id} was accepted before").into())
    }
}

/// Accepts operations 0 to `operations` - 1 from `clients` concurrent callers, one call each.
///
/// # Errors
/// The first that a caller meets.
pub(crate) async fn accept_all(
    orchestrator: &Orchestrator,
    run: u64,
    operations: u64,
    clients: u64,
) -> Result<Accepting, Failed> {
    accept_sized(orchestrator, run, operations, clients, 0).await
}

async fn accept_sized(
    orchestrator: &Orchestrator,
    run: u64,
    operations: u64,
    clients: u64,
    payload_bytes: usize,
) -> Result<Accepting, Failed> {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..clients {
        let (orchestrator, next) = (orchestrator.clone(), Arc::clone(&next));
        callers.spawn(caller(orchestrator, run, operations, payload_bytes, next));
    }
    let mut calls_ms = Vec::new();
    while let Some(called) = callers.join_next().await {
        calls_ms.extend(called??);
    }
    Ok(Accepting { took: started.elapsed(), calls_ms })
}

async fn caller(
    orchestrator: Orchestrator,
    run: u64,
    operations: u64,
    payload_bytes: usize,
    next: Arc<AtomicU64>,
) -> Result<Vec<f64>, Failed> {
    let mut calls_ms = Vec::new();
    loop {
        let id = next.fetch_add(1, SeqCst);
        if id >= operations {
            return Ok(calls_ms);
        }
        let called = Instant::now();
        accept_command(&orchestrator, run, Noop::of(id, payload_bytes)).await?;
        calls_ms.push(called.elapsed().as_secs_f64() * 1e3);
    }
}

/// Accepts operations for a measurement that follows; in a process of its own where that is
/// possible, so that its memory is not taken for the worker's.
///
/// # Errors
/// orch's, or the other process's.
pub(crate) async fn fill(database: &Database, operations: u64) -> Result<(), Failed> {
    let run = new_run();
    let Some(url) = database.shared_url() else {
        return fill_here(database, run, operations, 0).await;
    };
    let mut process = std::process::Command::new(std::env::current_exe()?);
    process.args(["fill", "--db", url]);
    process.args(["--operations", &operations.to_string(), "--run", &run.to_string()]);
    // Its errors go to our standard error.
    let ended = tokio::task::spawn_blocking(move || process.status()).await??;
    if ended.success() { Ok(()) } else { Err("filling the database failed".into()) }
}

/// [`fill`] in this process.
///
/// # Errors
/// orch's.
pub(crate) async fn fill_here(
    database: &Database,
    run: u64,
    operations: u64,
    payload_bytes: usize,
) -> Result<(), Failed> {
    let runtime = database.runtime().without_worker().start().await?;
    accept_sized(runtime.orchestrator(), run, operations, FILLERS, payload_bytes).await?;
    Ok(())
}
