//! Worker processes that are killed, paused and asked to end.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::ledger::Entry;
use crate::plan::now_us;
use crate::process::{Process, Role, Spawner};

/// The worker processes of a run, by number. A number is never used again.
#[derive(Debug)]
pub struct Fleet {
    /// Starts them.
    pub spawner: Spawner,
    next: u32,
    /// Those that have not ended.
    pub workers: BTreeMap<u32, Worker>,
}

/// One of them.
#[derive(Debug)]
pub struct Worker {
    /// To signal it.
    pub process: Process,
    /// What was done to it.
    pub state: State,
}

/// What was done to a worker.
#[derive(Debug, Clone, Copy)]
pub enum State {
    /// Nothing.
    Running,
    /// SIGSTOP was sent.
    Stopped {
        /// When.
        since: Instant,
        /// For how long.
        pause: Duration,
    },
    /// SIGKILL was sent.
    Killed,
    /// SIGTERM was sent.
    Terminated {
        /// Microseconds since 1970.
        at: i64,
    },
}

impl Fleet {
    /// Without a worker yet.
    pub const fn new(spawner: Spawner) -> Self {
        Self { spawner, next: 1, workers: BTreeMap::new() }
    }

    /// Starts a worker, with what its number adds to its arguments.
    pub fn add(
        &mut self,
        more: impl FnOnce(u32) -> crate::Result<Vec<String>>,
    ) -> crate::Result<()> {
        let number = self.next;
        self.next += 1;
        let process = self.spawner.spawn(Role::Worker, number, &more(number)?)?;
        self.workers.insert(number, Worker { process, state: State::Running });
        Ok(())
    }

    fn running(&self) -> impl Iterator<Item = (u32, &Worker)> {
        let running = self.workers.iter().filter(|(_, w)| matches!(w.state, State::Running));
        running.map(|(number, worker)| (*number, worker))
    }

    /// A worker that runs, drawn by lot; not the youngest, which has hardly begun.
    pub fn drawn(&self, dice: &mut fastrand::Rng) -> Option<u32> {
        let mut numbers: Vec<u32> = self.running().map(|(number, _)| number).collect();
        if numbers.len() > 1 {
            numbers.pop();
        }
        dice.choice(numbers)
    }

    /// All that run: number and process id.
    pub fn pids(&self) -> Vec<(u32, u32)> {
        self.running().map(|(number, worker)| (number, worker.process.pid())).collect()
    }

    /// SIGKILL. When it was sent, if there is such a worker.
    pub fn kill(&mut self, number: u32) -> crate::Result<Option<i64>> {
        let at = now_us();
        Ok(self.signal(number, Signal::SIGKILL, State::Killed)?.then_some(at))
    }

    /// SIGSTOP, to a worker that runs; SIGCONT is due after the pause. One that might hold
    /// SQLite's write lock would stop all the others too: hold that lock meanwhile.
    pub async fn stop(&mut self, number: u32, pause: Duration) -> crate::Result<()> {
        if self.running().any(|(running, _)| running == number) {
            let state = State::Stopped { since: Instant::now(), pause };
            self.signal(number, Signal::SIGSTOP, state)?;
            if let Some(worker) = self.workers.get(&number) {
                worker.process.until_stopped().await;
            }
        }
        Ok(())
    }

    /// SIGTERM: the worker hands over.
    pub fn terminate(&mut self, number: u32) -> crate::Result<()> {
        self.signal(number, Signal::SIGTERM, State::Terminated { at: now_us() }).map(drop)
    }

    fn signal(&mut self, number: u32, signal: Signal, state: State) -> crate::Result<bool> {
        let Some(worker) = self.workers.get_mut(&number) else { return Ok(false) };
        worker.state = state;
        worker.process.signal(signal)?;
        Ok(true)
    }

    /// Sends SIGCONT to those whose pause is over, or to all. Says how long each was stopped.
    pub fn resume(&mut self, all: bool) -> crate::Result<Vec<Duration>> {
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

/// A worker's end by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// The worker, as the ledger names it.
    pub worker: u32,
    /// Microseconds since 1970.
    pub at: i64,
}

/// Kills at which a call of the dead worker was not answered. One that came in later was on its
/// way: the dead send nothing.
pub fn kills_in_flight(kills: impl Iterator<Item = Kill>, ledger: &[Entry]) -> u64 {
    let mut answered: HashMap<u64, i64> = HashMap::new();
    let mut calls: HashMap<u32, Vec<u64>> = HashMap::new();
    for entry in ledger {
        match entry {
            Entry::Call(call) => calls.entry(call.request.worker).or_default().push(call.call),
            Entry::Answered { call, at, .. } => drop(answered.insert(*call, *at)),
            _ => {}
        }
    }
    let open = |kill: &Kill| {
        let calls = calls.get(&kill.worker).map_or(&[] as &[_], Vec::as_slice);
        calls.iter().any(|call| answered.get(call).is_none_or(|answered| *answered >= kill.at))
    };
    kills.filter(open).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Body, Call, Request};

    #[test]
    fn a_call_that_comes_in_after_its_sender_has_died_was_in_flight() {
        let met = |worker, at, answered| {
            let body = Body { order_id: 1, amount: 1 };
            let request = Request { key: "key".into(), body, attempt: 1, worker };
            let call = Entry::Call(Call { call: 1, nth: 1, at, belated: false, request });
            let ledger = [call, Entry::Answered { call: 1, at: answered, answer: None }];
            kills_in_flight([Kill { worker: 1, at: 10 }].into_iter(), &ledger)
        };
        assert_eq!((met(1, 11, 15), met(1, 5, 9), met(2, 5, 15)), (1, 0, 0));
    }
}
