use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::Connection;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::cli::Role;
use crate::disk::fail_writes;
use crate::fate::Point;
use crate::fleet::{Fleet, State};
use crate::order::dice;
use crate::plan::{Fault, Plan};
use crate::process::{Event, What};
use crate::scene::{ANSWER_WITHIN, Scene};
use crate::wire::Class;
use crate::world::{LEASE, TICK, now_us};

/// How often the plan, the pauses and the processes are looked at.
const STEP: Duration = Duration::from_millis(10);
/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After the database was away every worker lets the owners of expired leases come first, for 3 s.
const AFTERMATH: Duration = Duration::from_secs(5);
/// A run in which nothing finishes for so long is given up.
const STANDSTILL: Duration = Duration::from_secs(45);

/// What has struck, and what was seen of it from outside.
#[derive(Debug, Default)]
pub(crate) struct Struck {
    pub(crate) kills: Vec<Kill>,
    /// Faults that were carried out, kills excepted.
    pub(crate) faults: BTreeMap<&'static str, u32>,
    /// Writes that were refused as stale, by verb.
    pub(crate) stale: BTreeMap<String, u64>,
    /// Operation and fence of each lease that a worker asked to be moved on, each time.
    pub(crate) renewals: Vec<(String, i64)>,
    /// From SIGTERM to the end of each worker, away from outages and hanging calls.
    pub(crate) hand_overs: Vec<HandOver>,
    /// When the database was away, with its aftermath, in microseconds since 1970.
    pub(crate) outages: Vec<(i64, i64)>,
    /// What SQLite said of its disk, full or broken: calls that it failed.
    pub(crate) disk_errors: BTreeMap<String, u64>,
    /// Ambiguous commits and swallowed replies, by fault and what was cut.
    pub(crate) cuts: BTreeMap<String, u64>,
    /// When some call to the database hung, until its worker gave it up.
    hangs: Vec<(i64, i64)>,
    /// The longest that an expired lease was seen, away from outages.
    pub(crate) overdue: Duration,
    /// Processes that ended and should not have.
    pub(crate) unexpected: Vec<String>,
    /// False if the run had to be given up with operations open.
    pub(crate) healed: bool,
}

/// A worker's end by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) worker: u32,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// Where it was, if it killed itself.
    pub(crate) point: Option<Point>,
}

/// A worker's end at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandOver {
    pub(crate) took: Duration,
    pub(crate) worker: u32,
    /// Microseconds since 1970.
    pub(crate) asked_at: i64,
}

/// Carries the plan out.
pub(crate) struct Faults {
    plan: Plan,
    scene: Arc<Scene>,
    fleet: Fleet,
    events: UnboundedReceiver<Event>,
    dice: fastrand::Rng,
    struck: Struck,
    /// Faults that take a while, each with its name and when it began.
    under_way: Vec<(Fault, i64, JoinHandle<crate::Result<bool>>)>,
    pauses: u32,
    looked_at: Instant,
    open: u64,
}

impl Faults {
    pub(crate) fn new(
        plan: Plan,
        scene: Arc<Scene>,
        fleet: Fleet,
        events: UnboundedReceiver<Event>,
    ) -> Self {
        let dice = dice(&[plan.seed, 8]);
        Self {
            plan,
            scene,
            fleet,
            events,
            dice,
            struck: Struck::default(),
            under_way: Vec::new(),
            pauses: 0,
            looked_at: Instant::now(),
            open: 0,
        }
    }

    /// The whole storm, and what comes after it.
    pub(crate) async fn run(mut self) -> crate::Result<Struck> {
        self.rage().await?;
        self.heal().await?;
        self.end().await?;
        if let Scene::Postgres(postgres) = &*self.scene {
            self.struck.cuts = postgres.proxy.struck();
        }
        Ok(self.struck)
    }

