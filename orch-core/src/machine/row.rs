use std::time::Duration;

use super::Purpose;
use crate::policies::{InDoubt, KindPolicy, UNDATED_RETENTION};
use crate::words::{
    Command, Envelope, Fence, FinalOutcome, Identity, KeySeed, Kind, OpId, Operation, Payload,
    Phase, Status, Timestamp, WorkerId,
};

/// What was asked for: it is written at accept and never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Owner, domain, event type, business key and idempotency key.
    pub identity: Identity,
    /// The encoded body.
    pub payload: Payload,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The failed operation that this one runs again.
    pub redrive_of: Option<OpId>,
    /// How many redrives of the same identity came before: 0 unless it is one.
    pub redrive: u32,
    /// What its provider keys are derived from; `None` for operations of release 0.1.0.
    pub key_seed: Option<KeySeed>,
}

/// What a store keeps of an operation and what a [`step`](super::step) may change. The
/// [`Request`] is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The operation.
    pub op_id: OpId,
    /// Where it is.
    pub status: Status,
    /// What it is doing: there if and only if it is IN_PROGRESS.
    pub phase: Option<Phase>,
    /// Executions so far that were counted as attempts.
    pub attempt: u32,
    /// The fence of the latest claim or take-over. It only grows.
    pub fence: Fence,
    /// Attempts that ended with Retry, and executions that were told that the provider is still running.
    pub retries: u32,
    /// Attempts whose end is unknown.
    pub lost_attempts: u32,
    /// Executions so far that used up no attempt, at most the limit of the policy: the provider was
    /// still at work on an earlier call.
    pub uncounted: u32,
    /// Reconciles so far.
    pub reconciles: u32,
    /// How often the provider key was replaced.
    pub key_generation: u32,
    /// From accept, or from an operator's decision to run it again, to the deadline.
    pub time_budget: Duration,
    /// When the time budget ends.
    pub deadline: Timestamp,
    /// When it may next be claimed; `None` while it may not be.
    pub due_at: Option<Timestamp>,
    /// When the lease ends; `None` while there is none.
    pub lease_expires_at: Option<Timestamp>,
    /// Who holds the lease: there if and only if there is one.
    pub worker: Option<WorkerId>,
    /// When the claim that holds the lease was made.
    pub started_at: Option<Timestamp>,
    /// The claim of the oldest attempt in doubt; `None` unless doubt remains.
    pub first_called_at: Option<Timestamp>,
    /// True once the provider has said that it had been done already: then "not happened" means that
    /// another operation did it, and this one does not run again by itself.
    pub already_done: bool,
    /// True once the provider has accepted the call: then the handler does not run again by itself.
    pub submitted: bool,
    /// The kind and its rules as the latest claim wrote them; the defaults before the first.
    pub policy: KindPolicy,
    /// The terminal outcome: there if and only if the status is terminal.
    pub outcome: Option<FinalOutcome>,
    /// When it became terminal.
    pub finished_at: Option<Timestamp>,
    /// From when it may be removed: there only if it is terminal. `None` as well where an earlier
    /// release has ended it.
    pub expires_at: Option<Timestamp>,
    /// Why it waits, is in doubt or is parked, as text to read.
    pub reason: Option<String>,
    /// The number of the database's incarnation under which it was accepted, or since which its
    /// history is whole.
    pub incarnation: u32,
    /// Since when no worker that claimed it has had all that it needs; `None` once it was run.
    pub unhandled_since: Option<Timestamp>,
}

impl Row {
    /// **S1.** A new operation: PENDING and due at once.
    #[must_use]
    pub fn accepted(op_id: OpId, kind: Kind, time_budget: Duration, now: Timestamp) -> Self {
        Self {
            op_id,
            status: Status::Pending,
            phase: None,
            attempt: 0,
            fence: Fence::default(),
            retries: 0,
            lost_attempts: 0,
            uncounted: 0,
            reconciles: 0,
            key_generation: 0,
            time_budget,
            deadline: now.plus(time_budget),
            due_at: Some(now),
            lease_expires_at: None,
            worker: None,
            started_at: None,
            first_called_at: None,
            already_done: false,
            submitted: false,
            policy: KindPolicy::new(kind),
            outcome: None,
            finished_at: None,
            expires_at: None,
            reason: None,
            incarnation: 1,
            unhandled_since: None,
        }
    }

    /// True while doubt remains: an attempt ended without a definite answer, and nothing has
    /// cleared that since.
    #[must_use]
    pub const fn is_unresolved(&self) -> bool {
        self.first_called_at.is_some()
    }

    /// True if all attempts of it are known: it was accepted since the database last lost a part
    /// of its history.
    #[must_use]
    pub const fn is_whole(&self, whole_since: u32) -> bool {
        self.incarnation >= whole_since
    }

