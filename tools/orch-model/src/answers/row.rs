use std::sync::LazyLock;
use std::time::Duration;

use orch_core::machine;
use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::words::{
    Failure, Fence, FinalOutcome, Kind, OpId, Payload, Phase, Status, Timestamp, WorkerId,
};

use super::{MAX_ATTEMPTS, MAX_RECONCILES, MAX_UNCOUNTED, Rules};

static KIND: LazyLock<Kind> = LazyLock::new(|| match Kind::new("A", "B") {
    Ok(kind) => kind,
    Err(invalid) => unreachable!("{invalid}"),
});

/// From the only instant before the deadline to the only one after it.
const BUDGET: Duration = Duration::from_secs(1);

/// The columns of a [`machine::Row`] that differ here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// Where it is.
    pub status: Status,
    /// What it is doing.
    pub phase: Option<Phase>,
    /// Executions that were counted as attempts.
    pub attempt: u8,
    /// The count in the fence of the latest claim or take-over.
    pub fence: u8,
    /// Attempts that ended with Retry, or were told that it is still running.
    pub retries: u8,
    /// Attempts whose end is unknown.
    pub lost_attempts: u8,
    /// Executions that used up no attempt.
    pub uncounted: u8,
    /// Reconciles.
    pub reconciles: u8,
    /// How often the key was replaced.
    pub key_generation: u8,
    /// When it may be claimed.
    pub due: Due,
    /// True if a worker holds it.
    pub leased: bool,
    /// True while doubt remains.
    pub unresolved: bool,
    /// True once the provider has said that it was done already.
    pub already_done: bool,
    /// True once the provider has accepted it.
    pub submitted: bool,
    /// What follows doubt, as the latest claim wrote it.
    pub in_doubt: InDoubt,
    /// The terminal outcome.
    pub outcome: Option<Final>,
}

/// When an operation may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// Not by itself.
    Never,
    /// At once: every delay that ends before the deadline is over.
    Now,
    /// At the deadline.
    AtTheDeadline,
}

/// The terminal outcome of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Final {
    /// COMPLETED.
    Ok,
    /// FAILED.
    Failed {
        /// True if the provider may have acted all the same.
        uncertain: bool,
    },
}

/// Before the deadline, or after it.
pub(super) fn instant(late: bool) -> Timestamp {
    Timestamp::from_micros(0).plus(if late { BUDGET } else { Duration::ZERO })
}

pub(super) fn fence(count: u8) -> Fence {
    Fence::new(i64::from(count) << Fence::CLAIM_ID_BITS)
}

pub(super) fn worker() -> WorkerId {
    WorkerId::from_stored("w".to_owned())
}

/// What the handler declares. Its provider repeats the errors of a key, so that keys have generations.
pub(super) fn policy(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy {
        max_attempts: MAX_ATTEMPTS.into(),
        max_uncounted: MAX_UNCOUNTED.into(),
        max_reconciles: MAX_RECONCILES.into(),
        in_doubt,
        replays_errors: true,
        ..KindPolicy::new(KIND.clone())
    }
}

/// All counts here are small; one that is not is as good as endless.
pub(super) fn small(count: impl TryInto<u8>) -> u8 {
    count.try_into().unwrap_or(u8::MAX)
}

impl Row {
    pub(super) fn accepted(rules: &Rules) -> Self {
        let op_id = OpId::from_bytes([1; 16]);
        let row = machine::Row::accepted(op_id, KIND.clone(), BUDGET, instant(false));
        Self { in_doubt: rules.in_doubt, ..Self::encode(&row) }
    }

    /// The row as the machine takes it.
    pub(super) fn decode(&self) -> machine::Row {
        let op_id = OpId::from_bytes([1; 16]);
        let then = instant(false);
        machine::Row {
            status: self.status,
            phase: self.phase,
            attempt: self.attempt.into(),
            fence: fence(self.fence),
            retries: self.retries.into(),
            lost_attempts: self.lost_attempts.into(),
            uncounted: self.uncounted.into(),
            reconciles: self.reconciles.into(),
            key_generation: self.key_generation.into(),
            due_at: match self.due {
                Due::Never => None,
                Due::Now => Some(then),
                Due::AtTheDeadline => Some(instant(true)),
            },
            lease_expires_at: self.leased.then_some(then),
            worker: self.leased.then(worker),
            started_at: self.leased.then_some(then),
            first_called_at: self.unresolved.then_some(then),
            already_done: self.already_done,
            submitted: self.submitted,
            policy: policy(self.in_doubt),
            outcome: self.outcome.map(|outcome| match outcome {
                Final::Ok => FinalOutcome::Ok(Payload::default()),
                Final::Failed { uncertain } => {
                    FinalOutcome::Failed(Failure::new("A", "a").uncertain(uncertain))
                }
            }),
            finished_at: self.outcome.map(|_| then),
            ..machine::Row::accepted(op_id, KIND.clone(), BUDGET, then)
        }
    }

    /// The columns of a row.
    pub(super) fn encode(row: &machine::Row) -> Self {
        Self {
            status: row.status,
            phase: row.phase,
            attempt: small(row.attempt),
            fence: small(row.fence.count()),
            retries: small(row.retries),
            lost_attempts: small(row.lost_attempts),
            uncounted: small(row.uncounted),
            reconciles: small(row.reconciles),
            key_generation: small(row.key_generation),
            due: match row.due_at {
                None => Due::Never,
                Some(due_at) if due_at < row.deadline => Due::Now,
                Some(_) => Due::AtTheDeadline,
            },
            leased: row.lease_expires_at.is_some(),
            unresolved: row.is_unresolved(),
            already_done: row.already_done,
            submitted: row.submitted,
            in_doubt: row.policy.in_doubt,
            outcome: row.outcome.as_ref().map(|outcome| match outcome {
                FinalOutcome::Ok(_) => Final::Ok,
                FinalOutcome::Failed(failure) => Final::Failed { uncertain: failure.uncertain },
            }),
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        self.phase == Some(Phase::Parked)
    }
}
