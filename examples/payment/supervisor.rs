use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use orch::internals::words::FinalOutcome;
use orch::prelude::*;
use orch::{HistoryEntry, Kind, ListParams, Listed, Operation, Orchestrator, Source, Status};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::charge::Charge;
use crate::check::{End, Stored, compare};
use crate::children::Process;
use crate::cli::Cli;
use crate::client::{Client, Orders, Promises};
use crate::faults::{Eyes, Faults, Fleet};
use crate::progress::{Live, Progress, Snapshot};
use crate::report::Report;
use crate::write_lock::WriteLock;
use crate::{gateway, ledger};

/// How often the store is asked what is still to be done.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A run in which nothing finishes for so long is given up.
const STANDSTILL: Duration = Duration::from_secs(60);
const LEDGER: &str = "ledger.jsonl";
const DRAIN: Duration = Duration::from_secs(20);

/// The whole run. Children die with this future, so Ctrl-C leaves none behind.
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
    let started_at = Instant::now();
    let folder = tempfile::Builder::new().prefix("orch-payment-").tempdir()?;
    let world = World::start(cli, folder).await?;
    let report = world.play(cli, started_at).await?;
    report.print(cli.json)?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All that runs.
struct World {
    folder: TempDir,
    runtime: Runtime,
    orders: Orders,
    fleet: Fleet,
    eyes: Eyes,
    write_lock: WriteLock,
    _gateway: Process,
}

impl World {
    /// Starts gateway, store and workers, in this order.
    async fn start(cli: &Cli, folder: TempDir) -> crate::Result<Self> {
        let ledger = folder.path().join(LEDGER).display().to_string();
        let db = match &cli.db {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", folder.path().join("payments.db").display()),
        };
        let seed = cli.seed.to_string();
        let mut gateway =
            Process::spawn(&["--role", "gateway", "--ledger", &ledger, "--seed", &seed])?;
        let url = gateway.announced(gateway::READY).await?;
        let runtime = Runtime::connect(&db).without_worker().start().await?;
        let write_lock = WriteLock::of(&db)?;
        let eyes = Eyes::new(&url);
        let spawn = move || Process::spawn(&["--role", "worker", "--db", &db, "--gateway", &url]);
        let workers = (0..cli.workers).map(|_| spawn()).collect::<crate::Result<_>>()?;
        let fleet = Fleet { workers, spawn: Box::new(spawn) };
        let orders = Orders::fresh(cli.charges);
        Ok(Self { folder, runtime, orders, fleet, eyes, write_lock, _gateway: gateway })
    }

    /// Sends charges amid faults until all operations have ended, lets the workers drain, and
    /// compares.
    async fn play(mut self, cli: &Cli, started_at: Instant) -> crate::Result<Report> {
        let live = Arc::new(Live::default());
        let (promises, finished) = self.until_finished(cli, &live).await?;
        let drained = drain(self.fleet.workers).await?;
        let stored = stored(self.runtime.orchestrator(), self.orders).await?;
        let entries = ledger::read(&self.folder.path().join(LEDGER))?;
        let report = Report {
            verdict: compare(&promises.operations, &stored, &entries),
            replayed: promises.replayed,
            as_sent: promises.are_as_sent(cli.charges, cli.repeats()),
            kills: live.kills.get(),
            kills_in_flight: live.kills_in_flight.get(),
            pauses: live.pauses.get(),
            overlaps: live.overlaps.get(),
            drained,
            finished,
            took: started_at.elapsed(),
        };
        if !report.holds() {
            eprintln!("the evidence is kept in {}", self.folder.keep().display());
        }
        Ok(report)
    }

    /// What the clients were told, and whether everything came to its end.
    async fn until_finished(
        &mut self,
        cli: &Cli,
        live: &Arc<Live>,
    ) -> crate::Result<(Promises, bool)> {
        let pace = Arc::new(Semaphore::new(0));
        let orchestrator = self.runtime.orchestrator();
        let client = Client {
            orchestrator: orchestrator.clone(),
            orders: self.orders,
            seed: cli.seed,
            repeats: cli.repeats(),
            pace: Arc::clone(&pace),
            live: Arc::clone(live),
        };
        let faults = Faults {
            kills: cli.kills,
            pauses: cli.pauses(),
            charges: cli.charges,
            seed: cli.seed,
            write_lock: self.write_lock.clone(),
            eyes: self.eyes.clone(),
            pace,
            live: Arc::clone(live),
        };
        let watch = Watch { orchestrator, orders: self.orders, eyes: &self.eyes };
        let progress = Progress::new(cli.charges + cli.repeats(), cli.charges);
        let (promises, (), finished) = tokio::try_join!(
            client.send_all(),
            faults.inject(&mut self.fleet),
            watch.until_finished(cli, live, progress),
        )?;
        Ok((promises, finished))
    }
}

