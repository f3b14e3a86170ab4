//! Operations as rows: decoding, the moves that change them, encoding.

use std::time::Duration;

use orch_core::policies::{Backoff, Facts, InDoubt, KindPolicy, Move, Tally};
use orch_core::store::{Finalized, Purpose, StoreError};
use orch_core::words::{
    BizKey, Command, Envelope, Failure, Fence, FinalOutcome, IdemKey, Identity, Kind, LogEntry,
    OpId, Operation, Owner, Payload, Phase, Status, Timestamp, WorkerId, storable,
};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

use crate::sql::Values;

/// An operation's row, without its body: what the moves read and change.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) op_id: OpId,
    pub(crate) kind: Kind,
    /// Fence and state as they were loaded: the guard of the write.
    guard: (Fence, Status),
    pub(crate) status: Status,
    pub(crate) phase: Option<Phase>,
    pub(crate) attempt: u32,
    pub(crate) fence: Fence,
    pub(crate) retries: u32,
    pub(crate) lost_attempts: u32,
    pub(crate) reconciles: u32,
    pub(crate) key_generation: u32,
    pub(crate) time_budget: Duration,
    pub(crate) deadline: Timestamp,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) lease_expires_at: Option<Timestamp>,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) attempt_started_at: Option<Timestamp>,
    /// The start of the oldest attempt in doubt; `None` unless doubt stands.
    pub(crate) first_called_at: Option<Timestamp>,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) in_doubt: InDoubt,
    pub(crate) max_reconciles: u32,
    pub(crate) replays_errors: bool,
    pub(crate) hooked: bool,
    pub(crate) settled_fence: Option<Fence>,
    pub(crate) failure: Option<Failure>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) reason: Option<String>,
}

impl Row {
    /// Decodes a row; the error says what is wrong with it, without the content.
    pub(crate) fn decode(row: &SqliteRow) -> Result<Self, String> {
        let status = word(row, "status")?;
        let fence = Fence::new(column(row, "fence")?);
        Ok(Self {
            op_id: op_id(row, "op_id")?,
            kind: kind(row)?,
            guard: (fence, status),
            status,
            phase: column::<Option<String>>(row, "phase")?.map(|p| p.parse()).transpose()?,
            attempt: column(row, "attempt")?,
            fence,
            retries: column(row, "retries")?,
            lost_attempts: column(row, "lost_attempts")?,
            reconciles: column(row, "reconciles")?,
            key_generation: column(row, "key_generation")?,
            time_budget: millis(row, "time_budget_ms")?,
            deadline: Timestamp::from_micros(column(row, "deadline")?),
            due_at: instant(row, "due_at")?,
            lease_expires_at: instant(row, "lease_expires_at")?,
            worker: column::<Option<String>>(row, "worker")?.map(WorkerId::from_stored),
            attempt_started_at: instant(row, "started_at")?,
            first_called_at: instant(row, "first_called_at")?,
            max_attempts: column(row, "max_attempts")?,
            backoff: Backoff::new(millis(row, "backoff_base_ms")?, millis(row, "backoff_cap_ms")?)
                .map_err(|error| error.to_string())?,
            in_doubt: word(row, "in_doubt")?,
            max_reconciles: column(row, "max_reconciles")?,
            replays_errors: column(row, "replays_errors")?,
            hooked: column(row, "hooked")?,
            settled_fence: column::<Option<i64>>(row, "finished_fence")?.map(Fence::new),
            failure: failure(row)?,
            finished_at: instant(row, "finished_at")?,
            reason: column(row, "reason")?,
        })
    }

