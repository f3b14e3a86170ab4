use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{Attempts, Leased, Room};
use super::execute::remember_panic_places;
use super::{Equipment, Handlers, LeaseKeeper, Recorder};
use crate::handler::States;
use crate::machine::ReleaseReason;
use crate::policies::{Backoff, KindPolicy};
use crate::store::{
    ClaimParams, Claimed, ClaimedOperation, Finalized, Release, Store, StoreError, monotonic,
};
use crate::words::{ClaimId, WorkerId};

/// Between two claims while the database is away. With 5 s, work went on 2.8 s after the promotion that
/// ended an outage of 9 s.
const RETRY: Backoff = Backoff::from_millis(50, 1000);
/// Outcomes that may wait to be stored, in multiples of the slots; past it claiming pauses.
const UNSTORED_PER_SLOT: usize = 2;
/// Longer than its timeout no attempt is kept alive, whatever it does.
const TIMEOUT_GRACE: Duration = Duration::from_secs(5);
/// How much earlier than configured a poll may come, so that workers do not poll in step.
const POLL_JITTER: f64 = 0.25;

/// What the queue needs to know.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// Who claims.
    pub worker: WorkerId,
    /// Handlers that may run at once.
    pub slots: usize,
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// The longest wait between two looks at an empty queue.
    pub poll_every: Duration,
}

/// S2: claims as many operations as there are free slots, and starts them at once.
pub struct Queue {
    config: QueueConfig,
    store: Arc<dyn Store>,
    handlers: Handlers,
    leases: LeaseKeeper,
    attempts: Attempts,
    slots: Arc<Semaphore>,
    unstored: Arc<Semaphore>,
    running: TaskTracker,
}

impl Queue {
    /// A queue that claims nothing until [`Queue::run`], for handlers with these states.
    ///
    /// # Errors
    /// The operating system's error if there can be no thread for its leases.
    pub fn new(config: QueueConfig, equipment: Equipment, states: States) -> std::io::Result<Self> {
        remember_panic_places();
        let Equipment { store, handlers, watch } = equipment;
        Ok(Self {
            leases: LeaseKeeper::start(Arc::clone(&store), config.lease)?,
            attempts: Attempts {
                recorder: Recorder::start(&store),
                handlers: handlers.clone(),
                store: Arc::clone(&store),
                states,
                watch,
            },
            slots: Arc::new(Semaphore::new(config.slots)),
            unstored: Arc::new(Semaphore::new(config.slots * UNSTORED_PER_SLOT)),
            running: TaskTracker::new(),
            config,
            store,
            handlers,
        })
    }

    /// Claims and starts operations until `stop`; then returns, while attempts go on.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut kinds = self.handlers.policies();
        if kinds.is_empty() {
            return;
        }
        let mut failures = 0;
        while !stop.is_cancelled() {
            let Some(rooms) = self.free_rooms(&stop).await else { return };
            let (wanted, asked_at) = (rooms.len(), monotonic::now());
            match self.claim(&kinds, wanted).await {
                Ok(claimed) => {
                    failures = 0;
                    let got = claimed.len();
                    self.start_all(claimed.into_iter().zip(rooms), asked_at, &stop);
                    // Another kind comes first next time, so that none starves the others.
                    kinds.rotate_left(1);
                    if got < wanted {
                        self.wait_for_work(&stop).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    let delay = RETRY.delay(failures, fastrand::f64());
                    tracing::warn!(error = ?error, ?delay, "cannot claim; retrying");
                    pause(delay, &stop).await;
                }
            }
        }
    }

    /// Waits until every attempt has ended and its outcome is stored.
    pub async fn drained(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Cancels the attempts that are still running; they end in doubt.
    pub fn cancel_running(&self) {
        self.leases.cancel_all();
    }

    /// Attempts whose outcome is not stored yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.running.len()
    }

    /// All slots that are free, at least one, each with a place; `None` when stopped first.
    async fn free_rooms(&self, stop: &CancellationToken) -> Option<Vec<Room>> {
        tokio::select! {
            () = stop.cancelled() => None,
            rooms = self.all_free_rooms() => rooms,
        }
    }

