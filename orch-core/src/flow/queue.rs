use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::execute::{execute, remember_panic_places};
use super::{Common, Divergences, Handler, Handlers, HeldLease, LeaseKeeper, Recorder, Watch};
use crate::handler::{States, Unrunnable};
use crate::policies::{Backoff, KindPolicy};
use crate::store::{
    Claim, ClaimParams, Claimed, ClaimedOperation, EndedAttempt, Finalized, Purpose, Release,
    ReleaseReason, Released, Store, StoreError,
};
use crate::words::{AttemptEnd, Source, WorkerId, one_line};

/// Between two claims while the database is away.
const RETRY: Backoff = Backoff::from_millis(50, 5000);
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
    states: States,
    leases: LeaseKeeper,
    recorder: Recorder,
    divergences: Divergences,
    watch: Watch,
    slots: Arc<Semaphore>,
    unstored: Arc<Semaphore>,
    running: TaskTracker,
}

/// Room for one operation: a slot until its handler has returned, and a place among the
/// outcomes that wait to be stored until its own is.
#[derive(Debug)]
struct Room {
    slot: OwnedSemaphorePermit,
    place: OwnedSemaphorePermit,
}

/// An attempt or a reconcile: what is known of it when its handler has taken the rest.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    claim: Claim,
    source: Source,
    /// Attempts so far.
    attempts: u32,
    /// Reconciles so far.
    reconciles: u32,
    /// True if there were other claims than those of the attempts: the answers of some may
    /// have come too late.
    superseded_others: bool,
}

/// A claimed operation on its way to its handler.
#[derive(Debug)]
struct Leased {
    operation: ClaimedOperation,
    held: HeldLease,
    /// Before the claim was sent.
    asked_at: Instant,
}

impl Queue {
    /// A queue that claims nothing until [`Queue::run`], for handlers with these states.
    ///
    /// # Errors
    /// The operating system's error if there can be no thread for its leases.
    pub fn new(config: QueueConfig, common: Common, states: States) -> std::io::Result<Self> {
        remember_panic_places();
        let Common { store, handlers, watch } = common;
        Ok(Self {
            leases: LeaseKeeper::start(Arc::clone(&store), config.lease)?,
            recorder: Recorder::start(&store),
            divergences: Divergences::new(&store),
            slots: Arc::new(Semaphore::new(config.slots)),
            unstored: Arc::new(Semaphore::new(config.slots * UNSTORED_PER_SLOT)),
            running: TaskTracker::new(),
            config,
            store,
            handlers,
            states,
            watch,
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
            let (wanted, asked_at) = (rooms.len(), Instant::now());
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
                    tracing::warn!(error = ?error, ?delay, "cannot claim; trying again");
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
            }
        }
    }