    /// Lets every fault strike when it is due.
    async fn rage(&mut self) -> crate::Result<()> {
        let began = Instant::now();
        let schedule = std::mem::take(&mut self.plan.schedule);
        let mut due_by_now: BTreeMap<&'static str, u32> = BTreeMap::new();
        for (due, fault) in schedule {
            while began.elapsed() < due {
                self.step().await?;
            }
            let due = due_by_now.entry(fault.name()).or_default();
            *due += 1;
            let due = *due;
            self.strike(fault, due).await?;
        }
        while began.elapsed() < self.plan.duration {
            self.step().await?;
        }
        Ok(())
    }

    /// No new faults; waits until nothing is left to do.
    async fn heal(&mut self) -> crate::Result<()> {
        self.fleet.fated = false;
        while !self.under_way.is_empty() {
            self.step().await?;
        }
        for pause in self.fleet.resume(true)? {
            self.resumed(pause);
        }
        let (mut moved_at, mut last) = (Instant::now(), (usize::MAX, u64::MAX));
        while moved_at.elapsed() < STANDSTILL {
            self.step().await?;
            let now = (self.fleet.clients.len(), self.open);
            if now != last {
                (last, moved_at) = (now, Instant::now());
            }
            if self.fleet.clients.is_empty() && self.scene.look().await?.open == 0 {
                self.struck.healed = true;
                break;
            }
        }
        Ok(())
    }

    /// All workers hand over, to nobody.
    async fn end(&mut self) -> crate::Result<()> {
        let workers: Vec<u32> = self.fleet.workers.keys().copied().collect();
        for number in workers {
            self.terminate(number)?;
        }
        let asked_at = Instant::now();
        while !self.fleet.workers.is_empty() && asked_at.elapsed() < STANDSTILL {
            self.step().await?;
        }
        let left = self.fleet.workers.len();
        if left > 0 {
            self.struck.unexpected.push(format!("{left} workers did not end at SIGTERM"));
        }
        Ok(())
    }

