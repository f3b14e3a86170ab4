use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use orch::internals::store::open;
use orch_lab::ledger;
use orch_lab::plan::{dice, now_us};
use orch_lab::process::{Event, Process, Role, Spawner, What, word};
use orch_lab::store::{Backend, Store};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::client::{Told, repeated};
use super::control::Control;
use super::judge::Evidence;
use super::scenario::{Flaw, Scenario};
use crate::cli::Cli;
use crate::order::Orders;
use crate::provider::READY;
use crate::world::World;

/// Client processes.
const LANES: u32 = 2;
/// How often processes and files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long clients may take to be answered, and workers to finish.
const PATIENCE: Duration = Duration::from_secs(120);

/// The processes of a run: provider, workers, clients.
pub(crate) struct Crew {
    pub(crate) scenario: Scenario,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) folder: PathBuf,
    pub(crate) operations: u64,
    pub(crate) dice: fastrand::Rng,
    seed: u64,
    duration: Duration,
    control: Control,
    spawner: Spawner,
    events: UnboundedReceiver<Event>,
    provider: Option<Process>,
    workers: BTreeMap<u32, Process>,
    started: u32,
    clients: BTreeMap<u32, Process>,
}

impl Crew {
    /// Nobody yet.
    pub(crate) fn new(scenario: Scenario, cli: &Cli, folder: &Path) -> Self {
        let (sender, events) = unbounded_channel();
        let mut arguments = vec!["--topology".to_owned(), word(&scenario)];
        arguments.extend(["--world".into(), folder.display().to_string()]);
        arguments.extend(["--seed".into(), cli.seed.to_string()]);
        if let Some(flaw) = cli.flaw {
            arguments.extend(["--flaw".into(), word(&flaw)]);
        }
        Self {
            scenario,
            flaw: cli.flaw,
            folder: folder.to_owned(),
            operations: scenario.operations(cli),
            dice: dice(&[cli.seed, 9]),
            seed: cli.seed,
            duration: scenario.duration(cli),
            control: Control::default(),
            spawner: Spawner { arguments, log: Some(folder.join("processes.log")), events: sender },
            events,
            provider: None,
            workers: BTreeMap::new(),
            started: 0,
            clients: BTreeMap::new(),
        }
    }

    /// Makes the schema, and starts the provider; workers and clients that are not told otherwise
    /// will use this URL.
    pub(crate) async fn open(&mut self, url: &str) -> crate::Result<()> {
        drop(open(url).await?);
        let world = World {
            folder: self.folder.clone(),
            backend: Backend::Postgres,
            orders: Orders { seed: self.seed, rolling: false },
            operations: self.operations,
            duration: self.duration,
            lanes: LANES,
            url: url.to_owned(),
            starts_at: now_us(),
        };
        world.save()?;
        self.control.write(&self.folder)?;
        self.provider = Some(self.spawner.spawn(Role::Provider, 0, &[])?);
        match tokio::time::timeout(PATIENCE, self.events.recv()).await {
            Ok(Some(Event { what: What::Said(line), .. })) if line == READY => Ok(()),
            other => Err(format!("the provider did not start: {other:?}").into()),
        }
    }

    /// Starts so many workers. Their numbers.
    pub(crate) fn add_workers(&mut self, count: u32, url: &str) -> crate::Result<Vec<u32>> {
        let numbers: Vec<u32> = (self.started + 1..=self.started + count).collect();
        for number in &numbers {
            let more = ["--url".to_owned(), url.to_owned()];
            self.workers.insert(*number, self.spawner.spawn(Role::Worker, *number, &more)?);
        }
        self.started += count;
        Ok(numbers)
    }

    /// Starts the clients of these lanes.
    pub(crate) fn add_clients(
        &mut self,
        lanes: impl IntoIterator<Item = u32>,
        url: &str,
    ) -> crate::Result<()> {
        for lane in lanes {
            let more = ["--url".to_owned(), url.to_owned()];
            self.clients.insert(lane, self.spawner.spawn(Role::Client, lane, &more)?);
        }
        Ok(())
    }

    /// All lanes.
    pub(crate) const fn lanes() -> std::ops::Range<u32> {
        0..LANES
    }

