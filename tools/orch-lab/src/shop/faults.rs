use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use super::gateway::Gateway;
use super::{Cli, Live, count};
use crate::fleet::{Fleet, Kill, State};
use crate::ledger::{Call, Tail};
use crate::plan::{dice, spread};
use crate::process::{Event, What};
use crate::provider::Manners;
use crate::store::Store;

/// How often the ledger is looked at; the gateway's fastest answer takes 20 ms.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// How long to look for a worker that is worth the fault.
const LOOK_FOR: Duration = Duration::from_secs(5);
/// Fewer open calls than this are little traffic.
const FEW_CALLS: usize = 6;
/// An answer that the gateway has written down is with the worker's handler by then.
const ARRIVAL: Duration = Duration::from_millis(30);
/// Lease, sweep, backoff and the next attempt's call take about 3 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);
/// How long a worker may take to end at SIGTERM.
const DRAIN: Duration = Duration::from_secs(20);

/// Kills and pauses workers while the gateway is at work on their calls.
pub(super) struct Faults<'a> {
    pub(super) cli: &'a Cli,
    pub(super) gateway: Gateway,
    pub(super) store: &'a Store,
    pub(super) tail: Tail,
    pub(super) fleet: Fleet,
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) address: String,
    pub(super) pace: &'a Semaphore,
    pub(super) live: &'a Live,
    pub(super) kills: Vec<Kill>,
    /// False once a worker has ended by itself, or badly.
    pub(super) well: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Pause,
}