    /// A moment: what processes did, whose pause is over, what has been done, how things stand.
    async fn step(&mut self) -> crate::Result<()> {
        if let Ok(Some(event)) = tokio::time::timeout(STEP, self.events.recv()).await {
            self.take(event).await?;
            while let Ok(event) = self.events.try_recv() {
                self.take(event).await?;
            }
        }
        for pause in self.fleet.resume(false)? {
            self.resumed(pause);
        }
        self.finish_under_way().await?;
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.looked_at = Instant::now();
            // While the database is away there is nothing to see.
            if let Ok(look) = self.scene.look().await {
                self.open = look.open;
                if !self.disturbed(now_us()) {
                    self.struck.overdue = self.struck.overdue.max(look.overdue);
                }
            }
        }
        Ok(())
    }

    fn resumed(&mut self, pause: Duration) {
        if pause > LEASE + TICK {
            self.count(Fault::Pause);
        }
    }

    fn count(&mut self, fault: Fault) {
        *self.struck.faults.entry(fault.name()).or_default() += 1;
    }

    /// True in an outage and its aftermath.
    fn disturbed(&self, at: i64) -> bool {
        let under_way = self.under_way.iter().any(|(fault, ..)| fault.is_outage());
        under_way || self.struck.outages.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// True if some call to the database hung meanwhile, or failed for longer than a moment.
    fn hung(&self, since: i64, until: i64) -> bool {
        let under_way = |(fault, began, _): &(Fault, i64, _)| fault.hangs() && *began < until;
        let hung = |(from, to): &(i64, i64)| since < *to && *from < until;
        self.under_way.iter().any(under_way) || self.struck.hangs.iter().any(hung)
    }

    async fn take(&mut self, event: Event) -> crate::Result<()> {
        let Event { role, number, what } = event;
        match (role, what) {
            (Role::Worker, What::Said(line)) => self.worker_said(number, &line).await,
            (Role::Worker, What::Ended { status, at }) => {
                self.worker_ended(number, &status.to_string(), at)
            }
            (Role::Client, What::Ended { status, .. }) if status.success() => {
                self.fleet.clients.remove(&number);
                Ok(())
            }
            (Role::Client, What::Ended { status, .. }) => {
                use std::os::unix::process::ExitStatusExt;
                if status.signal().is_none() {
                    self.struck.unexpected.push(format!("client {number} ended: {status}"));
                }
                self.fleet.add_client(number)
            }
            (Role::Provider, What::Ended { status, .. }) => {
                Err(format!("the provider ended: {status}").into())
            }
            _ => Ok(()),
        }
    }

    async fn worker_said(&mut self, number: u32, line: &str) -> crate::Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["dying", point, at] => {
                let kill = Kill { worker: number, at: at.parse()?, point: Some(point.parse()?) };
                self.struck.kills.push(kill);
                if let Some(worker) = self.fleet.workers.get_mut(&number) {
                    worker.state = State::Killed;
                }
            }
            ["stop", point] => {
                let pause = self.stop(number).await?;
                // It holds the lock of its operation; whoever wants to finalize that waits.
                if matches!(point.parse()?, Point::Hooking | Point::Hooked) {
                    let pause = i64::try_from(pause.as_micros())?;
                    self.struck.hangs.push((now_us(), now_us() + pause));
                }
            }
            ["disk", word] => {
                if let Scene::Sqlite(sqlite) = &*self.scene
                    && *word == "full"
                {
                    sqlite.disk.was_met();
                }
                *self.struck.disk_errors.entry((*word).to_owned()).or_default() += 1;
            }
            ["renewing", op_id, fence] => {
                self.struck.renewals.push((op_id.replace('-', ""), fence.parse()?));
            }
            ["stale", verb, count] => {
                *self.struck.stale.entry((*verb).to_owned()).or_default() +=
                    count.parse::<u64>()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn worker_ended(&mut self, number: u32, status: &str, at: i64) -> crate::Result<()> {
        let Some(worker) = self.fleet.workers.remove(&number) else { return Ok(()) };
        let fated = self.fleet.fated;
        match worker.state {
            State::Killed => {}
            State::Terminated { at: asked_at } => {
                if !self.hung(asked_at, at) && !self.disturbed(at) && !self.disturbed(asked_at) {
                    let took = Duration::from_micros((at - asked_at).max(0).unsigned_abs());
                    self.struck.hand_overs.push(HandOver { took, worker: number, asked_at });
                }
                if !fated {
                    return Ok(());
                }
            }
            State::Running | State::Stopped { .. } => {
                self.struck.unexpected.push(format!("worker {number} ended by itself: {status}"));
            }
        }
        self.fleet.add_worker()
    }

    /// One fault, the `due`-th of its kind.
    async fn strike(&mut self, fault: Fault, due: u32) -> crate::Result<()> {
        match fault {
            Fault::Kill if self.struck.kills.len() < due as usize => self.kill(),
            Fault::Pause if self.pauses < due => match self.fleet.running(&mut self.dice) {
                Some(number) => self.stop(number).await.map(drop),
                None => Ok(()),
            },
            Fault::Kill | Fault::Pause => Ok(()),
            Fault::Terminate => match self.fleet.running(&mut self.dice) {
                Some(number) => {
                    self.count(fault);
                    self.terminate(number)
                }
                None => Ok(()),
            },
            Fault::KillClient => {
                let lanes: Vec<u32> = self.fleet.clients.keys().copied().collect();
                if let Some(lane) = self.dice.choice(lanes) {
                    self.fleet.clients[&lane].signal(Signal::SIGKILL)?;
                    self.count(fault);
                }
                Ok(())
            }
            _ => {
                let scene = Arc::clone(&self.scene);
                let classes = if fault == Fault::CutBefore {
                    Class::WRITES.into_iter().filter(|class| class.surely_writes()).collect()
                } else {
                    Class::WRITES.to_vec()
                };
                let class = classes[self.dice.usize(0..classes.len())];
                let mut pids = self.fleet.pids();
                self.dice.shuffle(&mut pids);
                let begun =
                    tokio::spawn(async move { carry_out(&scene, fault, class, &pids).await });
                self.under_way.push((fault, now_us(), begun));
                Ok(())
            }
        }
    }

    fn kill(&mut self) -> crate::Result<()> {
        let Some(number) = self.fleet.running(&mut self.dice) else { return Ok(()) };
        let Some(worker) = self.fleet.workers.get_mut(&number) else { return Ok(()) };
        let at = now_us();
        worker.process.signal(Signal::SIGKILL)?;
        worker.state = State::Killed;
        self.struck.kills.push(Kill { worker: number, at, point: None });
        Ok(())
    }

    fn terminate(&mut self, number: u32) -> crate::Result<()> {
        let Some(worker) = self.fleet.workers.get_mut(&number) else { return Ok(()) };
        worker.state = State::Terminated { at: now_us() };
        worker.process.signal(Signal::SIGTERM)
    }

    /// Stops a worker for longer than its lease, and says for how long; one that might hold SQLite's write lock only
    /// once it does not, or it would stop all the others too.
    async fn stop(&mut self, number: u32) -> crate::Result<Duration> {
        let held = match &*self.scene {
            Scene::Sqlite(sqlite) => match sqlite.lock().await {
                Ok(connection) => Some(connection),
                Err(_) => return Ok(Duration::ZERO),
            },
            Scene::Postgres(_) => None,
        };
        self.pauses += 1;
        let pause = self.plan.pause(self.pauses);
        if let Some(worker) = self.fleet.workers.get_mut(&number)
            && matches!(worker.state, State::Running)
        {
            worker.process.signal(Signal::SIGSTOP)?;
            worker.state = State::Stopped { since: Instant::now(), pause };
        }
        if let Some(connection) = held {
            connection.close().await?;
        }
        Ok(pause)
    }

    async fn finish_under_way(&mut self) -> crate::Result<()> {
        for (fault, began, done) in std::mem::take(&mut self.under_way) {
            if !done.is_finished() {
                self.under_way.push((fault, began, done));
                continue;
            }
            if fault.is_outage() {
                let aftermath = i64::try_from(AFTERMATH.as_micros())?;
                self.struck.outages.push((began, now_us() + aftermath));
            }
            if fault.hangs() {
                let for_longer = if fault == Fault::Swallow { ANSWER_WITHIN } else { STEP };
                self.struck.hangs.push((began, now_us() + i64::try_from(for_longer.as_micros())?));
            }
            match done.await? {
                Ok(true) => self.count(fault),
                Ok(false) => {}
                // A fault that meets another one, such as a server that is down, does not count.
                Err(error) => eprintln!("orch-chaos: {}: {error}", fault.name()),
            }
        }
        Ok(())
    }
}

/// A fault of the database. False if there was nothing to strike.
async fn carry_out(scene: &Scene, fault: Fault, class: Class, pids: &[i32]) -> crate::Result<bool> {
    match (scene, fault) {
        (Scene::Postgres(postgres), Fault::CutBefore | Fault::CutAfter | Fault::Swallow) => {
            Ok(postgres.proxy.strike(fault, class).await)
        }
        (Scene::Sqlite(sqlite), Fault::DiskFull) => sqlite.disk.be_full().await,
        (Scene::Sqlite(_), Fault::WriteErrors) => Ok(fail_writes(pids).await),
        (Scene::Postgres(postgres), Fault::Disconnect) => postgres.disconnect().await,
        (Scene::Postgres(postgres), Fault::Restart) => {
            let cluster = Arc::clone(&postgres.cluster);
            tokio::task::spawn_blocking(move || cluster.crash_and_restart()).await??;
            Ok(true)
        }
        (Scene::Sqlite(sqlite), Fault::Lock) => {
            let held = sqlite.lock().await?;
            tokio::time::sleep(Duration::from_millis(700)).await;
            held.close().await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