    /// What the policies want to know.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            in_doubt: self.in_doubt,
            unresolved: self.first_called_at.is_some(),
            lost_attempts: self.lost_attempts,
            reconciles: self.reconciles,
            max_reconciles: self.max_reconciles,
            replays_errors: self.replays_errors,
            deadline: self.deadline,
        }
    }

    /// True while a claim with this fence holds the lease.
    pub(crate) fn is_held_by(&self, fence: Fence) -> bool {
        self.is_under(fence) && self.lease_expires_at.is_some()
    }

    /// True while this fence is the latest and the operation is in progress.
    pub(crate) fn is_under(&self, fence: Fence) -> bool {
        self.status == Status::InProgress && self.fence == fence
    }

    /// S2: the row as it is while `worker` holds the lease.
    pub(crate) fn take(
        &mut self,
        policy: &KindPolicy,
        worker: &WorkerId,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Purpose, StoreError> {
        let purpose = Purpose::of(self.first_called_at.is_some(), self.in_doubt, policy.in_doubt);
        self.begin()?;
        self.fence = self.fence.next();
        self.due_at = None;
        self.worker = Some(worker.clone());
        self.attempt_started_at = Some(now);
        self.lease_expires_at = Some(now.plus(lease));
        self.max_attempts = policy.max_attempts;
        self.backoff = policy.backoff;
        self.in_doubt = purpose.declares(policy.in_doubt);
        self.max_reconciles = policy.max_reconciles;
        self.replays_errors = policy.replays_errors;
        self.hooked = policy.hooked;
        match purpose {
            Purpose::Attempt => {
                self.attempt = self.attempt.saturating_add(1);
                self.phase = Some(Phase::Running);
            }
            Purpose::Reconcile => {
                self.reconciles = self.reconciles.saturating_add(1);
                self.phase = Some(Phase::InDoubt);
            }
        }
        Ok(purpose)
    }

    /// PENDING → IN_PROGRESS; an operation in progress stays so.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        if self.status != Status::InProgress {
            self.status = self.status.transition(Status::InProgress).map_err(StoreError::fatal)?;
            self.phase = Some(Phase::Running);
        }
        Ok(())
    }

    /// The lease ends: nobody holds the operation and nobody may claim it yet.
    pub(crate) fn end_lease(&mut self) {
        self.lease_expires_at = None;
        self.worker = None;
        self.attempt_started_at = None;
        self.due_at = None;
    }

    /// Counts what has ended, for people and for the policies.
    pub(crate) fn count(&mut self, entry: &LogEntry) {
        let tally = Tally::of(&entry.end, entry.source, &self.facts());
        let started_at = entry.started_at.unwrap_or(entry.logged_at);
        self.first_called_at = tally.first_called_at(self.first_called_at, started_at);
        self.key_generation = self.key_generation.saturating_add(tally.key_generations);
        self.retries = self.retries.saturating_add(tally.retries);
        self.lost_attempts = self.lost_attempts.saturating_add(tally.lost_attempts);
        self.reason = tally.reason.or(self.reason.take());
    }

    /// Carries out a move.
    pub(crate) fn carry(&mut self, next: Move, now: Timestamp) -> Result<Finalized, StoreError> {
        self.end_lease();
        Ok(match next {
            Move::Wait { not_before } => {
                self.phase = Some(Phase::Waiting);
                self.due_at = Some(not_before);
                Finalized::Waiting { due_at: not_before }
            }
            Move::Doubt { not_before } => {
                self.phase = Some(Phase::InDoubt);
                self.due_at = Some(not_before);
                Finalized::InDoubt { due_at: not_before }
            }
            Move::Park => {
                self.phase = Some(Phase::Parked);
                Finalized::Parked
            }
            Move::Finish(outcome) => {
                let status = outcome.status();
                self.status = self.status.transition(status).map_err(StoreError::fatal)?;
                self.phase = None;
                self.settled_fence = Some(self.fence);
                self.finished_at = Some(now);
                self.reason = None;
                if let FinalOutcome::Failed(failure) = &outcome {
                    self.failure = Some(failure.clone());
                }
                Finalized::Finished(outcome)
            }
        })
    }

    /// What a repeated call is told: where the operation stands.
    pub(crate) fn stands(&self, fence: Fence, output: Option<&Payload>) -> Finalized {
        if self.settled_fence == Some(fence) {
            return match (&self.failure, output) {
                (Some(failure), _) => Finalized::Finished(FinalOutcome::Failed(failure.clone())),
                (None, Some(output)) => Finalized::Finished(FinalOutcome::Ok(output.clone())),
                (None, None) => Finalized::Stale,
            };
        }
        if !self.is_under(fence) {
            return Finalized::Stale;
        }
        match (self.phase, self.due_at) {
            (Some(Phase::Waiting), Some(due_at)) => Finalized::Waiting { due_at },
            (Some(Phase::InDoubt), Some(due_at)) => Finalized::InDoubt { due_at },
            (Some(Phase::Parked), _) => Finalized::Parked,
            _ => Finalized::Stale,
        }
    }

    /// What a finalize hook is told: `found` has the columns of `envelope.sql`.
    pub(crate) fn envelope(&self, found: &SqliteRow) -> Result<Envelope, String> {
        let Identity { owner, biz_key, idem_key, .. } = identity(found)?;
        let payload = column::<Vec<u8>>(found, "payload")?.into();
        Ok(Envelope {
            op_id: self.op_id,
            owner,
            command: Command::of(self.kind.clone(), biz_key, idem_key, payload),
            accepted_at: Timestamp::from_micros(column(found, "accepted_at")?),
            deadline: self.deadline,
            attempt: self.attempt,
            fence: self.fence,
            key_generation: self.key_generation,
        })
    }

    /// After a write: what is in the database now is the next guard.
    pub(crate) fn written(&mut self) {
        self.guard = (self.fence, self.status);
    }

    /// The values of `save.sql`.
    pub(crate) fn encode(&self, values: &mut Values) {
        let (fence, status) = self.guard;
        let outcome = match self.status {
            Status::Completed => Some("OK"),
            Status::Failed => Some("FAIL"),
            Status::Pending | Status::InProgress => None,
        };
        values
            .add(self.op_id.as_bytes().as_slice())
            .add(fence.get())
            .add(status.as_str())
            .add(self.status.as_str())
            .add(self.phase.map(Phase::as_str))
            .add(self.attempt)
            .add(self.fence.get())
            .add(self.retries)
            .add(self.lost_attempts)
            .add(self.reconciles)
            .add(self.key_generation)
            .add(self.deadline.as_micros())
            .add(self.due_at.map(Timestamp::as_micros))
            .add(self.lease_expires_at.map(Timestamp::as_micros))
            .add(self.worker.as_ref().map(WorkerId::as_str))
            .add(self.attempt_started_at.map(Timestamp::as_micros))
            .add(self.first_called_at.map(Timestamp::as_micros))
            .add(self.max_attempts)
            .add(as_millis(self.backoff.base()))
            .add(as_millis(self.backoff.cap()))
            .add(self.in_doubt.as_str())
            .add(self.max_reconciles)
            .add(self.replays_errors)
            .add(self.hooked)
            .add(outcome)
            .add(self.settled_fence.map(Fence::get))
            .add(self.failure.as_ref().map(failure_json))
            .add(self.finished_at.map(Timestamp::as_micros))
            .add(self.reason.as_deref());
    }
}

