use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_lab::plan::now_us;
use orch_lab::process::{Event, Role, Spawner, What, until_told};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::check::check;
use crate::cli::Cli;
use crate::crew::Crew;
use crate::evidence::Evidence;
use crate::faults::Faults;
use crate::order::Orders;
use crate::plan::Plan;
use crate::provider::READY;
use crate::recovery::Recovery;
use crate::report::Report;
use crate::scene::Scene;
use crate::world::{LEASE, TICK, World};

/// The whole run. It leaves nothing behind, also when it is told to end: the children die with
/// this process, the database with the runtime, and then the folder goes.
pub(crate) fn run(cli: &Cli, runtime: Runtime) -> crate::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("orch-chaos-").tempdir()?;
    let done = runtime.block_on(until_told(supervise(cli, folder.path())));
    drop(runtime);
    let holds = done?;
    if cli.keep || !holds {
        eprintln!("orch-chaos: the evidence is kept in {}", folder.keep().display());
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// True if all holds.
async fn supervise(cli: &Cli, folder: &Path) -> crate::Result<bool> {
    let began = Instant::now();
    let plan = Plan::new(cli.db, cli.operations, cli.kills, cli.rolls, cli.seed);
    let scene = Arc::new(Scene::set(cli.db, folder).await?);
    let world = World {
        folder: folder.to_owned(),
        backend: cli.db,
        orders: Orders { seed: cli.seed, rolling: cli.rolls > 0 },
        operations: cli.operations,
        duration: plan.duration,
        lanes: plan.lanes,
        url: scene.url(),
        starts_at: now_us(),
    };
    world.save()?;
    let (events, mut receiver) = unbounded_channel();
    let arguments = vec!["--world".into(), folder.display().to_string()];
    let spawner = Spawner { arguments, log: Some(world.log()), events };
    let _provider = spawner.spawn(Role::Provider, 0, &[])?;
    until_ready(&mut receiver).await?;
    let crew = Crew::start(spawner, plan.clone())?;
    let struck =
        Faults::new(plan.clone(), world.clone(), Arc::clone(&scene), crew, receiver).run().await?;

    let evidence = Evidence::collect(&world, &scene, &struck).await?;
    let mut verdict = check(world.orders, &evidence);
    if !struck.healed {
        verdict.found.breaks("I1", || "operations were left open when the run was given up".into());
    }
    if struck.overdue > LEASE + TICK * 2 {
        verdict.found.breaks("I7", || format!("a lease stayed expired for {:?}", struck.overdue));
    }
    let said = scene.integrity().await?;
    if said != "ok" {
        verdict.found.breaks("integrity_check", || said);
    }
    let recovery = Recovery::of(&struck, &evidence);
    let report = Report {
        plan,
        operations: cli.operations,
        verdict,
        struck,
        recovery,
        took: began.elapsed(),
    };
    report.print(cli.json);
    if cli.keep || !report.holds() {
        scene.keep(folder)?;
    }
    Ok(report.holds())
}

async fn until_ready(events: &mut UnboundedReceiver<Event>) -> crate::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(10);
    match tokio::time::timeout(PATIENCE, events.recv()).await {
        Ok(Some(Event { what: What::Said(line), .. })) if line == READY => Ok(()),
        other => Err(format!("the provider did not start: {other:?}").into()),
    }
}
