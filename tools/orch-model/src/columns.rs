//! How a world keeps what the machine works on: in columns, as a database does. They are small, so
//! that a state is small and is hashed fast. A row is decoded before each step and encoded after
//! it.
//!
//! Left out is what no step reads: worker ids, reasons and other texts, `finished_at`, `expires_at`;
//! and what is the same in every row: the kind, the time budget, the backoff and the retention.

use std::sync::LazyLock;
use std::time::Duration;

use orch_core::machine;
use orch_core::policies::{Backoff, KindPolicy, Retention};
use orch_core::words::{
    AttemptEnd, ClaimId, Failure, Fence, FinalOutcome, Kind, LogEntry, OpId, Outcome, Payload,
    Timestamp, WorkerId,
};

use crate::rules::{DELAY, MAX_RECONCILES, TIME_BUDGET};
use crate::world::{End, Entry, Final, Policy, Row, Verdict};
use crate::{Declared, Rules};

static KIND: LazyLock<Kind> = LazyLock::new(|| match Kind::new("A", "B") {
    Ok(kind) => kind,
    Err(invalid) => unreachable!("{invalid}"),
});

impl Row {
    /// A newly accepted operation.
    pub(crate) fn accepted(op: usize, now: u8, incarnation: u8) -> Self {
        let op_id = OpId::from_bytes([small(op); 16]);
        let row = machine::Row::accepted(op_id, KIND.clone(), seconds(TIME_BUDGET), instant(now));
        Self { incarnation, ..Self::encode(&row) }
    }

    /// The row as the machine takes it.
    #[must_use]
    pub(crate) fn decode(&self, op: usize) -> machine::Row {
        machine::Row {
            op_id: OpId::from_bytes([small(op); 16]),
            status: self.status,
            phase: self.phase,
            attempt: self.attempt.into(),
            fence: fence(self.fence),
            retries: self.retries.into(),
            lost_attempts: self.lost_attempts.into(),
            uncounted: 0,
            reconciles: self.reconciles.into(),
            key_generation: self.key_generation.into(),
            time_budget: seconds(TIME_BUDGET),
            deadline: instant(self.deadline),
            due_at: self.due_at.map(instant),
            lease_expires_at: self.lease_expires_at.map(instant),
            worker: self.lease_expires_at.map(|_| worker()),
            started_at: self.started_at.map(instant),
            first_called_at: self.first_called_at.map(instant),
            already_done: false,
            submitted: false,
            policy: self.policy.decode(),
            outcome: self.outcome.map(FinalOutcome::from),
            finished_at: self.outcome.map(|_| instant(0)),
            expires_at: None,
            reason: None,
            incarnation: self.incarnation.into(),
            unhandled_since: None,
        }
    }

    /// The columns of a row, with an empty log.
    pub(crate) fn encode(row: &machine::Row) -> Self {
        Self {
            status: row.status,
            phase: row.phase,
            attempt: small(row.attempt),
            fence: number(row.fence),
            retries: small(row.retries),
            lost_attempts: small(row.lost_attempts),
            reconciles: small(row.reconciles),
            key_generation: small(row.key_generation),
            deadline: tick(row.deadline),
            due_at: row.due_at.map(tick),
            lease_expires_at: row.lease_expires_at.map(tick),
            started_at: row.started_at.map(tick),
            first_called_at: row.first_called_at.map(tick),
            policy: Policy::encode(&row.policy),
            outcome: row.outcome.as_ref().map(Final::from),
            incarnation: small(row.incarnation),
            log: Vec::new(),
            claims: 0,
            first_end: None,
            marks: 0,
            skipped: false,
            unclaimed: None,
        }
    }
}

impl Entry {
    /// The entry as the machine takes it.
    pub(crate) fn decode(&self) -> machine::Entry {
        let (end, logged_at) = (self.end.attempt_end(), instant(self.logged_at));
        let mut log = LogEntry::new(fence(self.fence), 0, self.source, end, logged_at);
        log.started_at = self.started_at.map(instant);
        log.status = self.status;
        log.late = self.late;
        let due_at = self.due_at.map(instant);
        let hook_failures = self.hook_failures.into();
        let mut entry = machine::Entry { log, delay: Duration::ZERO, due_at, hook_failures };
        if entry.is_of_worker() {
            entry.delay = seconds(DELAY);
        }
        entry
    }

