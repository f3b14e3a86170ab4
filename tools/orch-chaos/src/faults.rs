//! Carries the plan out, waits until all has healed, and lets the workers hand over.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_lab::ledger;
use orch_lab::plan::{dice, now_us};
use orch_lab::process::Event;
use orch_lab::store::{Look, Words};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::crew::Crew;
use crate::message::{Message, Noted};
use crate::plan::{Fault, Plan};
use crate::release::Release;
use crate::scene::Scene;
use crate::world::{LEASE, TICK, World};

mod heard;
mod roll;
mod strike;
mod struck;

pub(crate) use struck::{HandOver, Struck};

/// How often the plan, the pauses and the processes are looked at.
const STEP: Duration = Duration::from_millis(10);
/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After the database was away every worker lets the owners of expired leases come first, for 3 s.
const AFTERMATH: Duration = Duration::from_secs(5);
/// A run in which nothing finishes for so long is given up: more than the minute for which an operation
/// waits at most that was given back.
const STANDSTILL: Duration = Duration::from_secs(90);

/// Messages about an operation that is there, which are not applied to it.
const WAITING: Words = Words { postgres: WAITING_TEXT, sqlite: WAITING_TEXT };
const WAITING_TEXT: &str = "
SELECT count(*)
FROM orch_answer a
JOIN orch_reference r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
JOIN orch_operation o
    ON o.op_id = r.op_id AND o.domain = a.domain AND o.event_type = a.event_type
WHERE a.due_at IS NOT NULL";

/// Carries the plan out.
pub(crate) struct Faults {
    plan: Plan,
    world: World,
    scene: Arc<Scene>,
    crew: Crew,
    events: UnboundedReceiver<Event>,
    dice: fastrand::Rng,
    struck: Struck,
    /// Faults that take a while, each with its name and when it began.
    under_way: Vec<(Fault, i64, JoinHandle<crate::Result<bool>>)>,
    pauses: u32,
    looked_at: Instant,
    open: u64,
    /// The release that workers are replaced by.
    rolls_to: Release,
    rolled_at: Instant,
}

impl Faults {
    pub(crate) fn new(
        plan: Plan,
        world: World,
        scene: Arc<Scene>,
        crew: Crew,
        events: UnboundedReceiver<Event>,
    ) -> Self {
        let dice = dice(&[plan.seed, 8]);
        Self {
            plan,
            world,
            scene,
            crew,
            events,
            dice,
            struck: Struck::default(),
            under_way: Vec::new(),
            pauses: 0,
            looked_at: Instant::now(),
            open: 0,
            rolls_to: Release::New,
            rolled_at: Instant::now(),
        }
    }

    /// The whole storm, and what comes after it.
    pub(crate) async fn run(mut self) -> crate::Result<Struck> {
        self.rage().await?;
        self.heal().await?;
        self.end().await?;
        match &*self.scene {
            Scene::Postgres(postgres) => self.struck.cuts = postgres.proxy.struck(),
            Scene::Sqlite(sqlite) => self.struck.disk_can_be_full = sqlite.disk.can_be_full(),
        }
        self.struck.releases = self.crew.releases;
        Ok(self.struck)
    }

    /// Lets every fault strike when it is due.
    async fn rage(&mut self) -> crate::Result<()> {
        let began = Instant::now();
        let schedule = std::mem::take(&mut self.plan.schedule);
        let mut due_by_now: BTreeMap<&'static str, u32> = BTreeMap::new();
        for (due, fault) in schedule {
            while began.elapsed() < due {
                self.roll()?;
                self.step().await?;
            }
            let due = due_by_now.entry(fault.name()).or_default();
            *due += 1;
            let due = *due;
            self.strike(fault, due).await?;
        }
        // Where new processes take their time, the rolls take longer than was planned.
        let (rolls, mut rolled_at) = (u64::from(self.plan.rolls), Instant::now());
        let mut rolled = self.struck.rolls;
        while began.elapsed() < self.plan.duration
            || rolled < rolls && rolled_at.elapsed() < STANDSTILL
        {
            if rolled < self.struck.rolls {
                (rolled, rolled_at) = (self.struck.rolls, Instant::now());
            }
            self.roll()?;
            self.step().await?;
        }
        Ok(())
    }

    /// No new faults; waits until nothing is left to do.
    async fn heal(&mut self) -> crate::Result<()> {
        self.crew.fated = false;
        while !self.under_way.is_empty() {
            self.step().await?;
        }
        for pause in self.crew.fleet.resume(true)? {
            self.resumed(pause);
        }
        self.roll_to_the_new_release().await?;
        let (mut moved_at, mut last) = (Instant::now(), (usize::MAX, u64::MAX, u64::MAX));
        while moved_at.elapsed() < STANDSTILL {
            self.step().await?;
            let is_quiet = self.crew.clients.is_empty() && self.open == 0;
            let untold = if is_quiet { self.untold().await? } else { u64::MAX };
            let now = (self.crew.clients.len(), self.open, untold);
            if now != last {
                (last, moved_at) = (now, Instant::now());
            }
            // In this order: what is open may still call, and a call is told of.
            if untold == 0 && self.look().await?.open == 0 && self.untold().await? == 0 {
                self.struck.healed = true;
                break;
            }
        }
        Ok(())
    }

    /// All workers hand over, to nobody.
    async fn end(&mut self) -> crate::Result<()> {
        let workers: Vec<u32> = self.crew.fleet.workers.keys().copied().collect();
        for number in workers {
            self.crew.fleet.terminate(number)?;
        }
        let asked_at = Instant::now();
        while !self.crew.fleet.workers.is_empty() && asked_at.elapsed() < STANDSTILL {
            self.step().await?;
        }
        let left = self.crew.fleet.workers.len();
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
        for pause in self.crew.fleet.resume(false)? {
            self.resumed(pause);
        }
        self.finish_under_way().await?;
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.looked_at = Instant::now();
            // While the database is away there is nothing to see.
            if let Ok(look) = self.look().await {
                self.open = look.open;
                if !self.disturbed(now_us()) {
                    self.struck.overdue = self.struck.overdue.max(look.overdue);
                }
            }
        }
        Ok(())
    }

    /// Messages that are not recorded, or not applied to the operation that they are about.
    async fn untold(&self) -> crate::Result<u64> {
        if self.plan.receivers == 0 {
            return Ok(0);
        }
        let mut ids: HashSet<u64> = HashSet::new();
        for message in ledger::read::<Message>(&self.world.messages())? {
            ids.insert(message.id);
        }
        for receiver in 0..self.plan.receivers {
            for noted in ledger::read::<Noted>(&self.world.noted(receiver))? {
                ids.remove(&noted.id);
            }
        }
        let waiting: Vec<(i64,)> = self.scene.store()?.ask(&WAITING).await?;
        let waiting: i64 = waiting.iter().map(|(count,)| count).sum();
        Ok(ids.len() as u64 + waiting.unsigned_abs())
    }

    async fn look(&self) -> crate::Result<Look> {
        self.scene.store()?.look().await
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
}
