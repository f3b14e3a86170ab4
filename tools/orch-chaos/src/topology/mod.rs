//! Runs in which the database goes back or is there twice: a primary is killed and its standby
//! promoted, a back-up restored, a copy put beside the live system.
//!
//! ```text
//!   clients ──accept──► primary ──stream──► standby        SIGKILL for the primary, promote,
//!      │                   ▲                               a new standby; again
//!      │                workers ──calls──► provider ──► ledger (fsynced)
//!      └─ what was told ──────────────► judge ◄──────────────┘
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`scenario`] | which runs there are, and what each may not do |
//! | [`server`], [`pair`], [`pooler`] | the database |
//! | [`orders`], [`handlers`], [`client`], [`worker`], [`control`] | the load |
//! | [`crew`] | the processes |
//! | [`failover`], [`twice`], [`restore`] | what happens |
//! | [`operator`] | what an operator says after it |
//! | [`judge`], [`report`] | what came of it |

mod client;
mod control;
mod crew;
mod failover;
mod handlers;
mod judge;
mod operator;
mod orders;
mod pair;
mod pooler;
mod report;
mod restore;
mod scenario;
mod server;
mod twice;
mod worker;

use std::process::ExitCode;

use orch_lab::process::{Role, end_with_the_supervisor, until_told};
use tokio::runtime::Runtime;

use crate::cli::Cli;
use crate::provider;
use crate::world::World;
use handlers::Reliable;
use report::Report;

pub(crate) use scenario::{Flaw, Scenario};

/// Plays the part that this process has.
pub(crate) fn play(cli: &Cli, scenarios: &[Scenario], runtime: Runtime) -> crate::Result<ExitCode> {
    if cli.part.role == Role::Supervisor {
        return supervise(cli, scenarios, runtime);
    }
    end_with_the_supervisor();
    let folder = cli.world.as_deref().ok_or("this role needs --world")?;
    let scenario = scenarios.first().ok_or("this role needs a scenario")?;
    let (world, orders) = (World::load(folder)?, scenario.orders(cli.seed));
    let (number, url) = (cli.part.number, cli.url.as_deref().unwrap_or(&world.url));
    match cli.part.role {
        Role::Supervisor | Role::Receiver => {}
        Role::Provider => {
            let ignores_keys = cli.flaw == Some(Flaw::IgnoredKeys);
            runtime.block_on(provider::serve(&world, Reliable { orders, ignores_keys }))?;
        }
        Role::Worker => runtime.block_on(worker::run(&world, number, url))?,
        Role::Client => runtime.block_on(client::run(&world, number, url, orders))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One run after the other. Each leaves nothing behind, unless it fails.
fn supervise(cli: &Cli, scenarios: &[Scenario], runtime: Runtime) -> crate::Result<ExitCode> {
    let all = Scenario::all();
    let scenarios = if scenarios.is_empty() { &all } else { scenarios };
    scenario::validate(cli, scenarios)?;
    let mut holds = true;
    Report::print_head();
    for scenario in scenarios {
        let folder = tempfile::Builder::new().prefix("orch-topology-").tempdir()?;
        let run = runtime.block_on(until_told(scenario.run(cli, folder.path())));
        let failed = run.as_ref().map_or(true, |report| !report.holds());
        if cli.keep || failed {
            eprintln!("orch-chaos: the evidence is kept in {}", folder.keep().display());
        }
        run?.print(cli.json);
        holds &= !failed;
    }
    drop(runtime);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
