//! The whole path: charges against a flaky payment gateway, through processes that are killed.
//!
//! ```text
//!  supervisor ──accept──► SQLite file ◄──claim, settle── worker ×4 ──HTTP──► gateway
//!      │                      │                        (SIGKILL, SIGSTOP)       │
//!      └──────── compares ────┴──────────────────────────────────────────── ledger file
//! ```
//!
//! Read first what an application writes: [`charge`]. Then, in this order:
//!
//! | module | what it is |
//! |---|---|
//! | [`worker`] | the process that runs the handler |
//! | [`client`] | sends the charges, some of them twice |
//! | [`gateway`], [`behaviour`], [`ledger`] | the provider: a process of its own that knows nothing of orch |
//! | [`supervisor`], [`children`], [`faults`], [`write_lock`] | starts the processes, kills and pauses them |
//! | [`check`] | compares the ledger with the store |
//! | [`cli`], [`progress`], [`report`] | flags, live progress, the table |
#![allow(clippy::disallowed_methods, reason = "it paces and measures by the time of its process")]

mod behaviour;
mod charge;
mod check;
mod children;
mod cli;
mod client;
mod faults;
mod gateway;
mod ledger;
mod progress;
mod report;
mod supervisor;
mod worker;
mod write_lock;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Role};

/// Any error ends the run with a message.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match play(&cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("payment: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}

async fn play(cli: &Cli) -> Result<ExitCode> {
    match cli.role {
        Role::Supervisor => {
            cli.validate()?;
            return supervisor::run(cli).await;
        }
        Role::Gateway => {
            children::end_with_the_supervisor();
            let ledger = cli.ledger.as_deref().ok_or("role gateway needs --ledger")?;
            gateway::serve(cli.seed, ledger).await?;
        }
        Role::Worker => {
            children::end_with_the_supervisor();
            let db = cli.db.as_deref().ok_or("role worker needs --db")?;
            let gateway = cli.gateway.as_deref().ok_or("role worker needs --gateway")?;
            worker::run(db, gateway).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
