use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::Semaphore;

use crate::behaviour::{Behaviour, Plan};
use crate::children::Process;
use crate::client::MAX_CHARGES;
use crate::gateway::{Inflight, OpenCall};
use crate::progress::Live;
use crate::write_lock::WriteLock;

/// How often the gateway is asked who has calls open; its fastest answer takes 20 ms.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// How long to look for a worker that is worth the fault.
const LOOK_FOR: Duration = Duration::from_secs(5);
/// Fewer open calls than this are little traffic.
const FEW_CALLS: usize = 6;
/// An answer that the gateway has sent is with the worker's handler by then.
const ARRIVAL: Duration = Duration::from_millis(30);
/// Lease, sweep, backoff and the next attempt's call take about 3 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);

/// Kills and pauses workers while the gateway works on their calls.
pub(crate) struct Faults {
    pub(crate) kills: u32,
    pub(crate) pauses: u32,
    pub(crate) charges: u64,
    pub(crate) seed: u64,
    pub(crate) write_lock: WriteLock,
    pub(crate) eyes: Eyes,
    pub(crate) pace: Arc<Semaphore>,
    pub(crate) live: Arc<Live>,
}

/// The worker processes. One that is killed is replaced at once.
pub(crate) struct Fleet {
    pub(crate) workers: Vec<Process>,
    pub(crate) spawn: Box<dyn Fn() -> crate::Result<Process> + Send>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Pause,
}

impl Faults {
    /// Injects all faults; before each it lets the clients send a part of the charges, half of
    /// an even share, so that [`Faults::keep_traffic`] has some left.
    pub(crate) async fn inject(&self, fleet: &mut Fleet) -> crate::Result<()> {
        let schedule = schedule(self.kills, self.pauses);
        let part = self.charges / (2 * schedule.len() as u64 + 1);
        // A worker that has just been woken is left alone: its stale answers are the point.
        let mut woken = None;
        for fault in schedule {
            self.pace.add_permits(part.try_into()?);
            match fault {
                Fault::Kill => self.kill(fleet, woken.take()).await?,
                Fault::Pause => woken = self.pause(fleet).await?,
            }
        }
        self.pace.add_permits(self.charges.try_into()?);
        Ok(())
    }

    async fn kill(&self, fleet: &mut Fleet, spared: Option<u32>) -> crate::Result<()> {
        // A silent call that ends with its caller would leave nothing to see.
        let busiest = |open: &OpenCall| {
            let silent = open.behaviour == Some(Behaviour::Silent);
            u32::from(Some(open.worker) != spared && !silent)
        };
        let Some(victim) = self.victim(fleet, busiest).await? else { return Ok(()) };
        let process = fleet.workers.swap_remove(victim);
        let pid = process.pid();
        process.kill().await?;
        let still_open = self.eyes.look().await?.of(pid).next().is_some();
        self.live.kills.add(1);
        self.live.kills_in_flight.add(u64::from(still_open));
        let replacement = (fleet.spawn)()?;
        fleet.workers.push(replacement);
        Ok(())
    }

    /// Stops a worker that has just been told of a decline and has not stored it yet, for longer
    /// than its lease; wakes it when another worker's attempt is charging that very order. Were
    /// its word still to count, it would write FAILED over a charge.
    async fn pause(&self, fleet: &Fleet) -> crate::Result<Option<u32>> {
        let score = |open: &OpenCall| u32::from(self.will_be_charged_next(open));
        let asked_at = Instant::now();
        while asked_at.elapsed() < LOOK_FOR {
            let Some(victim) = self.victim(fleet, score).await? else { break };
            let process = &fleet.workers[victim];
            // From here on answers reach the workers, and no worker can store one.
            let lock = self.write_lock.take().await?;
            let told = self.told(process.pid()).await?;
            if told.is_empty() {
                // The answer came before the lock did.
                lock.release().await?;
                continue;
            }
            process.signal(Signal::SIGSTOP)?;
            lock.release().await?;
            let overlapped = self.taken_over(process.pid(), &told).await;
            process.signal(Signal::SIGCONT)?;
            self.live.pauses.add(1);
            self.live.overlaps.add(u64::from(overlapped?));
            return Ok(Some(process.pid()));
        }
        Ok(None)
    }

