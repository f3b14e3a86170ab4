//! What goes into the verbs of the [`Store`](super::Store), and what comes out.

use std::time::Duration;

use serde::Serialize;

use super::FinalizeHook;
use crate::policies::{InDoubt, KindPolicy};
use crate::words::{
    AttemptEnd, Command, Envelope, Failure, Fence, Fingerprint, Invalid, Kind, OpId, Operation,
    Owner, Payload, Phase, Settlement, Source, State, Timestamp, WorkerId,
};

/// One command to accept.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The id that the operation gets if it is new. The same id again is the same attempt to
    /// accept, repeated because its answer was lost.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// What is asked for.
    pub command: Command,
    /// What a repetition must match.
    pub fingerprint: Fingerprint,
    /// Time from accept to the deadline.
    pub time_budget: Duration,
}

/// What became of an [`Acceptance`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// It is stored, PENDING, under the id given.
    Created {
        /// The operation.
        op_id: OpId,
    },
    /// The identity is there already, with the same fingerprint.
    Replayed {
        /// The operation that is there.
        op_id: OpId,
    },
    /// The identity is there already, with another fingerprint. Nothing is stored.
    Conflict {
        /// The operation that is there.
        op_id: OpId,
        /// Its payload, so that the caller can name the fields that differ.
        payload: Payload,
    },
}

/// What to claim.
#[derive(Debug, Clone)]
pub struct ClaimParams {
    /// The kinds that the worker can run, in the order in which to look for work.
    pub kinds: Vec<KindPolicy>,
    /// Who claims.
    pub worker: WorkerId,
    /// At most so many: the worker's free slots.
    pub limit: usize,
    /// How long the lease lasts unless renewed.
    pub lease: Duration,
}

/// What a claim hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// An operation, leased to the worker.
    Attempt(Attempt),
    /// A row that cannot be decoded: it is parked now, and no attempt is counted.
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong with the row.
        reason: String,
    },
}

/// A leased operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The command, its ids, its attempt number and fence.
    pub envelope: Envelope,
    /// Why it was claimed.
    pub purpose: Purpose,
    /// Questions put to the provider so far, this one included.
    pub reconciles: u32,
    /// When this claim was made, by the store's clock.
    pub claimed_at: Timestamp,
    /// When the provider may first have been called without a definite answer since: the claim
    /// of the oldest run in doubt; this claim where no doubt stands.
    pub first_called_at: Timestamp,
    /// True if doubt stands: an earlier run ended without a definite answer and nothing has
    /// settled that since.
    pub unresolved: bool,
}

impl Attempt {
    /// The guard of every write about it.
    #[must_use]
    pub const fn lease(&self) -> Lease {
        Lease { op_id: self.envelope.op_id, fence: self.envelope.fence }
    }
}

/// What a claimed operation is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Run the handler: `attempt` has gone up.
    Run,
    /// Ask the provider what happened: `attempt` has not, the operation is in doubt.
    Reconcile,
}

impl Purpose {
    /// What an operation is claimed for. While doubt stands, in whatever phase, it is reconciled
    /// if its row declares that or the claimer does: where a deploy changed the declaration, a
    /// question is safe and a run may not be. (A handler without a reconcile parks what is to be
    /// reconciled.)
    #[must_use]
    pub fn of(unresolved: bool, row: InDoubt, claimer: InDoubt) -> Self {
        let declared = row == InDoubt::Reconcile || claimer == InDoubt::Reconcile;
        if unresolved && declared { Self::Reconcile } else { Self::Run }
    }

    /// The declaration that a claim for this purpose writes into the row.
    #[must_use]
    pub fn declares(self, claimer: InDoubt) -> InDoubt {
        match self {
            Self::Run => claimer,
            Self::Reconcile => InDoubt::Reconcile,
        }
    }
}

/// Who holds what: the guard of every write after a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The operation.
    pub op_id: OpId,
    /// The fence of the claim.
    pub fence: Fence,
}

/// Which leases to renew.
#[derive(Debug, Clone)]
pub struct RenewParams {
    /// All operations of one worker.
    pub leases: Vec<Lease>,
    /// How long each lasts from now.
    pub lease: Duration,
}