impl Faults<'_> {
    /// Injects all faults; before each it lets the clients send a part of their requests, half
    /// of an even share, so that [`Faults::victim`] has some left.
    pub(super) async fn inject(&mut self) -> crate::Result<()> {
        let counts = [(Fault::Pause, self.cli.pauses()), (Fault::Kill, self.cli.kills)];
        let schedule = spread(&mut dice(&[self.cli.seed, 5]), &counts);
        let requests = self.cli.charges + self.cli.repeats();
        let part = requests / (2 * schedule.len() as u64 + 1);
        // A worker that has just been woken is left alone: its stale answers are the point.
        let mut woken = None;
        for (_, fault) in schedule {
            self.pace.add_permits(part.try_into()?);
            match fault {
                Fault::Kill => self.kill(woken.take()).await?,
                Fault::Pause => woken = self.pause().await?,
            }
        }
        self.pace.add_permits(requests.try_into()?);
        Ok(())
    }

    /// Starts one more worker.
    pub(super) fn add_worker(&mut self) -> crate::Result<()> {
        self.fleet.add(|_| Ok(vec!["--gateway".into(), self.address.clone()]))
    }

    /// SIGTERM for all. True if every worker finished what it had begun, and ended well.
    pub(super) async fn drain(&mut self) -> crate::Result<bool> {
        for (number, _) in self.fleet.pids() {
            self.fleet.terminate(number)?;
        }
        let ends = async {
            while !self.fleet.workers.is_empty() {
                self.next_end().await?;
            }
            crate::Result::Ok(self.well)
        };
        tokio::time::timeout(DRAIN, ends).await.unwrap_or(Ok(false))
    }

    /// Waits until a worker has ended; returns which.
    async fn next_end(&mut self) -> crate::Result<u32> {
        loop {
            let Event { number, what, .. } = self.events.recv().await.ok_or("all have ended")?;
            let What::Ended { status, .. } = what else { continue };
            let Some(worker) = self.fleet.workers.remove(&number) else {
                return Err(format!("the gateway ended: {status}").into());
            };
            let well = match worker.state {
                State::Killed => true,
                State::Terminated { .. } => status.success(),
                State::Running | State::Stopped { .. } => false,
            };
            if !well {
                eprintln!("worker {number} ended: {status}");
                self.well = false;
            }
            return Ok(number);
        }
    }

    async fn kill(&mut self, spared: Option<u32>) -> crate::Result<()> {
        let Some((number, worker)) = self.victim(spared, |_, _| true).await? else { return Ok(()) };
        if let Some(at) = self.fleet.kill(number)? {
            while self.next_end().await? != number {}
            self.kills.push(Kill { worker, at });
            count(&self.live.kills);
        }
        self.add_worker()
    }

    /// Stops a worker that has just got a decline and has not stored it yet, for longer than its
    /// lease; wakes it when another worker's attempt is charging that very order. If its word
    /// still counted, it would write FAILED over a charge.
    async fn pause(&mut self) -> crate::Result<Option<u32>> {
        let gateway = self.gateway;
        let promising = |call: &Call, tail: &Tail| gateway.will_be_charged_next(call, tail);
        let asked_at = Instant::now();
        while asked_at.elapsed() < LOOK_FOR {
            let Some((number, pid)) = self.victim(None, promising).await? else { break };
            // From here on answers reach the workers, and no worker can store one.
            let lock = self.store.lock().await?;
            let told = self.told(pid).await?;
            // Without one, the answer came before the lock did.
            if !told.is_empty() {
                self.fleet.stop(number, LONGEST_PAUSE).await?;
            }
            lock.release().await?;
            if told.is_empty() {
                continue;
            }
            let overlapped = self.taken_over(pid, &told).await;
            self.fleet.resume(true)?;
            count(&self.live.pauses);
            if overlapped? {
                count(&self.live.overlaps);
            }
            return Ok(Some(number));
        }
        Ok(None)
    }

    /// Waits until the gateway has answered the promising calls that this worker has open;
    /// returns their orders.
    async fn told(&mut self, pid: u32) -> crate::Result<HashSet<u64>> {
        self.tail.look()?;
        let promising = |call: &&Call| {
            call.request.worker == pid && self.gateway.will_be_charged_next(call, &self.tail)
        };
        let (calls, orders): (HashSet<u64>, HashSet<u64>) = (self.tail.open().filter(promising))
            .map(|call| (call.call, call.request.body.order_id))
            .unzip();
        while self.tail.open().any(|call| calls.contains(&call.call)) {
            tokio::time::sleep(LOOK_EVERY).await;
            self.tail.look()?;
        }
        // From the gateway's ledger to the worker's memory.
        tokio::time::sleep(ARRIVAL).await;
        Ok(orders)
    }

    /// Waits until another worker charges one of these orders; failing that, until it is too
    /// late. True if it came to that.
    async fn taken_over(&mut self, stopped: u32, orders: &HashSet<u64>) -> crate::Result<bool> {
        let stopped_at = Instant::now();
        while stopped_at.elapsed() < LONGEST_PAUSE {
            self.tail.look()?;
            let charging = |call: &Call| {
                let order_id = call.request.body.order_id;
                call.request.worker != stopped
                    && orders.contains(&order_id)
                    && self.gateway.act(order_id, call.nth).moves_money()
            };
            if self.tail.open().any(charging) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(false)
    }

    /// The worker with the most open calls that count, number and process id; `None` if there is
    /// none for a while. A fault needs calls in flight: when few are, the next request is let go.
    async fn victim(
        &mut self,
        spared: Option<u32>,
        counts: impl Fn(&Call, &Tail) -> bool,
    ) -> crate::Result<Option<(u32, u32)>> {
        let asked_at = Instant::now();
        while asked_at.elapsed() < LOOK_FOR {
            self.tail.look()?;
            let calls = |pid| {
                let own = self.tail.open().filter(move |call| call.request.worker == pid);
                own.filter(|call| counts(call, &self.tail)).count()
            };
            let workers = self.fleet.pids().into_iter().filter(|(n, _)| Some(*n) != spared);
            let scored = workers.map(|(number, pid)| (calls(pid), (number, pid)));
            if let Some((1.., victim)) = scored.max() {
                return Ok(Some(victim));
            }
            if self.tail.open().count() < FEW_CALLS {
                self.pace.add_permits(1);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }
}