    /// The columns of an entry.
    pub(crate) fn encode(entry: &machine::Entry) -> Self {
        let log = &entry.log;
        Self {
            fence: number(log.fence),
            source: log.source,
            end: End::from(&log.end),
            started_at: log.started_at.map(tick),
            logged_at: tick(log.logged_at),
            status: log.status,
            due_at: entry.due_at.map(tick),
            hook_failures: small(entry.hook_failures),
            late: log.late,
        }
    }
}

impl Policy {
    fn decode(self) -> KindPolicy {
        KindPolicy {
            kind: KIND.clone(),
            max_attempts: self.max_attempts.into(),
            max_uncounted: 0,
            backoff: const { Backoff::from_millis(DELAY as u64 * 1000, DELAY as u64 * 1000) },
            in_doubt: self.in_doubt,
            max_reconciles: self.max_reconciles.into(),
            replays_errors: self.replays_errors,
            hooked: self.hooked,
            retention: Retention::DEFAULT,
        }
    }

    fn encode(policy: &KindPolicy) -> Self {
        Self {
            max_attempts: small(policy.max_attempts),
            in_doubt: policy.in_doubt,
            max_reconciles: small(policy.max_reconciles),
            replays_errors: policy.replays_errors,
            hooked: policy.hooked,
        }
    }
}

impl Rules {
    /// What the worker's handler declares for this operation. Its provider replays errors, so that
    /// keys have generations.
    pub(crate) fn policy(&self, op: usize) -> KindPolicy {
        let Declared { in_doubt, hooked, .. } = self.declared(op);
        Policy {
            max_attempts: small(self.max_attempts),
            in_doubt,
            max_reconciles: small(MAX_RECONCILES),
            replays_errors: true,
            hooked,
        }
        .decode()
    }
}

impl End {
    /// The end as the machine takes it.
    #[must_use]
    pub fn attempt_end(self) -> AttemptEnd {
        match self {
            Self::Ok => AttemptEnd::Outcome(Outcome::Ok { output: Payload::default() }),
            Self::Failed(verdict) => AttemptEnd::Outcome(Outcome::Fail(verdict.failure())),
            Self::Retry => {
                AttemptEnd::Outcome(Outcome::Retry { reason: String::new(), after: None })
            }
            Self::InDoubt => AttemptEnd::InDoubt { reason: String::new() },
            Self::NotHappened => AttemptEnd::NotHappened,
        }
    }
}

impl From<&AttemptEnd> for End {
    fn from(end: &AttemptEnd) -> Self {
        match end {
            AttemptEnd::Outcome(Outcome::Ok { .. }) => Self::Ok,
            AttemptEnd::Outcome(Outcome::Fail(failure)) => Self::Failed(Verdict::of(failure)),
            AttemptEnd::Outcome(Outcome::Retry { .. }) => Self::Retry,
            AttemptEnd::InDoubt { .. } => Self::InDoubt,
            AttemptEnd::NotHappened => Self::NotHappened,
            unknown => unreachable!("{unknown:?} has no column here"),
        }
    }
}

impl From<&FinalOutcome> for Final {
    fn from(outcome: &FinalOutcome) -> Self {
        match outcome {
            FinalOutcome::Ok(_) => Self::Ok,
            FinalOutcome::Failed(failure) => Self::Failed(Verdict::of(failure)),
        }
    }
}

impl From<Final> for FinalOutcome {
    fn from(outcome: Final) -> Self {
        match outcome {
            Final::Ok => Self::Ok(Payload::default()),
            Final::Failed(verdict) => Self::Failed(verdict.failure()),
        }
    }
}

