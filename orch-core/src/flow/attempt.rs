use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::execute::{Ran, execute};
use super::{Counts, Handler, Handlers, HeldLease, Recorder, Watch, divergence, told};
use crate::handler::{States, Unrunnable};
use crate::machine::{Finalized, Purpose, ReleaseReason};
use crate::store::{
    Claim, ClaimedOperation, EndedAttempt, Release, Released, Store, StoreError, monotonic,
};
use crate::words::{AttemptEnd, Reference, Source, one_line, storable};

/// What the attempts of one worker have in common.
pub(super) struct Attempts {
    /// The values of `Runtime::state`.
    pub(super) states: States,
    pub(super) recorder: Recorder,
    pub(super) handlers: Handlers,
    pub(super) watch: Watch,
    pub(super) store: Arc<dyn Store>,
}

impl Attempts {
    /// One attempt, or one reconcile, from its claim to its stored end.
    pub(super) async fn run(&self, leased: Leased) {
        let executed = leased.execute(&self.states).await;
        let recorded = executed.record(&self.recorder).await;
        let reference = recorded.about.reference.clone();
        recorded.announce(&self.watch, &*self.store).await;
        if let Some(of) = reference {
            told::apply(&*self.store, &self.watch, &self.handlers, of).await;
        }
    }
}

/// A claimed operation whose lease is kept.
pub(super) struct Leased {
    pub(super) operation: ClaimedOperation,
    pub(super) handler: Arc<Handler>,
    pub(super) held: HeldLease,
    pub(super) room: Room,
    /// Before the claim was sent.
    pub(super) asked_at: Instant,
}

/// Room for one operation: a slot until its handler has returned, and a place among the
/// outcomes that wait to be stored until its own is.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) slot: OwnedSemaphorePermit,
    pub(super) place: OwnedSemaphorePermit,
}

/// The handler has returned, or was not run at all.
struct Executed {
    about: About,
    ended: Result<AttemptEnd, ReleaseReason>,
    took: Duration,
    held: HeldLease,
    place: OwnedSemaphorePermit,
}

/// The end is stored, or cannot be.
struct Recorded {
    about: About,
    /// Why it cannot be run, or is in doubt, on one line.
    reason: Option<String>,
    stored: Result<Stored, StoreError>,
}

/// What has become of the operation.
#[derive(Debug)]
enum Stored {
    /// It moved, or the claim was stale.
    Moved(Finalized),
    /// It waits for a worker that has all it needs.
    GivenBack,
}

/// What is known of an attempt when its handler has taken the rest.
struct About {
    handler: Arc<Handler>,
    claim: Claim,
    source: Source,
    /// Attempts so far.
    attempts: u32,
    /// Reconciles so far.
    reconciles: u32,
    /// Executions so far that used up no attempt.
    uncounted: u32,
    /// What the provider has accepted the call as.
    reference: Option<Reference>,
    /// True if there were other claims than those of the attempts: the answers of some may have
    /// come too late.
    superseded_others: bool,
}

impl Leased {
    /// Runs the handler, or its reconcile, if it may call. The slot is free when it has returned.
    async fn execute(self, states: &States) -> Executed {
        let Self { operation, handler, held, room: Room { slot, place }, asked_at } = self;
        let mut about = About::of(&operation, &handler);
        let began = monotonic::now();
        let ran = match may_run(&handler, &operation, asked_at.elapsed()) {
            Ok(()) => execute(&handler, operation, states, &held).await.map_err(unhandled),
            Err(refused) => Err(refused),
        };
        let ended = ran.map(|ran| about.take_reference(ran));
        let took = began.elapsed();
        held.handler_returned();
        drop(slot);
        Executed { about, ended, took, held, place }
    }
}

impl Executed {
    /// Stores the end, or gives the claim back. The lease is kept until then.
    async fn record(self, recorder: &Recorder) -> Recorded {
        let Self { about, ended, took, held, place } = self;
        let (reason, stored) = match ended {
            Ok(end) => {
                about.refer(recorder).await;
                about.handler.meters.ended(about.source, &end, took);
                let reason = doubt(&end);
                let hook = about.handler.hook.clone();
                (reason, recorder.record(about.ended(end), hook).await.map(Stored::Moved))
            }
            Err(why) => (why.text().map(one_line), about.give_back(recorder, why).await),
        };
        drop((held, place));
        Recorded { about, reason, stored }
    }
}

impl Recorded {
    /// Wakes who waits, counts, logs, and looks for answers that contradict the outcome.
    async fn announce(self, watch: &Watch, store: &dyn Store) {
        let Self { about, reason, stored } = self;
        let Claim { op_id, .. } = about.claim;
        watch.moved(op_id);
        match &stored {
            Ok(Stored::Moved(to)) => {
                about.handler.meters.moved(to);
                about.tell(to, reason.as_deref());
            }
            Ok(Stored::GivenBack) => {
                about.handler.meters.unhandled();
                tracing::warn!(%op_id, kind = %about.handler.policy.kind, reason,
                    "given back: it waits for a worker that has all it needs");
            }
            Err(error) => tracing::error!(%op_id, error = ?error,
                "the end of an attempt cannot be stored; its lease will expire"),
        }
        match stored {
            Ok(Stored::Moved(Finalized::Stale)) => {
                divergence::after_stale(store, about.claim).await
            }
            Ok(Stored::Moved(Finalized::Finished(_) | Finalized::AlreadyFinal(_)))
                if about.superseded_others =>
            {
                divergence::after_end(store, vec![op_id]).await;
            }
            Ok(_) | Err(_) => {}
        }
    }
}