    async fn all_free_rooms(&self) -> Option<Vec<Room>> {
        let mut slots = vec![Arc::clone(&self.slots).acquire_owned().await.ok()?];
        let mut before = 0;
        // Handlers that were started together return together. The first of them would be
        // claimed for alone; a turn of the scheduler lets the others return as well.
        while before < slots.len() {
            before = slots.len();
            tokio::task::yield_now().await;
            slots.extend(std::iter::from_fn(|| Arc::clone(&self.slots).try_acquire_owned().ok()));
        }
        // A place for every slot, and not for some: with a place here and there claims would
        // become small, outcomes would come back in small batches, and free as few places again.
        let wanted = u32::try_from(slots.len()).ok()?;
        let mut places = Arc::clone(&self.unstored).acquire_many_owned(wanted).await.ok()?;
        let room = |slot| Some(Room { slot, place: places.split(1)? });
        slots.into_iter().map(room).collect()
    }

    async fn claim(&self, kinds: &[KindPolicy], limit: usize) -> Result<Vec<Claimed>, StoreError> {
        let params = ClaimParams {
            kinds: kinds.to_vec(),
            worker: self.config.worker.clone(),
            id: ClaimId::generate(),
            limit,
            lease: self.config.lease,
        };
        self.store.claim(params).await
    }

    fn start_all(
        self: &Arc<Self>,
        claimed: impl Iterator<Item = (Claimed, Room)>,
        asked_at: Instant,
        stop: &CancellationToken,
    ) {
        for (claimed, room) in claimed {
            match claimed {
                Claimed::Operation(operation) if stop.is_cancelled() => self.give_back(&operation),
                Claimed::Operation(operation) => self.start(operation, room, asked_at),
                Claimed::Undecodable { op_id, reason } => {
                    tracing::error!(%op_id, reason, "the row cannot be decoded; it is parked");
                }
                Claimed::Refused { op_id, kind, reason } => {
                    self.handlers
                        .meters(&kind)
                        .moved(&Finalized::Refused { reason: reason.clone() });
                    tracing::error!(%op_id, %kind, reason,
                        "the database refuses to lease an operation; it is put off");
                }
            }
        }
    }

    /// Releases what was claimed when the worker had to stop: another one runs it at once,
    /// and the drain has one handler less to wait for.
    fn give_back(self: &Arc<Self>, operation: &ClaimedOperation) {
        let (queue, claim) = (Arc::clone(self), operation.claim());
        self.running.spawn(async move {
            let release = Release { claim, reason: ReleaseReason::Unstarted };
            if let Err(error) = queue.attempts.recorder.release(release).await {
                tracing::error!(op_id = %claim.op_id, error = ?error,
                    "a claim cannot be released; its lease will expire");
            }
        });
    }

    fn start(self: &Arc<Self>, operation: ClaimedOperation, room: Room, asked_at: Instant) {
        let kind = operation.envelope.command.kind();
        let Some(handler) = self.handlers.get(&kind).cloned() else {
            // The store answered with a kind that was not asked for; its lease will expire.
            tracing::error!(%kind, "claimed an operation without a handler");
            return;
        };
        handler.meters.claimed(&operation);
        let renew_for = handler.timeout(operation.purpose) + TIMEOUT_GRACE;
        let held = self.leases.hold(operation.claim(), asked_at, renew_for);
        let queue = Arc::clone(self);
        self.running.spawn(async move {
            queue.attempts.run(Leased { operation, handler, held, room, asked_at }).await;
        });
    }

    async fn wait_for_work(&self, stop: &CancellationToken) {
        let timeout = self.config.poll_every.mul_f64(1.0 - POLL_JITTER * fastrand::f64());
        let store = Arc::clone(&self.store);
        // In a separate task: a call to the database is never cut off half-way.
        let waiting = tokio::spawn(async move { store.wait_for_work(timeout).await });
        tokio::select! {
            () = stop.cancelled() => {}
            _ = waiting => {}
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("config", &self.config)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

async fn pause(delay: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = monotonic::sleep(delay) => {}
    }
}