impl Verdict {
    const fn of(failure: &Failure) -> Self {
        Self { uncertain: failure.uncertain, called: failure.called }
    }

    /// A failure that says so.
    pub(crate) fn failure(self) -> Failure {
        Failure::new("", "").uncertain(self.uncertain).called(self.called)
    }
}

/// The one that every claim is made by: no rule looks at who it is.
pub(crate) fn worker() -> WorkerId {
    WorkerId::from_stored(String::new())
}

/// A fence as the machine takes it: its count, and in the lowest two bits the id of the claim.
#[must_use]
pub fn fence(number: u8) -> Fence {
    Fence::new(
        i64::from(number >> ID_BITS) << Fence::CLAIM_ID_BITS | i64::from(number & LARGEST_ID),
    )
}

fn number(fence: Fence) -> u8 {
    small(fence.count()) << ID_BITS | (fence.get() & i64::from(LARGEST_ID)) as u8
}

/// The count of a fence.
pub(crate) const fn count(fence: u8) -> u8 {
    fence >> ID_BITS
}

/// The id of a claim: another one in each history of the database.
#[must_use]
pub fn claim_id(histories: u8) -> ClaimId {
    ClaimId::of(u64::from(histories) + 1)
}

const ID_BITS: u32 = 2;
const LARGEST_ID: u8 = (1 << ID_BITS) - 1;

/// A tick as the machine takes it.
pub(crate) fn instant(tick: u8) -> Timestamp {
    Timestamp::from_micros(i64::from(tick) * 1_000_000)
}

/// The tick of an instant.
pub(crate) fn tick(instant: Timestamp) -> u8 {
    small(instant.as_micros() / 1_000_000)
}

/// So many ticks.
pub(crate) const fn seconds(ticks: u8) -> Duration {
    Duration::from_secs(ticks as u64)
}

/// A number of a small world.
fn small(number: impl TryInto<u8>) -> u8 {
    number.try_into().unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use orch_core::policies::InDoubt;
    use orch_core::words::{LogStatus, Phase, Source, Status};

    use super::*;

    const VERDICT: Verdict = Verdict { uncertain: true, called: false };

    #[test]
    fn a_row_is_decoded_as_it_was_encoded() {
        let rules = Rules::of(&[Declared::hooked(InDoubt::Reconcile)], 0);
        let accepted = Row::accepted(0, 1, 2).decode(0);
        assert!(accepted.policy != rules.policy(0), "the defaults until it is claimed");
        let claimed = machine::Row {
            status: Status::InProgress,
            phase: Some(Phase::InDoubt),
            attempt: 2,
            fence: fence(3),
            retries: 4,
            lost_attempts: 5,
            reconciles: 6,
            key_generation: 7,
            deadline: instant(8),
            due_at: Some(instant(9)),
            lease_expires_at: Some(instant(10)),
            worker: Some(worker()),
            started_at: Some(instant(11)),
            first_called_at: Some(instant(12)),
            policy: rules.policy(0),
            ..accepted.clone()
        };
        let failed = machine::Row {
            outcome: Some(FinalOutcome::Failed(VERDICT.failure())),
            finished_at: Some(instant(0)),
            ..claimed.clone()
        };
        let completed =
            machine::Row { outcome: Some(FinalOutcome::from(Final::Ok)), ..failed.clone() };
        for row in [accepted, claimed, failed, completed] {
            assert_eq!(Row::encode(&row).decode(0), row);
        }
    }

    #[test]
    fn an_entry_is_decoded_as_it_was_encoded() {
        let ends = [End::Ok, End::Failed(VERDICT), End::Retry, End::InDoubt, End::NotHappened];
        for (end, source) in ends.into_iter().zip(Source::ALL.into_iter().cycle()) {
            let entry = Entry {
                fence: 1,
                source,
                end,
                started_at: Some(2),
                logged_at: 3,
                status: LogStatus::Pending,
                due_at: Some(4),
                hook_failures: 5,
                late: true,
            };
            assert_eq!(Entry::encode(&entry.decode()), entry);
        }
    }
}