    /// Gives back what was claimed when the worker was told to stop: another one runs it at once,
    /// and the drain has one handler less to wait for.
    fn give_back(self: &Arc<Self>, operation: &ClaimedOperation) {
        let (queue, claim) = (Arc::clone(self), operation.claim());
        self.running.spawn(async move {
            let release = Release { claim, reason: ReleaseReason::Unstarted };
            if let Err(error) = queue.recorder.release(release).await {
                tracing::error!(op_id = %claim.op_id, error = ?error,
                    "a claim cannot be given back; its lease will expire");
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
            let leased = Leased { operation, held, asked_at };
            queue.run_one(handler, leased, room).await;
        });
    }

    /// One operation from its claim to its stored outcome.
    async fn run_one(&self, handler: Arc<Handler>, leased: Leased, room: Room) {
        let Leased { operation, held, asked_at } = leased;
        let Room { slot, place } = room;
        let attempt = Attempt::of(&operation);
        let began = Instant::now();
        let executed = match handler.may_call(&operation, asked_at.elapsed()) {
            Ok(()) => execute(&handler, operation, &self.states, &held).await,
            Err(refused) => Err(refused),
        };
        let took = began.elapsed();
        held.handler_returned();
        drop(slot);
        let stored = match executed {
            Ok(end) => {
                handler.meters.ended(attempt.source, &end, took);
                self.record(&handler, attempt, end).await
            }
            Err(unrunnable) => self.park(&handler, attempt.claim, unrunnable).await,
        };
        drop((held, place));
        self.watch.moved(attempt.claim.op_id);
        if let Ok(to) = &stored {
            handler.meters.moved(to);
        }
        match stored {
            Ok(Finalized::Stale) => self.divergences.after_stale(attempt.claim).await,
            Ok(Finalized::Finished(_)) if attempt.superseded_others => {
                self.divergences.after_end(vec![attempt.claim.op_id]).await;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(op_id = %attempt.claim.op_id, error = ?error,
                "the end of an attempt cannot be stored; its lease will expire"),
        }
    }

    async fn record(
        &self,
        handler: &Handler,
        attempt: Attempt,
        end: AttemptEnd,
    ) -> Result<Finalized, StoreError> {
        let reason = doubt(&end);
        let ended = attempt.ended(handler, end);
        let finalized = self.recorder.record(ended, handler.registration.finalize).await?;
        let Claim { op_id, fence } = attempt.claim;
        let kind = &handler.policy.kind;
        match &finalized {
            Finalized::Stale => {
                tracing::warn!(%op_id, %kind, %fence, "stale: another worker owns it");
            }
            Finalized::Parked => {
                tracing::warn!(%op_id, %kind, %fence, reason, "parked: a person must resolve it");
            }
            Finalized::HookFailed { reason, due_at } => {
                tracing::warn!(%op_id, %kind, %fence, reason, %due_at, "the finalize hook failed");
            }
            to => tracing::debug!(%op_id, %kind, %fence, %to, "the attempt has ended"),
        }
        Ok(finalized)
    }

    async fn park(
        &self,
        handler: &Handler,
        claim: Claim,
        unrunnable: Unrunnable,
    ) -> Result<Finalized, StoreError> {
        let reason = unrunnable.reason;
        let kind = &handler.policy.kind;
        tracing::error!(op_id = %claim.op_id, %kind, reason, "cannot be run; it is parked");
        let reason = ReleaseReason::Unrunnable { reason };
        Ok(match self.recorder.release(Release { claim, reason }).await? {
            Released::Released => Finalized::Parked,
            Released::Stale => Finalized::Stale,
        })
    }

    async fn wait_for_work(&self, stop: &CancellationToken) {
        let timeout = self.config.poll_every.mul_f64(1.0 - POLL_JITTER * fastrand::f64());
        let store = Arc::clone(&self.store);
        // In a task of its own: a call to the database is never cut off half-way.
        let waiting = tokio::spawn(async move { store.wait_for_work(timeout).await });
        tokio::select! {
            () = stop.cancelled() => {}
            _ = waiting => {}
        }
    }
}

/// Why an attempt is in doubt, on one line.
fn doubt(end: &AttemptEnd) -> Option<String> {
    match end {
        AttemptEnd::InDoubt { reason } => Some(one_line(reason)),
        AttemptEnd::Outcome(_) | AttemptEnd::NotHappened => None,
    }
}

impl Attempt {
    fn of(operation: &ClaimedOperation) -> Self {
        let source = match operation.purpose {
            Purpose::Attempt => Source::Handler,
            Purpose::Reconcile => Source::Reconcile,
        };
        let (attempts, reconciles) = (operation.envelope.attempt, operation.reconciles);
        // Claims of attempts that ended by themselves raise the fence as they raise the attempt.
        let superseded_others = operation.envelope.fence.get() > i64::from(attempts);
        Self { claim: operation.claim(), source, attempts, reconciles, superseded_others }
    }

    fn ended(self, handler: &Handler, end: AttemptEnd) -> EndedAttempt {
        let Self { claim, source, attempts, reconciles, .. } = self;
        let delay = handler.delay(&end, source, attempts, reconciles);
        EndedAttempt { claim, source, end, delay }
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
        () = tokio::time::sleep(delay) => {}
    }
}