    /// Lets clients send up to this share of all operations.
    pub(crate) fn release(&mut self, part: u64, of: u64) -> crate::Result<()> {
        self.control.released = self.operations * part / of.max(1);
        self.control.write(&self.folder)
    }

    /// Tells the clients that the database may have lost what it has acknowledged since then.
    /// Returns when they have sent it again and were answered.
    pub(crate) async fn tell_of_a_loss(&mut self, since: i64) -> crate::Result<()> {
        self.control.losses += 1;
        self.control.repeat_since = since;
        self.control.write(&self.folder)?;
        let losses = self.control.losses.to_string();
        let began = Instant::now();
        let is_repeated = |lane: &u32| {
            std::fs::read_to_string(repeated(&self.folder, *lane)).is_ok_and(|n| n == losses)
        };
        while !self.clients.keys().all(is_repeated) {
            if began.elapsed() > PATIENCE {
                return Err(format!("requests are not repeated after {PATIENCE:?}").into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// A signal for these workers. One that is killed is forgotten.
    pub(crate) fn signal(&mut self, numbers: &[u32], signal: Signal) -> crate::Result<()> {
        for number in numbers {
            if let Some(worker) = self.workers.get(number) {
                worker.signal(signal)?;
            }
            if signal == Signal::SIGKILL {
                self.workers.remove(number);
            }
        }
        Ok(())
    }

    /// Returns when an operation was accepted and a call was made since now.
    pub(crate) async fn until_resumed(&self) -> crate::Result<()> {
        self.until_written(|before, now| now.0 > before.0 && now.1 > before.1).await
    }

    /// Returns when an operation was accepted since now.
    pub(crate) async fn until_accepted(&self) -> crate::Result<()> {
        self.until_written(|before, now| now.0 > before.0).await
    }

    async fn until_written(
        &self,
        is_enough: fn((u64, u64), (u64, u64)) -> bool,
    ) -> crate::Result<()> {
        let before = self.written()?;
        let began = Instant::now();
        loop {
            if is_enough(before, self.written()?) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("nothing goes on after {PATIENCE:?}").into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Bytes that the clients have noted, and those of the ledger.
    fn written(&self) -> crate::Result<(u64, u64)> {
        let world = World::load(&self.folder)?;
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(((0..LANES).map(|lane| size(world.told(lane))).sum(), size(world.ledger())))
    }

    /// Lets everything be sent, finished and stored, in the database that is left; then all end.
    pub(crate) async fn finish(
        &mut self,
        url: &str,
        promoted_at: Vec<i64>,
    ) -> crate::Result<Evidence> {
        self.control.finished = true;
        self.release(1, 1)?;
        let store = Store::at(url)?;
        let began = Instant::now();
        while !self.clients.is_empty() || store.look().await?.open > 0 {
            while let Ok(event) = self.events.try_recv() {
                self.hear(event)?;
            }
            // What is left open is counted.
            if began.elapsed() > PATIENCE {
                break;
            }
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
        for worker in self.workers.values() {
            worker.signal(Signal::SIGTERM)?;
        }
        // A late answer may still be on its way to the store.
        let began = Instant::now();
        while !self.workers.is_empty() && began.elapsed() < PATIENCE {
            if let Ok(Some(event)) = tokio::time::timeout(PATIENCE, self.events.recv()).await {
                self.hear(event)?;
            }
        }
        let world = World::load(&self.folder)?;
        let mut told: Vec<Told> = Vec::new();
        for lane in 0..LANES {
            told.extend(ledger::read(&world.told(lane))?);
        }
        let (stored, _) = store.read().await?;
        let ledger = ledger::read(&world.ledger())?;
        Ok(Evidence { told, ledger, stored, promoted_at, operations: self.operations })
    }

    fn hear(&mut self, event: Event) -> crate::Result<()> {
        let What::Ended { status, .. } = event.what else { return Ok(()) };
        match event.role {
            Role::Client => drop(self.clients.remove(&event.number)),
            // One that is not known any more was killed by us.
            Role::Worker if self.workers.remove(&event.number).is_none() => return Ok(()),
            _ => {}
        }
        if status.success() {
            Ok(())
        } else {
            Err(format!("{:?} {} ended: {status}", event.role, event.number).into())
        }
    }
}