/// An operation as `get.sql`, `find.sql` and `list.sql` return it.
pub(crate) fn operation(row: &SqliteRow) -> Result<Operation, String> {
    let status: Status = word(row, "status")?;
    let phase: Option<Phase> =
        column::<Option<String>>(row, "phase")?.map(|p| p.parse()).transpose()?;
    let outcome = match status {
        Status::Completed => {
            let output: Option<Vec<u8>> = column(row, "output")?;
            Some(FinalOutcome::Ok(output.ok_or("the output is missing")?.into()))
        }
        Status::Failed => {
            Some(FinalOutcome::Failed(failure(row)?.ok_or("the failure is missing")?))
        }
        Status::Pending | Status::InProgress => None,
    };
    Ok(Operation {
        op_id: op_id(row, "op_id")?,
        identity: identity(row)?,
        payload: column::<Vec<u8>>(row, "payload")?.into(),
        status,
        phase,
        attempt: column(row, "attempt")?,
        fence: Fence::new(column(row, "fence")?),
        retries: column(row, "retries")?,
        lost_attempts: column(row, "lost_attempts")?,
        accepted_at: Timestamp::from_micros(column(row, "accepted_at")?),
        deadline: Timestamp::from_micros(column(row, "deadline")?),
        due_at: instant(row, "due_at")?,
        lease_expires_at: instant(row, "lease_expires_at")?,
        finished_at: instant(row, "finished_at")?,
        outcome,
        reason: column::<Option<String>>(row, "reason")?
            .filter(|_| phase.is_some_and(Phase::has_reason)),
        redrive_of: column::<Option<Vec<u8>>>(row, "redrive_of")?
            .map(|bytes| as_op_id(&bytes))
            .transpose()?,
    })
}