/// SIGTERM for all. True if every worker finished what it had begun, and ended well.
async fn drain(workers: Vec<Process>) -> crate::Result<bool> {
    let mut drained = true;
    for worker in workers {
        drained &= worker.terminate(DRAIN).await?;
    }
    Ok(drained)
}

/// Looks at store and gateway while the run goes on.
struct Watch<'a> {
    orchestrator: &'a Orchestrator,
    orders: Orders,
    eyes: &'a Eyes,
}

impl Watch<'_> {
    /// True when every operation has ended; false when nothing has moved for too long.
    async fn until_finished(
        &self,
        cli: &Cli,
        live: &Live,
        mut progress: Progress,
    ) -> crate::Result<bool> {
        let mut moved_at = Instant::now();
        let mut last = 0;
        loop {
            let now = self.look(live).await?;
            progress.show(now);
            if now.finished + now.sent > last {
                (last, moved_at) = (now.finished + now.sent, Instant::now());
            }
            let everything_sent = now.sent == cli.charges + cli.repeats();
            let finished = everything_sent && now.finished == cli.charges;
            if finished || moved_at.elapsed() > STANDSTILL {
                progress.end();
                return Ok(finished);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self, live: &Live) -> crate::Result<Snapshot> {
        let mut finished = 0;
        for status in [Status::Completed, Status::Failed] {
            finished += list(self.orchestrator, self.orders, Some(status)).await?.len() as u64;
        }
        let inflight = self.eyes.look().await?;
        Ok(Snapshot {
            sent: live.sent.get(),
            finished,
            calls: inflight.calls,
            charges: inflight.charges,
            kills: live.kills.get(),
            pauses: live.pauses.get(),
        })
    }
}

/// This run's operations, with their commands.
async fn list(
    orchestrator: &Orchestrator,
    orders: Orders,
    status: Option<Status>,
) -> crate::Result<Vec<(Charge, Operation)>> {
    let mut params = ListParams::default().kind(Kind::new("PAYMENT", "CHARGE")?).limit(500);
    params.status = status;
    let mut all = Vec::new();
    loop {
        let page = orchestrator.list(params.clone()).await?;
        for item in page.items {
            let Listed::Operation(operation) = item else { continue };
            let command: Charge = operation.payload.decode()?;
            if orders.contains(command.order_id) {
                all.push((command, *operation));
            }
        }
        match page.next {
            Some(cursor) => params.after = Some(cursor),
            None => return Ok(all),
        }
    }
}

/// The store's side of the comparison.
async fn stored(orchestrator: &Orchestrator, orders: Orders) -> crate::Result<Vec<Stored>> {
    let mut stored = Vec::new();
    for (command, operation) in list(orchestrator, orders, None).await? {
        let history = orchestrator.history(operation.op_id).await?;
        stored.push(Stored {
            op_id: operation.op_id,
            order_id: command.order_id,
            amount: command.amount,
            end: end(&operation)?,
            retries: operation.retries.into(),
            lost_attempts: operation.lost_attempts.into(),
            late_answers: history.iter().filter(|entry| entry.late).count() as u64,
            stale_writes: stale_writes(&operation, &history),
        });
    }
    Ok(stored)
}

/// Ends that took effect under a fence that was no longer the operation's: a second end under
/// one fence, and a handler's last word under another fence than the operation's.
fn stale_writes(operation: &Operation, history: &[HistoryEntry]) -> u64 {
    let effective: Vec<_> = history.iter().filter(|entry| !entry.late).collect();
    let fences: HashSet<_> = effective.iter().map(|entry| entry.fence).collect();
    let last_is_old = effective
        .last()
        .is_some_and(|last| last.source == Source::Handler && last.fence != operation.fence);
    (effective.len() - fences.len()) as u64
        + u64::from(last_is_old && operation.status.is_terminal())
}

fn end(operation: &Operation) -> crate::Result<End> {
    Ok(match (operation.status, &operation.outcome) {
        (Status::Completed, Some(FinalOutcome::Ok(output))) => End::Completed(output.decode()?),
        (Status::Failed, Some(FinalOutcome::Failed(failure))) => {
            End::Failed { code: failure.code.clone(), uncertain: failure.uncertain }
        }
        (status, _) => End::Unfinished(status.to_string()),
    })
}
