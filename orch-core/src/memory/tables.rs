use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::policies::{Backoff, FINALIZER_HEAD_START, Facts, InDoubt, KindPolicy};
use crate::store::{Claim, Purpose, StoreError};
use crate::words::{
    DeadLetter, Envelope, Fingerprint, Identity, LogEntry, OpId, Operation, Phase, Timestamp,
    WorkerId,
};

/// All that the store keeps.
#[derive(Default)]
pub(super) struct Tables {
    /// The operations, in the order of a listing.
    pub(super) rows: BTreeMap<OpId, Row>,
    /// Which operation has an identity. The number tells redriven ones apart; the first is 0.
    pub(super) identities: HashMap<(Identity, u32), OpId>,
    /// The write-ahead log, oldest first within an operation.
    pub(super) log: BTreeMap<OpId, Vec<Entry>>,
    /// The dead letters.
    pub(super) dead_letters: BTreeMap<OpId, DeadLetter>,
}

/// An operation with what is not for readers.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) operation: Operation,
    pub(super) fingerprint: Fingerprint,
    pub(super) time_budget: Duration,
    pub(super) redrive_number: u32,
    /// The rules of the latest claim; of the defaults before the first.
    pub(super) policy: KindPolicy,
    /// The start of the oldest attempt in doubt; `None` unless doubt stands.
    pub(super) first_called_at: Option<Timestamp>,
    pub(super) key_generation: u32,
    pub(super) reconciles: u32,
    /// What the latest claim was for.
    pub(super) purpose: Purpose,
    pub(super) worker: Option<WorkerId>,
    pub(super) started_at: Option<Timestamp>,
    /// True if the row stands for one that cannot be decoded.
    pub(super) corrupt: bool,
}

/// A log entry with what the Finalizer needs.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) entry: LogEntry,
    /// The backoff from `logged_at`.
    pub(super) delay: Duration,
    /// While PENDING: when the Finalizer may take it.
    pub(super) due_at: Timestamp,
    /// How often its hook failed.
    pub(super) failures: u32,
}

/// What is wrong with a corrupt row.
pub(super) const CORRUPT: &str = "the row cannot be decoded";

impl Tables {
    /// The row that this claim holds the lease of: the guard of renew, log, settle and release.
    pub(super) fn leased(&mut self, claim: Claim) -> Option<&mut Row> {
        self.rows
            .get_mut(&claim.op_id)
            .filter(|row| row.operation.fence == claim.fence)
            .filter(|row| !row.operation.status.is_terminal())
            .filter(|row| row.operation.lease_expires_at.is_some())
    }

    /// The entry logged under this claim, provided that nobody has superseded the claim.
    pub(super) fn entry(&mut self, claim: Claim) -> Option<&mut Entry> {
        self.rows.get(&claim.op_id).filter(|row| row.operation.fence == claim.fence)?;
        let log = self.log.get_mut(&claim.op_id)?;
        log.iter_mut().find(|e| e.entry.fence == claim.fence && !e.entry.late)
    }
}

impl Row {
    /// What the next move depends on.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            attempt: self.operation.attempt,
            max_attempts: self.policy.max_attempts,
            in_doubt: self.policy.in_doubt,
            unresolved: self.first_called_at.is_some(),
            lost_attempts: self.operation.lost_attempts,
            reconciles: self.reconciles,
            max_reconciles: self.policy.max_reconciles,
            replays_errors: self.policy.replays_errors,
            deadline: self.operation.deadline,
        }
    }

    /// The delay after an attempt that this store itself ends.
    pub(super) fn delay(&self) -> Duration {
        self.policy.backoff.delay(self.operation.attempt, fastrand::f64())
    }

    /// True if it may be claimed and its instant has come.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.operation.due_at.is_some_and(|due| due <= now)
    }

    /// True if an operation past its deadline ends without asking anybody.
    pub(super) fn ends_at_deadline(&self) -> bool {
        match self.operation.phase {
            None => !self.operation.status.is_terminal(),
            Some(Phase::Waiting) => true,
            Some(Phase::InDoubt) => self.policy.in_doubt == InDoubt::Retry,
            Some(Phase::Running | Phase::Parked) => false,
        }
    }

    /// What an attempt and a finalize hook know of the operation.
    pub(super) fn envelope(&self) -> Envelope {
        let Operation { identity, payload, .. } = &self.operation;
        Envelope {
            op_id: self.operation.op_id,
            owner: identity.owner.clone(),
            command: crate::words::Command::of(
                identity.kind(),
                identity.biz_key.clone(),
                identity.idem_key.clone(),
                payload.clone(),
            ),
            accepted_at: self.operation.accepted_at,
            deadline: self.operation.deadline,
            attempt: self.operation.attempt,
            fence: self.operation.fence,
            key_generation: self.key_generation,
        }
    }

    /// The operation as readers see it, unless the row is corrupt.
    pub(super) fn decode(&self) -> Result<Operation, StoreError> {
        if self.corrupt {
            let op_id = self.operation.op_id;
            return Err(StoreError::Corrupt { op_id, reason: CORRUPT.to_owned() });
        }
        let mut operation = self.operation.clone();
        operation.reason.take_if(|_| !operation.phase.is_some_and(Phase::has_reason));
        Ok(operation)
    }
}

impl Entry {
    /// An entry that the Finalizer may take once its own worker has had time to.
    pub(super) fn new(entry: LogEntry, delay: Duration) -> Self {
        let due_at = entry.logged_at.plus(FINALIZER_HEAD_START);
        Self { entry, delay, due_at, failures: 0 }
    }

    /// The delay after the next failure of the hook.
    pub(super) fn backoff(&self) -> Duration {
        Backoff::DEFAULT.delay(self.failures, fastrand::f64())
    }
}
