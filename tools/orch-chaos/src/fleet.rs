use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::cli::Role;
use crate::plan::Plan;
use crate::process::{Process, Spawner};

/// The worker and client processes. One that ends is replaced at once.
#[derive(Debug)]
pub(crate) struct Fleet {
    spawner: Spawner,
    plan: Plan,
    /// Whether new workers get a fate.
    pub(crate) fated: bool,
    next_worker: u32,
    pub(crate) workers: BTreeMap<u32, Worker>,
    /// By lane; gone once all its orders are answered.
    pub(crate) clients: BTreeMap<u32, Process>,
}

/// One incarnation of a worker; its number is never used again.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) process: Process,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum State {
    Running,
    /// SIGSTOP was sent.
    Stopped {
        since: Instant,
        pause: Duration,
    },
    /// SIGKILL was sent.
    Killed,
    /// SIGTERM was sent, at this instant of the wall clock.
    Terminated {
        at: i64,
    },
}

impl Fleet {
    pub(crate) fn start(spawner: Spawner, plan: Plan) -> crate::Result<Self> {
        let mut fleet = Self {
            spawner,
            fated: true,
            next_worker: 1,
            workers: BTreeMap::new(),
            clients: BTreeMap::new(),
            plan,
        };
        for _ in 0..fleet.plan.workers {
            fleet.add_worker()?;
        }
        for lane in 0..fleet.plan.lanes {
            fleet.add_client(lane)?;
        }
        Ok(fleet)
    }

    pub(crate) fn add_worker(&mut self) -> crate::Result<()> {
        let number = self.next_worker;
        self.next_worker += 1;
        let fate = self.plan.fate(number).filter(|_| self.fated);
        let process = self.spawner.spawn(Role::Worker, number, fate)?;
        self.workers.insert(number, Worker { process, state: State::Running });
        Ok(())
    }

    pub(crate) fn add_client(&mut self, lane: u32) -> crate::Result<()> {
        let process = self.spawner.spawn(Role::Client, lane, None)?;
        self.clients.insert(lane, process);
        Ok(())
    }

    /// A worker that runs, drawn by lot; not the youngest, which has hardly begun.
    pub(crate) fn running(&self, dice: &mut fastrand::Rng) -> Option<u32> {
        let running = self.workers.iter().filter(|(_, w)| matches!(w.state, State::Running));
        let mut numbers: Vec<u32> = running.map(|(number, _)| *number).collect();
        if numbers.len() > 1 {
            numbers.pop();
        }
        dice.choice(numbers)
    }

    /// Everybody who runs, by process id.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let running = self.workers.values().filter(|w| matches!(w.state, State::Running));
        running.map(|worker| worker.process.pid()).collect()
    }

    /// Sends SIGCONT to those whose pause is over, or to all. Says how long each was stopped.
    pub(crate) fn resume(&mut self, all: bool) -> crate::Result<Vec<Duration>> {
        let mut resumed = Vec::new();
        for worker in self.workers.values_mut() {
            if let State::Stopped { since, pause } = worker.state
                && (all || since.elapsed() >= pause)
            {
                resumed.push(since.elapsed());
                worker.process.signal(Signal::SIGCONT)?;
                worker.state = State::Running;
            }
        }
        Ok(resumed)
    }
}
