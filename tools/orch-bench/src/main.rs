//! orch-bench: measures orch on a database, beside what that database can do at all.
//!
//! | command | measures |
//! |---|---|
//! | `accept` | one `accept` per call from concurrent callers, each waiting for its commit |
//! | `drain` | a worker with a no-op handler, until all that was accepted is COMPLETED |
//! | `latency` | from just before accept to the handler's start, on an idle worker |
//! | `backlog` | the drain and the claim with more and more operations waiting |
//! | `limit` | the same database by plain SQL, without our code |
//! | `compare` | all of this beside the `orch-bench` of another commit, in pairs, with goals |
//! | `soak` | accept, run, end and purge at a constant rate, for as long as wished |
//! | `peer` | the protocol by which other queues are measured side by side with orch |
//!
//! docs/book/benchmarks.md says what each figure means and how to repeat it.

mod accept;
mod backlog;
mod compare;
mod database;
mod drain;
mod figures;
mod latency;
mod limit;
mod load;
mod meter;
mod noop;
mod peer;
mod process;
mod soak;
mod worker;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::database::Database;
use crate::figures::Figures;

/// What went wrong, for a person.
type Failed = Box<dyn Error + Send + Sync>;

/// Measures orch on a database, beside what that database can do at all.
#[derive(Debug, Parser)]
#[command(name = "orch-bench", version)]
struct Cli {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Measure {
    /// One accept per call from concurrent callers, each waiting for its commit
    Accept {
        #[command(flatten)]
        on: On,
        /// Operations to accept
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
        operations: u64,
        /// Callers at the same time
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..))]
        clients: u64,
    },
    /// One worker with a no-op handler, until all that was accepted beforehand is COMPLETED
    Drain {
        #[command(flatten)]
        on: On,
        /// Operations to accept beforehand
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
        operations: u64,
        /// Handlers that run at once; orch's default if not given
        #[arg(long)]
        slots: Option<usize>,
        /// Give up after so many seconds
        #[arg(long, default_value_t = 900)]
        cap_s: u64,
    },
    /// From just before accept to the handler's start, with one worker that has nothing else to do
    Latency {
        #[command(flatten)]
        on: On,
        /// Operations to measure, one after the other
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
        operations: u64,
        /// Milliseconds between two of them
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
        every_ms: u64,
    },
    /// The drain and the claim with more and more operations waiting, then with many completed
    Backlog {
        #[command(flatten)]
        on: On,
        /// Operations waiting, stage by stage
        #[arg(long, value_delimiter = ',', default_value = "20000,200000,1000000",
              value_parser = clap::value_parser!(u64).range(1..))]
        waiting: Vec<u64>,
        /// Operations that are COMPLETED, at least, before the last stage
        #[arg(long, default_value_t = 1_000_000)]
        completed: u64,
    },
    /// What the database can do by plain SQL, without our code
    Limit {
        #[command(flatten)]
        on: On,
        /// Connections that insert at the same time
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=100))]
        clients: u64,
        /// Seconds per measurement
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
        seconds: u64,
    },
    /// This program beside that of another commit, in pairs, and whether the goals are met
    Compare(compare::Compare),
    /// Accept, run, end and purge at a constant rate, and whether disk and latency stay as they are
    Soak(soak::Soak),
    /// The protocol of the side-by-side comparison; the database is named by PEER_URL
    #[command(subcommand)]
    Peer(peer::Peer),
    /// Accepts operations for a measurement in another process
    #[command(hide = true)]
    Fill {
        #[command(flatten)]
        on: On,
        #[arg(long)]
        operations: u64,
        #[arg(long)]
        run: u64,
        /// Bytes of each payload, if more than it needs
        #[arg(long, default_value_t = 0)]
        payload_bytes: usize,
    },
    /// A worker that is watched from another process
    #[command(hide = true)]
    Worker {
        #[command(flatten)]
        on: On,
        #[command(flatten)]
        worker: worker::Watched,
    },
}

#[derive(Debug, Args)]
struct On {
    /// The database: sqlite://FILE, postgres://… or memory:
    #[arg(long, value_name = "URL")]
    db: String,
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,sqlx=error".into()),
        )
        .init();
    match runtime().and_then(|runtime| runtime.block_on(measure(cli.measure))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orch-bench: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn measure(measure: Measure) -> Result<(), Failed> {
    let (json, figures) = match measure {
        Measure::Accept { on, operations, clients } => {
            (on.json, accept::measure(&on.database()?, operations, clients).await?)
        }
        Measure::Drain { on, operations, slots, cap_s } => {
            let cap = Duration::from_secs(cap_s);
            (on.json, drain::measure(&on.database()?, operations, slots, cap).await?)
        }
        Measure::Latency { on, operations, every_ms } => {
            let every = Duration::from_millis(every_ms);
            (on.json, latency::measure(&on.database()?, operations, every).await?)
        }
        Measure::Backlog { on, waiting, completed } => {
            (on.json, backlog::measure(&on.database()?, &waiting, completed).await?)
        }
        Measure::Limit { on, clients, seconds } => {
            let span = Duration::from_secs(seconds);
            (on.json, limit::measure(&on.database()?, clients, span).await?)
        }
        Measure::Peer(peer) => return peer.carry_out().await,
        Measure::Compare(compare) => return compare.carry_out().await,
        Measure::Soak(soak) => return soak.carry_out().await,
        Measure::Fill { on, operations, run, payload_bytes } => {
            return load::fill_here(&on.database()?, run, operations, payload_bytes).await;
        }
        Measure::Worker { on, worker } => return worker.carry_out(&on.database()?).await,
    };
    print(&figures, json);
    Ok(())
}

fn print(figures: &Figures, json: bool) {
    print!("{}", figures.table());
    if json {
        println!("{}", figures.json());
    }
}

impl On {
    fn database(&self) -> Result<Database, Failed> {
        Database::parse(&self.db)
    }
}

/// The error and what caused it, as one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_without_contradictions() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