/// What became of one renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lasts until then.
    Renewed {
        /// Its new end.
        lease_expires_at: Timestamp,
    },
    /// The operation has another owner, no lease, or is terminal.
    Stale,
}

/// An attempt, or a question to the provider, that has ended.
#[derive(Debug, Clone)]
pub struct EndedAttempt {
    /// Under which claim.
    pub claim: Lease,
    /// Handler or reconcile.
    pub source: Source,
    /// How it ended.
    pub end: AttemptEnd,
    /// The backoff from now, what the provider asked for included; used if it runs again.
    pub delay: Duration,
}

/// What became of an entry for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It is in the log, PENDING; also when the same claim logged before (then the first entry
    /// stands).
    Logged,
    /// The claim is superseded or the operation terminal. An answer is kept as a late outcome.
    Stale,
}

/// A logged outcome to finalize.
#[derive(Debug, Clone)]
pub struct Finalization {
    /// The claim that it is logged under.
    pub claim: Lease,
    /// The hook to run in the same transaction if the operation becomes terminal.
    pub hook: Option<FinalizeHook>,
}

/// What became of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finalized {
    /// The operation is terminal with this outcome.
    Finished(Settlement),
    /// It waits for its next attempt.
    Waiting {
        /// When that is due.
        due_at: Timestamp,
    },
    /// It is in doubt.
    InDoubt {
        /// When it is next looked at.
        due_at: Timestamp,
    },
    /// It waits for a person.
    Parked,
    /// The hook failed: nothing changed but the time of the next try.
    HookFailed {
        /// The hook's error.
        reason: String,
        /// When the Finalizer tries again.
        due_at: Timestamp,
    },
    /// The claim is superseded, or nothing is logged under it. An answer given to `settle` is
    /// kept as a late outcome.
    Stale,
}

impl Finalized {
    /// Where an operation stands: what a repeated call is told.
    #[must_use]
    pub fn standing(operation: &Operation) -> Self {
        match (&operation.settlement, operation.phase, operation.due_at) {
            (Some(settlement), ..) => Self::Finished(settlement.clone()),
            (None, Some(Phase::Waiting), Some(due_at)) => Self::Waiting { due_at },
            (None, Some(Phase::InDoubt), Some(due_at)) => Self::InDoubt { due_at },
            (None, Some(Phase::Parked), _) => Self::Parked,
            _ => Self::Stale,
        }
    }
}

/// An operation to give back without having run it.
#[derive(Debug, Clone)]
pub struct Release {
    /// Under which claim.
    pub claim: Lease,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a claimed operation was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The worker shuts down: due again at once.
    Unstarted,
    /// It cannot be run, or must not be: its payload is not what the handler takes, or another
    /// call could act twice. Parked, with this reason.
    Unrunnable {
        /// What is wrong, without the content, and what a person can do.
        reason: String,
    },
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is given back; the attempt is not counted.
    Released,
    /// The claim is superseded.
    Stale,
}

/// One pass of a sweep.
#[derive(Debug, Clone)]
pub struct SweepParams {
    /// The kinds that this worker has handlers for. A PENDING operation of another kind is left
    /// alone: it waits for a worker that knows it.
    pub kinds: Vec<KindPolicy>,
    /// At most so many operations.
    pub limit: usize,
}

/// An operation that a sweep moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The operation.
    pub op_id: OpId,
    /// What it is.
    pub kind: Kind,
    /// Where it went. [`Swept::logged`] if its kind has a finalize hook.
    pub to: Option<Finalized>,
}

impl Swept {
    /// True if its end is logged and the Finalizer has to run the hook.
    #[must_use]
    pub const fn logged(&self) -> bool {
        self.to.is_none()
    }
}

/// A logged outcome whose state has not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinalized {
    /// The claim that it is logged under.
    pub claim: Lease,
    /// Which handler's hook to run.
    pub kind: Kind,
}

