use std::collections::BTreeMap;

use orch_lab::fleet::Fleet;
use orch_lab::process::{Process, Role, Spawner, word};

use crate::plan::Plan;
use crate::release::Release;

/// The worker and client processes. One that ends is replaced at once.
#[derive(Debug)]
pub(crate) struct Crew {
    plan: Plan,
    /// Whether new workers get a fate.
    pub(crate) fated: bool,
    pub(crate) fleet: Fleet,
    /// The release of each worker that ever was, by number; empty in a run with one release.
    pub(crate) releases: BTreeMap<u32, Release>,
    /// The release of the one that follows a worker, where that is another one.
    successors: BTreeMap<u32, Release>,
    /// The last one that has followed one of another release, until it works.
    newcomer: Option<u32>,
    /// By lane; gone once all its orders are answered.
    pub(crate) clients: BTreeMap<u32, Process>,
    /// What the provider tells is recorded by these; none with two releases.
    pub(crate) receivers: BTreeMap<u32, Process>,
}

impl Crew {
    pub(crate) fn start(spawner: Spawner, plan: Plan) -> crate::Result<Self> {
        let fleet = Fleet::new(spawner);
        let mut crew = Self {
            fated: true,
            fleet,
            releases: BTreeMap::new(),
            successors: BTreeMap::new(),
            newcomer: None,
            clients: BTreeMap::new(),
            receivers: BTreeMap::new(),
            plan,
        };
        let release = (crew.plan.rolls > 0).then_some(Release::Old);
        for _ in 0..crew.plan.workers {
            crew.add_worker(release)?;
        }
        for lane in 0..crew.plan.lanes {
            crew.add_client(lane)?;
        }
        for number in 0..crew.plan.receivers {
            crew.add_receiver(number)?;
        }
        Ok(crew)
    }

    /// Starts one in the place of another that has ended.
    pub(crate) fn replace(&mut self, number: u32) -> crate::Result<()> {
        let next = self.successors.remove(&number);
        let its = self.releases.get(&number).copied();
        self.add_worker(next.or(its))?;
        if next.is_some() {
            self.newcomer = self.fleet.workers.keys().last().copied();
        }
        Ok(())
    }

    /// A worker has got its first operations.
    pub(crate) fn works(&mut self, number: u32) {
        self.newcomer = self.newcomer.filter(|newcomer| *newcomer != number);
    }

    /// True if the last one that has followed another one works, or is gone.
    pub(crate) fn has_settled(&self) -> bool {
        let lives = |number: u32| self.fleet.workers.contains_key(&number);
        self.successors.is_empty() && !self.newcomer.is_some_and(lives)
    }

    /// True if the worker ended to make room for another release.
    pub(crate) fn has_successor(&self, number: u32) -> bool {
        self.successors.contains_key(&number)
    }

    /// The next worker of another release, which will be followed by one of this release: the
    /// oldest that runs.
    pub(crate) fn make_room(&mut self, release: Release) -> Option<u32> {
        let running = self.fleet.pids();
        let is_other = |number: &u32| self.releases.get(number) != Some(&release);
        let number = running.into_iter().map(|(number, _)| number).find(is_other)?;
        self.successors.insert(number, release);
        Some(number)
    }

    /// True if all that live are of this release.
    pub(crate) fn all_are(&self, release: Release) -> bool {
        self.fleet.workers.keys().all(|number| self.releases.get(number) == Some(&release))
    }

    fn add_worker(&mut self, release: Option<Release>) -> crate::Result<()> {
        let fate = |number| self.plan.fate(number).filter(|_| self.fated);
        let releases = &mut self.releases;
        self.fleet.add(|number| {
            let mut more = Vec::new();
            if let Some(fate) = fate(number) {
                more.extend(["--fate".into(), serde_json::to_string(&fate)?]);
            }
            if let Some(release) = release {
                more.extend(["--release".into(), word(&release)]);
                releases.insert(number, release);
            }
            Ok(more)
        })
    }

    pub(crate) fn add_receiver(&mut self, number: u32) -> crate::Result<()> {
        let process = self.fleet.spawner.spawn(Role::Receiver, number, &[])?;
        self.receivers.insert(number, process);
        Ok(())
    }

    pub(crate) fn add_client(&mut self, lane: u32) -> crate::Result<()> {
        let process = self.fleet.spawner.spawn(Role::Client, lane, &[])?;
        self.clients.insert(lane, process);
        Ok(())
    }
}
