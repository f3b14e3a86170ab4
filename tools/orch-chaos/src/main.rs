//! orch-chaos: kills, pauses and cuts off orch's workers by the thousand, and checks what they
//! leave behind.
//!
//! ```text
//!               plan (seed)
//!                  │
//!  supervisor: faults ──SIGKILL, SIGSTOP──► workers ──calls──► provider ──► ledger (fsynced)
//!                  ├────SIGKILL───────────► clients ──► what they were told
//!                  ├────SIGKILL───────────► receivers ◄──messages── provider
//!                  ├────cuts, swallows────► proxy ──► Postgres ◄─ terminate, restart
//!                  └────full, broken──────► disk of SQLite
//!                heal ─► check: ledger, store and what was told, against I1–I11 ─► report
//! ```
//!
//! In the order in which the data flows:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`], [`world`] | flags; what all processes of a run know |
//! | [`order`], [`plan`] | what is ordered, and the faults: both decided by the seed |
//! | [`provider`] | somebody else's API: a process that is never killed and knows nothing of orch |
//! | [`handlers`], [`hooks`] | what an application writes |
//! | [`contracts`] | the same for a provider of each kind of `Repeat` |
//! | [`release`] | the same in two releases, for a run in which a deploy rolls |
//! | [`worker`], [`fate`], [`crashing`] | the process that is killed, and where it dies |
//! | [`message`] | what the provider tells by itself, and the process that records it |
//! | [`client`] | sends the orders, some twice, some changed |
//! | [`scene`], [`database`], [`disk`], [`proxy`], [`wire`] | server, disk, network |
//! | [`supervisor`], [`crew`], [`faults`] | starts all, carries the plan out, heals |
//! | [`audit`], [`evidence`], [`check`], [`recovery`] | the independent checker: no code of the engine's |
//! | [`report`] | figures, minima, verdict |
//! | [`topology`] | other runs: a primary that is killed and its standby promoted, restores, copies |
//!
//! Ledger, processes, the store by plain SQL and the rules that need neither trigger nor seed are
//! [`orch_lab`]'s.

mod audit;
mod check;
mod cli;
mod client;
mod contracts;
mod crashing;
mod crew;
mod database;
mod disk;
mod evidence;
mod fate;
mod faults;
mod handlers;
mod hooks;
mod message;
mod order;
mod plan;
mod provider;
mod proxy;
mod recovery;
mod release;
mod report;
mod scene;
mod supervisor;
mod topology;
mod wire;
mod worker;
mod world;

use std::process::ExitCode;

use clap::Parser;
use orch_lab::process::{Role, end_with_the_supervisor, exit};
use tokio::runtime::{Builder, Runtime};

use cli::Cli;
use message::receiver;
use world::World;

use orch_lab::Result;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let threads = if cli.part.role == Role::Supervisor { 2 } else { 1 };
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    exit("orch-chaos", runtime.map_err(Into::into).and_then(|runtime| play(&cli, runtime)))
}

fn play(cli: &Cli, runtime: Runtime) -> Result<ExitCode> {
    if let Some(scenarios) = &cli.topology {
        return topology::play(cli, scenarios, runtime);
    }
    if cli.part.role == Role::Supervisor {
        cli.validate()?;
        return supervisor::run(cli, runtime);
    }
    end_with_the_supervisor();
    let folder = cli.world.as_deref().ok_or("this role needs --world")?;
    let world = World::load(folder)?;
    match cli.part.role {
        Role::Supervisor => {}
        Role::Provider => {
            runtime.block_on(provider::serve(&world, provider::Seeded(world.orders)))?
        }
        Role::Worker => {
            let fate = cli.fate;
            runtime.block_on(worker::run(&world, cli.part.number, fate, cli.release))?
        }
        Role::Client => runtime.block_on(client::run(&world, cli.part.number))?,
        Role::Receiver => runtime.block_on(receiver::run(&world, cli.part.number))?,
    }
    Ok(ExitCode::SUCCESS)
}