/// Which operations to list, oldest first.
#[derive(Debug, Clone, Default)]
pub struct ListParams {
    /// Only this owner's.
    pub owner: Option<Owner>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Go on after this place.
    pub after: Option<Cursor>,
    /// At most so many; 0 means 100.
    pub limit: usize,
}

impl ListParams {
    /// Rows on a page.
    #[must_use]
    pub const fn page_size(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

/// A place in a listing: operations are listed in the order of their ids, hence roughly of
/// their acceptance.
pub type Cursor = OpId;

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T = Listed> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

/// Which operations with a late answer to name, in the order of their ids.
#[derive(Debug, Clone)]
pub struct LateParams {
    /// Only among these.
    pub of: Option<Vec<OpId>>,
    /// Only this owner's.
    pub owner: Option<Owner>,
    /// Go on after this place.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

impl LateParams {
    /// True if the operation of this owner is asked for.
    #[must_use]
    pub fn includes(&self, (op_id, owner): &(OpId, Owner)) -> bool {
        self.of.as_ref().is_none_or(|of| of.contains(op_id))
            && self.owner.as_ref().is_none_or(|wanted| wanted == owner)
            && self.after.is_none_or(|after| *op_id > after)
    }
}

/// A listed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// An operation.
    Operation(Box<Operation>),
    /// A row that cannot be decoded.
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong with the row.
        reason: String,
    },
}

/// A person's decision about a parked operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// The provider did it: COMPLETED with this output, [`Settle::ok`] of what the handler would
    /// have returned. It is not checked against that type: whoever waits decodes it.
    Ok(Payload),
    /// It did not: FAILED.
    Fail(Failure),
    /// Run it once more: due at once, with a fresh time budget and fresh questions to the
    /// provider. Its attempts go on counting, so with none left a retry fails it.
    RunAgain,
}

impl Settle {
    /// The provider did it: COMPLETED with this output, a value as the handler returns it.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the output has no JSON form.
    pub fn ok<T: Serialize + ?Sized>(output: &T) -> Result<Self, Invalid> {
        Payload::json(output).map(Self::Ok)
    }

    /// It did not: FAILED, for certain, with a code for programs and a sentence for people.
    #[must_use]
    pub fn fail(code: &str, message: &str) -> Self {
        Self::Fail(Failure::new(code, message))
    }
}

/// A parked operation to settle.
#[derive(Debug, Clone)]
pub struct SettleParams {
    /// The operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The decision.
    pub settle: Settle,
    /// Who decided.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What became of a person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledParked {
    /// It is carried out. `None` if it is logged and the Finalizer has to run the hook.
    Settled(Option<Finalized>),
    /// The operation is not parked.
    NotParked {
        /// The state that it is in.
        state: State,
        /// Its phase.
        phase: Option<Phase>,
    },
    /// This owner has no such operation.
    NotFound,
}

/// A failed operation to run anew.
#[derive(Debug, Clone)]
pub struct RedriveParams {
    /// The failed operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The id of the new one.
    pub new_op_id: OpId,
    /// True to run it anew although the provider may have acted.
    pub even_if_uncertain: bool,
}

/// What became of a redrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// A new, linked operation is PENDING, with the payload, identity and time budget of the
    /// failed one.
    Created {
        /// The new operation.
        op_id: OpId,
    },
    /// It was redriven before.
    AlreadyRedriven {
        /// The operation that runs it anew.
        op_id: OpId,
    },
    /// Its failure is uncertain, or a success was answered too late, and `even_if_uncertain` was
    /// not set: a new operation has a new provider key, so it could make the provider act twice.
    Uncertain,
    /// It has not failed.
    NotFailed {
        /// The state that it is in.
        state: State,
    },
    /// This owner has no such operation.
    NotFound,
}

/// What to remove.
#[derive(Debug, Clone, Copy)]
pub struct PurgeParams {
    /// COMPLETED operations, once finished for so long.
    pub completed_after: Duration,
    /// FAILED operations with their dead letters, once finished for so long.
    pub failed_after: Duration,
    /// At most so many operations.
    pub limit: usize,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Operations removed, their log entries and dead letters with them.
    pub operations: usize,
}
