use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Config, Orchestrator, StartError};
use crate::flow::{Equipment, Queue, QueueConfig};
use crate::handler::States;
use crate::store::monotonic;
use crate::upkeep::{Finalizer, Pruner, Reaper, tick};
use crate::words::WorkerId;

/// The least time for storing the ends of cancelled attempts.
const MIN_STORING: Duration = Duration::from_millis(500);

/// A running runtime. When it is dropped, it stops claiming but cannot wait for running handlers:
/// call [`Runtime::shutdown`] for a graceful shutdown.
#[derive(Debug)]
pub struct Runtime {
    orchestrator: Orchestrator,
    worker: Option<Worker>,
}

/// The result of a graceful shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Drained {
    /// Attempts that had to be cancelled because the drain timeout passed; they are in doubt.
    pub cancelled: usize,
    /// Attempts whose end could not be stored, since the database did not answer; their leases
    /// will expire, and another worker takes them for lost.
    pub unstored: usize,
}

impl Runtime {
    pub(super) const fn new(orchestrator: Orchestrator, worker: Option<Worker>) -> Self {
        Self { orchestrator, worker }
    }

    /// The caller's side. Clone it freely; it outlives the worker.
    #[must_use]
    pub const fn orchestrator(&self) -> &Orchestrator {
        &self.orchestrator
    }

    /// Graceful shutdown: claims nothing more, releases what it has claimed and not begun, and
    /// waits for the running handlers and until their outcomes are stored, renewing their leases.
    /// Handlers that take longer than `Config::drain_timeout` are cancelled and end in doubt;
    /// storing that may take as long again, and 500 ms at least, if the database does not answer.
    pub async fn shutdown(self) -> Drained {
        match self.worker {
            Some(worker) => worker.drain().await,
            None => Drained { cancelled: 0, unstored: 0 },
        }
    }
}

/// The working side: the queue and the upkeep.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Arc<Queue>,
    claiming: JoinSet<()>,
    upkeep: JoinSet<()>,
    stop: CancellationToken,
    drain_timeout: Duration,
}

impl Worker {
    pub(super) fn start(
        config: Config,
        equipment: Equipment,
        states: States,
    ) -> Result<Self, StartError> {
        let worker = WorkerId::generate(&config.worker_name).map_err(StartError::Config)?;
        let kinds: Vec<_> = equipment.handlers.kinds().iter().map(ToString::to_string).collect();
        if kinds.is_empty() {
            tracing::warn!(%worker, "a worker starts without a handler, so it runs nothing: name \
                something of the crate that has them, such as `use handlers as _;`, or the linker \
                leaves it out");
        } else {
            tracing::info!(%worker, kinds = kinds.join(", "), "a worker starts");
        }
        let queue = QueueConfig {
            worker,
            slots: config.concurrency,
            lease: config.lease,
            poll_every: config.poll_every,
        };
        let queue = Queue::new(queue, equipment.clone(), states).map_err(StartError::Thread)?;
        let queue = Arc::new(queue);
        let stop = CancellationToken::new();
        let mut claiming = JoinSet::new();
        claiming.spawn(Arc::clone(&queue).run(stop.clone()));
        let mut upkeep = JoinSet::new();
        start_upkeep(&mut upkeep, &config, &equipment, &stop);
        Ok(Self { queue, claiming, upkeep, stop, drain_timeout: config.drain_timeout })
    }

    async fn drain(mut self) -> Drained {
        self.stop.cancel();
        let began = monotonic::now();
        if monotonic::timeout(self.drain_timeout, self.stored()).await.is_ok() {
            let left = self.drain_timeout.saturating_sub(began.elapsed());
            // A pass that takes longer, behind a lock of another session, may be lost.
            let _ = monotonic::timeout(left, ended(&mut self.upkeep)).await;
            return Drained { cancelled: 0, unstored: 0 };
        }
        let cancelled = self.queue.in_flight();
        tracing::warn!(cancelled, "the drain timeout has passed; attempts are cancelled");
        self.queue.cancel_running();
        // Zero as a drain timeout means not to wait for handlers; their ends are stored still.
        let _ = monotonic::timeout(self.drain_timeout.max(MIN_STORING), self.stored()).await;
        Drained { cancelled, unstored: self.queue.in_flight() }
    }

    /// Waits for the last claim to be answered, and for the ends of all attempts to be stored.
    async fn stored(&mut self) {
        ended(&mut self.claiming).await;
        self.queue.drained().await;
    }
}

/// Waits for loops, which end between two calls to the database.
async fn ended(loops: &mut JoinSet<()>) {
    while loops.join_next().await.is_some() {}
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.cancel();
        // Not aborted: the loops see `stop` and end between two calls.
        self.claiming.detach_all();
        self.upkeep.detach_all();
    }
}

fn start_upkeep(
    loops: &mut JoinSet<()>,
    config: &Config,
    equipment: &Equipment,
    stop: &CancellationToken,
) {
    let finalizer = Finalizer::new(equipment.clone());
    let reaper = Reaper::new(equipment.clone());
    let pruner = Pruner::new(equipment.clone());
    loops.spawn(tick(finalizer, config.finalize_every, stop.clone()));
    loops.spawn(tick(reaper, config.reap_every, stop.clone()));
    loops.spawn(tick(pruner, config.prune_every, stop.clone()));
}