    /// True if a worker with this policy may claim it now. Past its deadline only a reconcile may
    /// begin; the sweep ends the others.
    #[must_use]
    pub fn is_claimable(&self, policy: &KindPolicy, whole_since: u32, now: Timestamp) -> bool {
        let reconciles = self.purpose_for(policy) == Purpose::Reconcile;
        self.policy.kind == policy.kind
            && self.is_whole(whole_since)
            && self.due_at.is_some_and(|due_at| due_at <= now)
            && (reconciles || self.deadline > now)
    }

    /// What a claim under this policy would be for.
    #[must_use]
    pub fn purpose_for(&self, policy: &KindPolicy) -> Purpose {
        Purpose::of(self.is_unresolved(), self.policy.in_doubt, policy.in_doubt)
    }

    /// What the claim that holds the lease is for; `None` without a lease.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        self.lease_expires_at?;
        match self.phase? {
            Phase::Running => Some(Purpose::Attempt),
            Phase::InDoubt | Phase::Submitted => Some(Purpose::Reconcile),
            Phase::Waiting | Phase::Parked => None,
        }
    }

    /// True while this fence is the latest one and the operation is IN_PROGRESS.
    #[must_use]
    pub fn is_under(&self, fence: Fence) -> bool {
        self.status == Status::InProgress && self.fence == fence
    }

    /// True while the claim with this fence holds the lease: the guard of renew, log, settle and
    /// release. An expired lease counts until it is taken back.
    #[must_use]
    pub fn is_held_under(&self, fence: Fence) -> bool {
        self.is_under(fence) && self.lease_expires_at.is_some()
    }

    /// True if the lease has run out.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.lease_expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// True if an attempt of it may be missing from its history, and it can be put in doubt for
    /// that now: it is due, and so neither finished nor held by a worker.
    #[must_use]
    pub fn is_to_be_doubted(&self, whole_since: u32, now: Timestamp) -> bool {
        !self.is_whole(whole_since) && self.due_at.is_some_and(|due_at| due_at <= now)
    }

    /// True if the time budget is spent and no worker or provider has to be asked before the
    /// operation ends: it is PENDING, waiting, in doubt with `retry` declared, or submitted and its handler
    /// has no reconcile.
    #[must_use]
    pub fn is_over_budget(&self, whole_since: u32, now: Timestamp) -> bool {
        let idle = match self.phase {
            None => !self.status.is_terminal(),
            Some(Phase::Waiting) => true,
            Some(Phase::InDoubt) => self.policy.in_doubt == InDoubt::Retry,
            Some(Phase::Submitted) => self.policy.in_doubt != InDoubt::Reconcile,
            Some(Phase::Running | Phase::Parked) => false,
        };
        idle && self.is_whole(whole_since) && self.due_at.is_some() && self.deadline <= now
    }

    /// Until when it is kept at least; `None` unless it is terminal.
    #[must_use]
    pub fn kept_until(&self) -> Option<Timestamp> {
        let undated = || Some(self.finished_at?.plus(UNDATED_RETENTION));
        self.expires_at.or_else(undated)
    }

    /// The operation as readers see it. The reason is told while the operation waits for
    /// something.
    #[must_use]
    pub fn operation(&self, request: Request) -> Operation {
        let Request { identity, payload, accepted_at, redrive_of, redrive, key_seed } = request;
        let waits = self.phase.is_some_and(Phase::has_reason);
        Operation {
            op_id: self.op_id,
            identity,
            payload,
            status: self.status,
            phase: self.phase,
            attempt: self.attempt,
            fence: self.fence,
            retries: self.retries,
            lost_attempts: self.lost_attempts,
            accepted_at,
            deadline: self.deadline,
            due_at: self.due_at,
            lease_expires_at: self.lease_expires_at,
            finished_at: self.finished_at,
            expires_at: self.kept_until(),
            outcome: self.outcome.clone(),
            reason: self.reason.clone().filter(|_| waits),
            redrive_of,
            redrive,
            key_seed,
        }
    }

    /// What an attempt and a finalize hook are told about the operation.
    #[must_use]
    pub fn envelope(&self, request: Request) -> Envelope {
        let Request { identity, payload, accepted_at, redrive, key_seed, .. } = request;
        let kind = identity.kind();
        let Identity { owner, biz_key, idem_key, .. } = identity;
        Envelope {
            op_id: self.op_id,
            owner,
            command: Command::of(kind, biz_key, idem_key, payload),
            accepted_at,
            deadline: self.deadline,
            attempt: self.attempt,
            fence: self.fence,
            key_generation: self.key_generation,
            redrive,
            key_seed,
        }
    }
}
