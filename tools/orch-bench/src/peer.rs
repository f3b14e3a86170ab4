//! The protocol by which job queues are measured side by side, as their driver calls them: each
//! step in a process of its own, the database in `PEER_URL`, one JSON object as the last line.

use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;
use crate::load::{accept_all, accept_one};
use crate::{drain, latency, process};

/// Callers that enqueue at the same time.
const CALLERS: u64 = 16;
/// Slots of a tuned worker: as many rows as the batches of other tuned queues.
const TUNED_SLOTS: usize = 1000;
/// The first bytes of every idempotency key: each step meets a fresh database.
const RUN: u64 = 0;
/// How long runs that should not be may take to show.
const LATE: Duration = Duration::from_millis(300);

/// One step of the comparison.
#[derive(Debug, Subcommand)]
pub(crate) enum Peer {
    /// Creates the schema
    Setup,
    /// N operations by 16 concurrent callers, one call each
    Enqueue {
        /// How many
        n: u64,
    },
    /// N operations, SIZE calls at the same time
    Batch {
        /// How many
        n: u64,
        /// At a time
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        size: u64,
    },
    /// One worker, until nothing is pending or CAP seconds
    Drain {
        /// How many there are
        n: u64,
        /// How the worker is set
        mode: Mode,
        /// Seconds after which to stop
        cap: u64,
    },
    /// Worker and producer in one process, one operation every GAP_MS
    Latency {
        /// How many
        n: u64,
        /// Milliseconds between two
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        gap_ms: u64,
    },
}

/// How a worker is set.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// More slots
    Tuned,
    /// As it comes
    Default,
}

impl Peer {
    /// Carries the step out and prints its object.
    ///
    /// # Errors
    /// The database's, or orch's.
    pub(crate) async fn carry_out(self) -> Result<(), Failed> {
        let url = std::env::var("PEER_URL").map_err(|_| "PEER_URL does not name the database")?;
        let database = Database::parse(&url)?;
        let object = match self {
            Self::Setup => {
                database.migrate().await?;
                json!({})
            }
            Self::Enqueue { n } => enqueue(&database, n).await?,
            Self::Batch { n, size } => batch(&database, n, size).await?,
            Self::Drain { n, mode, cap } => drain_all(&database, n, mode, cap).await?,
            Self::Latency { n, gap_ms } => {
                let every = Duration::from_millis(gap_ms);
                let latencies = latency::latencies(&database, n, every).await?;
                let got = latencies.len();
                let figures = Figures::default().with_percentiles("", latencies);
                let figure = |name| figures.number(name);
                json!({ "got": got, "p50": figure("p50_ms"), "p95": figure("p95_ms"),
                        "p99": figure("p99_ms") })
            }
        };
        println!("{object}");
        Ok(())
    }
}

async fn enqueue(database: &Database, n: u64) -> Result<Value, Failed> {
    let runtime = database.runtime().without_worker().start().await?;
    let accepting = accept_all(runtime.orchestrator(), RUN, n, CALLERS).await?;
    Ok(json!({ "secs": accepting.took.as_secs_f64() }))
}

/// orch has no batch call: it gathers whatever is accepted at the same time.
async fn batch(database: &Database, n: u64, size: u64) -> Result<Value, Failed> {
    let runtime = database.runtime().without_worker().start().await?;
    let started = Instant::now();
    for first in (0..n).step_by(usize::try_from(size)?) {
        let mut calls = JoinSet::new();
        for id in first..(first + size).min(n) {
            let orchestrator = runtime.orchestrator().clone();
            calls.spawn(async move { accept_one(&orchestrator, RUN, id).await });
        }
        while let Some(called) = calls.join_next().await {
            called??;
        }
    }
    Ok(json!({ "supported": true, "secs": started.elapsed().as_secs_f64() }))
}

async fn drain_all(database: &Database, n: u64, mode: Mode, cap: u64) -> Result<Value, Failed> {
    let slots = match mode {
        Mode::Tuned => Some(TUNED_SLOTS),
        Mode::Default => None,
    };
    let cap = Duration::from_secs(cap);
    let drain = drain::drain(database, n, drain::config(slots), cap).await?;
    let (memory, cpu) = (process::peak_memory_kb(), process::cpu_seconds());
    if !drain.capped {
        database.verify_all_finished().await?;
    }
    tokio::time::sleep(LATE).await;
    Ok(json!({
        "secs": drain.took.as_secs_f64(),
        "handled_secs": drain.handled.as_secs_f64(),
        "hits": drain.tally.runs(),
        "dups": drain.tally.repeated(),
        "distinct": drain.tally.distinct(),
        "capped": drain.capped,
        "rss_kb": memory,
        "cpu": cpu,
    }))
}
