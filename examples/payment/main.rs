//! The whole path: charges against a flaky payment gateway, through processes that are killed.
//!
//! ```text
//!  shop ──accept──► SQLite file ◄──claim, settle── worker ×4 ──HTTP──► gateway
//!    │                  │                        (SIGKILL, SIGSTOP)       │
//!    └──── compares ────┴──────────────────────────────────────────── ledger file
//! ```
//!
//! What an application writes is all here: [`charge`] is the command, its errors and its handler,
//! [`worker`] the process that runs it, and [`accept`] takes a request. The gateway, the faults
//! and the comparison are `orch_lab::shop`.

mod charge;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use orch::Orchestrator;
use orch::prelude::*;
use orch_lab::shop::{self, Cli, Told};
use orch_lab::{Result, process};

use charge::Charge;

#[tokio::main]
async fn main() -> ExitCode {
    let done = shop::play(Cli::parse(), worker::run, async |shop| {
        let runtime = Runtime::connect(shop.db()).without_worker().start().await?;
        let orchestrator = runtime.orchestrator();
        shop.run(|order_id, amount| accept(orchestrator, order_id, amount)).await
    });
    process::exit("payment", done.await)
}

/// One request of the shop's: accepted once, however often it comes.
async fn accept(orchestrator: &Orchestrator, order_id: u64, amount: u64) -> Result<Told> {
    let accepted = orchestrator
        .accept(Charge { order_id, amount, currency: "KRW".into() })
        .idem_key(format!("checkout-{order_id}"))?
        .time_budget(Duration::from_secs(180))
        .await?;
    let replayed = accepted.disposition == Disposition::Replayed;
    Ok(Told { order_id, op_id: accepted.op_id.to_string(), replayed })
}