impl About {
    fn of(operation: &ClaimedOperation, handler: &Arc<Handler>) -> Self {
        let source = match operation.purpose {
            Purpose::Attempt => Source::Handler,
            Purpose::Reconcile => Source::Reconcile,
        };
        let (attempts, reconciles) = (operation.envelope.attempt, operation.reconciles);
        let uncounted = operation.uncounted;
        // Claims of attempts that ended by themselves raise the count as they raise the attempt, or what
        // was not counted as one. A fence of a release that had no count in it has less.
        let ended = i64::from(attempts) + i64::from(uncounted);
        let superseded_others = operation.envelope.fence.count() != ended;
        let (handler, claim) = (Arc::clone(handler), operation.claim());
        Self {
            handler,
            claim,
            source,
            attempts,
            reconciles,
            uncounted,
            reference: None,
            superseded_others,
        }
    }

    /// The end of what ran, and in `reference` what the provider has accepted the call as. An
    /// invalid reference is named in the reason; messages then find the operation only by its id.
    fn take_reference(&mut self, ran: Ran) -> AttemptEnd {
        let Ran { mut end, submitted } = ran;
        let provider = self.handler.registration.descriptor.provider;
        let kind = &self.handler.policy.kind;
        match submitted.as_ref().map(|it| it.reference_at(provider)).transpose() {
            Ok(reference) => self.reference = reference.flatten().map(|it| it.of_kind(kind)),
            Err(invalid) => {
                tracing::warn!(op_id = %self.claim.op_id, error = %invalid,
                    "a handler gave a reference that cannot be kept");
                if let AttemptEnd::Submitted { reason, .. } = &mut end {
                    *reason =
                        storable(&format!("{reason}; its reference cannot be kept: {invalid}"));
                }
            }
        }
        end
    }

    /// Keeps the reference. Without it the end is stored all the same.
    async fn refer(&self, recorder: &Recorder) {
        let Some(of) = &self.reference else { return };
        let op_id = self.claim.op_id;
        if let Err(error) = recorder.refer(of.clone(), op_id).await {
            tracing::error!(%op_id, error = ?error,
                "a reference cannot be kept; a message that carries it will not find its operation");
        }
    }

    fn ended(&self, end: AttemptEnd) -> EndedAttempt {
        let Self { handler, claim, source, .. } = self;
        let delay = handler.delay(&end, *source, self.counts());
        EndedAttempt { claim: *claim, source: *source, end, delay }
    }

    const fn counts(&self) -> Counts {
        let Self { attempts, reconciles, uncounted, .. } = *self;
        Counts { attempts, reconciles, uncounted }
    }

    async fn give_back(
        &self,
        recorder: &Recorder,
        reason: ReleaseReason,
    ) -> Result<Stored, StoreError> {
        let given_back = match &reason {
            ReleaseReason::Unrunnable { .. } => Stored::Moved(Finalized::Parked),
            ReleaseReason::Unstarted | ReleaseReason::Unhandled { .. } => Stored::GivenBack,
        };
        Ok(match recorder.release(Release { claim: self.claim, reason }).await? {
            Released::Released => given_back,
            Released::Stale => Stored::Moved(Finalized::Stale),
        })
    }

    fn tell(&self, to: &Finalized, reason: Option<&str>) {
        let Claim { op_id, fence } = self.claim;
        let kind = &self.handler.policy.kind;
        match to {
            Finalized::Stale => {
                tracing::warn!(%op_id, %kind, %fence, "stale: another worker owns the operation");
            }
            Finalized::Parked => {
                tracing::warn!(%op_id, %kind, %fence, reason, "parked: an operator must resolve it");
            }
            Finalized::HookFailed { reason, due_at } => {
                tracing::warn!(%op_id, %kind, %fence, reason, %due_at, "the finalize hook failed");
            }
            Finalized::Refused { reason } => {
                tracing::error!(%op_id, %kind, %fence, reason, "the database refuses to move it");
            }
            Finalized::Finished(_) | Finalized::AlreadyFinal(_) => {
                tracing::info!(%op_id, %kind, %fence, attempts = self.attempts, %to, "ended");
            }
            Finalized::InDoubt { .. } => {
                tracing::info!(%op_id, %kind, %fence, reason, %to, "nobody knows whether it happened");
            }
            Finalized::Submitted { .. } => {
                tracing::info!(%op_id, %kind, %fence, reason, %to, "the provider has accepted it");
            }
            Finalized::Waiting { .. } => {
                tracing::debug!(%op_id, %kind, %fence, %to, "the attempt has ended");
            }
        }
    }
}

/// Whether the attempt, or the reconcile, may begin.
fn may_run(
    handler: &Handler,
    operation: &ClaimedOperation,
    since_claim: Duration,
) -> Result<(), ReleaseReason> {
    handler.can_finish(operation).map_err(unhandled)?;
    let refused = |Unrunnable { reason }| ReleaseReason::Unrunnable { reason };
    handler.may_call(operation, since_claim).map_err(refused)
}

fn unhandled(Unrunnable { reason }: Unrunnable) -> ReleaseReason {
    ReleaseReason::Unhandled { reason }
}

/// Why an attempt is in doubt, or its result unreadable, on one line.
fn doubt(end: &AttemptEnd) -> Option<String> {
    match end {
        AttemptEnd::InDoubt { reason }
        | AttemptEnd::Unreadable { reason, .. }
        | AttemptEnd::StillRunning { reason, .. }
        | AttemptEnd::AlreadyDone { reason }
        | AttemptEnd::Submitted { reason, .. } => Some(one_line(reason)),
        AttemptEnd::Outcome(_) | AttemptEnd::NotHappened => None,
    }
}