pub(crate) fn identity(row: &SqliteRow) -> Result<Identity, String> {
    let text = |name| column::<String>(row, name);
    let kind = kind(row)?;
    Ok(Identity {
        owner: Owner::new(text("owner")?).map_err(|e| e.to_string())?,
        domain: kind.domain,
        event_type: kind.event_type,
        biz_key: BizKey::new(text("biz_key")?).map_err(|e| e.to_string())?,
        idem_key: IdemKey::new(text("idem_key")?).map_err(|e| e.to_string())?,
    })
}

pub(crate) fn kind(row: &SqliteRow) -> Result<Kind, String> {
    let text = |name| column::<String>(row, name);
    Kind::new(&text("domain")?, &text("event_type")?).map_err(|e| e.to_string())
}

fn failure(row: &SqliteRow) -> Result<Option<Failure>, String> {
    column::<Option<String>>(row, "failure")?.map(|text| failure_of(&text)).transpose()
}

/// A failure as JSON. It is a struct of texts and flags, so that it always has a JSON form.
pub(crate) fn failure_json(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap_or_default()
}

pub(crate) fn failure_of(text: &str) -> Result<Failure, String> {
    serde_json::from_str(text).map_err(|_| "the failure is not the JSON of one".to_owned())
}

pub(crate) fn column<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    name: &str,
) -> Result<T, String> {
    row.try_get(name).map_err(|_| format!("column {name} cannot be read"))
}

pub(crate) fn word<T: std::str::FromStr<Err = String>>(
    row: &SqliteRow,
    name: &str,
) -> Result<T, String> {
    column::<&str>(row, name)?.parse()
}

pub(crate) fn op_id(row: &SqliteRow, name: &str) -> Result<OpId, String> {
    as_op_id(column::<&[u8]>(row, name)?)
}

pub(crate) fn as_op_id(bytes: &[u8]) -> Result<OpId, String> {
    bytes.try_into().map(OpId::from_bytes).map_err(|_| "an operation id has 16 bytes".to_owned())
}

pub(crate) fn instant(row: &SqliteRow, name: &str) -> Result<Option<Timestamp>, String> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp::from_micros))
}

pub(crate) fn millis(row: &SqliteRow, name: &str) -> Result<Duration, String> {
    u64::try_from(column::<i64>(row, name)?)
        .map(Duration::from_millis)
        .map_err(|_| format!("column {name} is negative"))
}

/// A span in whole milliseconds, rounded up, so that nothing becomes due too early.
pub(crate) fn as_millis(span: Duration) -> i64 {
    i64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// The error of a row that cannot be decoded.
pub(crate) fn corrupt(op_id: OpId, reason: &str) -> StoreError {
    StoreError::Corrupt { op_id, reason: storable(reason) }
}