    /// True for a call that is about to be declined, of an order whose next call will charge.
    fn will_be_charged_next(&self, open: &OpenCall) -> bool {
        let next = Plan::of(self.seed, open.order_id % MAX_CHARGES, open.nth + 1);
        open.behaviour == Some(Behaviour::Decline) && next.behaviour.charges()
    }

    /// Waits until the gateway has answered the promising calls that this worker has open;
    /// returns their orders.
    async fn told(&self, worker: u32) -> crate::Result<HashSet<u64>> {
        let promising = |inflight: &Inflight| -> HashSet<u64> {
            let open = inflight.of(worker).filter(|open| self.will_be_charged_next(open));
            open.map(|open| open.order_id).collect()
        };
        let told = promising(&self.eyes.look().await?);
        while !promising(&self.eyes.look().await?).is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // From the gateway's socket to the worker's memory.
        tokio::time::sleep(ARRIVAL).await;
        Ok(told)
    }

    /// Waits until another worker charges one of these orders; failing that, until it is too
    /// late. True if it came to that.
    async fn taken_over(&self, stopped: u32, orders: &HashSet<u64>) -> crate::Result<bool> {
        let stopped_at = Instant::now();
        while stopped_at.elapsed() < LONGEST_PAUSE {
            let inflight = self.eyes.look().await?;
            let charging = |open: &OpenCall| {
                open.worker != stopped
                    && orders.contains(&open.order_id)
                    && open.behaviour.is_some_and(Behaviour::charges)
            };
            if inflight.open.iter().any(charging) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(false)
    }

    /// The worker whose open calls score highest, as soon as one scores at all; `None` if that
    /// does not happen for a while.
    async fn victim(
        &self,
        fleet: &Fleet,
        score: impl Fn(&OpenCall) -> u32,
    ) -> crate::Result<Option<usize>> {
        let asked_at = Instant::now();
        while asked_at.elapsed() < LOOK_FOR {
            let inflight = self.eyes.look().await?;
            let points = |worker: &Process| -> u32 { inflight.of(worker.pid()).map(&score).sum() };
            let scored = fleet.workers.iter().map(points).enumerate();
            if let Some((victim, 1..)) = scored.max_by_key(|(_, points)| *points) {
                return Ok(Some(victim));
            }
            self.keep_traffic(&inflight);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }

    /// A fault needs calls in flight: when few are, the next charge is let go.
    fn keep_traffic(&self, inflight: &Inflight) {
        let busy = |open: &&OpenCall| open.behaviour != Some(Behaviour::Silent);
        if inflight.open.iter().filter(busy).count() < FEW_CALLS {
            self.pace.add_permits(1);
        }
    }
}

/// Spreads the pauses evenly among the kills, a pause first.
fn schedule(kills: u32, pauses: u32) -> Vec<Fault> {
    let all = kills + pauses;
    let mut given = 0;
    (0..all)
        .map(|n| {
            if u64::from(given) * u64::from(all) <= u64::from(n) * u64::from(pauses)
                && given < pauses
            {
                given += 1;
                Fault::Pause
            } else {
                Fault::Kill
            }
        })
        .collect()
}

/// Looks into the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Eyes {
    client: reqwest::Client,
    url: String,
}

impl Eyes {
    pub(crate) fn new(gateway: &str) -> Self {
        Self { client: reqwest::Client::new(), url: format!("{gateway}/inflight") }
    }

    pub(crate) async fn look(&self) -> crate::Result<Inflight> {
        Ok(self.client.get(&self.url).send().await?.error_for_status()?.json().await?)
    }
}

impl Inflight {
    /// The open calls of one worker.
    fn of(&self, worker: u32) -> impl Iterator<Item = &OpenCall> {
        self.open.iter().filter(move |open| open.worker == worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_has_every_fault_and_spreads_the_pauses() {
        for (kills, pauses) in [(0, 0), (6, 2), (8, 3), (0, 2), (3, 0), (1, 5)] {
            let schedule = schedule(kills, pauses);
            let paused = schedule.iter().filter(|fault| **fault == Fault::Pause).count();
            assert_eq!((schedule.len(), paused), ((kills + pauses) as usize, pauses as usize));
        }
        use Fault::{Kill, Pause};
        assert_eq!(schedule(4, 2), [Pause, Kill, Kill, Pause, Kill, Kill]);
    }
}
