use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::check::check;
use crate::cli::{Cli, Role};
use crate::evidence::Evidence;
use crate::faults::Faults;
use crate::fleet::Fleet;
use crate::plan::Plan;
use crate::process::{Event, Spawner, What};
use crate::provider::READY;
use crate::recovery::Recovery;
use crate::report::Report;
use crate::scene::Scene;
use crate::world::{LEASE, TICK, World, now_us};

/// The whole run. Children die with this process, so Ctrl-C leaves none behind.
pub(crate) async fn run(cli: &Cli) -> crate::Result<ExitCode> {
    tokio::select! {
        done = supervise(cli) => done,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            Err("interrupted".into())
        }
    }
}

async fn supervise(cli: &Cli) -> crate::Result<ExitCode> {
    let began = Instant::now();
    let plan = Plan::new(cli.db, cli.operations, cli.kills, cli.seed);
    let folder = tempfile::Builder::new().prefix("orch-chaos-").tempdir()?;
    let scene = Arc::new(Scene::set(cli.db, folder.path()).await?);
    let world = World {
        folder: folder.path().to_owned(),
        backend: cli.db,
        seed: cli.seed,
        operations: cli.operations,
        duration: plan.duration,
        lanes: plan.lanes,
        url: scene.url(),
        starts_at: now_us(),
    };
    world.save()?;
    let (events, mut receiver) = unbounded_channel();
    let spawner = Spawner { world: world.clone(), events };
    let _provider = spawner.spawn(Role::Provider, 0, None)?;
    until_ready(&mut receiver).await?;
    let fleet = Fleet::start(spawner, plan.clone())?;
    let struck = Faults::new(plan.clone(), Arc::clone(&scene), fleet, receiver).run().await?;

    let evidence = Evidence::collect(&world, &scene).await?;
    let mut verdict = check(cli.seed, &evidence);
    if !struck.healed {
        verdict.breaks("I1", || "operations were left open when the run was given up".into());
    }
    if struck.overdue > LEASE + TICK * 2 {
        verdict.breaks("I7", || format!("a lease stayed expired for {:?}", struck.overdue));
    }
    if let Scene::Sqlite(sqlite) = &*scene {
        let said = sqlite.integrity().await?;
        if said != "ok" {
            verdict.breaks("integrity_check", || said);
        }
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
        scene.keep(folder.path())?;
        eprintln!("orch-chaos: the evidence is kept in {}", folder.keep().display());
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn until_ready(events: &mut UnboundedReceiver<Event>) -> crate::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(10);
    match tokio::time::timeout(PATIENCE, events.recv()).await {
        Ok(Some(Event { what: What::Said(line), .. })) if line == READY => Ok(()),
        other => Err(format!("the provider did not start: {other:?}").into()),
    }
}
