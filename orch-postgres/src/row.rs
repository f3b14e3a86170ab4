use std::time::Duration;

use orch_core::policies::{Backoff, Facts, InDoubt};
use orch_core::store::{Finalized, Listed, StoreError};
use orch_core::words::{
    BizKey, Command, Domain, Envelope, EventType, Fence, FinalOutcome, IdemKey, Identity,
    Operation, Owner, Phase, Status, Timestamp, WorkerId,
};
use sqlx::postgres::PgRow;
use sqlx::types::Uuid;

use crate::column::{column, count, failure_of, from_uuid, instant, op_id, parsed, payload};
use crate::entry::Entry;
use crate::time::from_millis;

/// An operation as `orch_status` shows it, with what is not for readers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) in_doubt: InDoubt,
    pub(crate) max_reconciles: u32,
    pub(crate) replays_errors: bool,
    /// The start of the oldest attempt in doubt; `None` unless doubt stands.
    pub(crate) first_called_at: Option<Timestamp>,
    pub(crate) key_generation: u32,
    pub(crate) reconciles: u32,
    pub(crate) hooked: bool,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) time_budget: Duration,
    /// What is logged under the claim that was asked about.
    pub(crate) entry: Option<Entry>,
}

impl Row {
    /// Reads a row of `orch_status`; the inner error says what is wrong with it, without the
    /// content.
    pub(crate) fn decode(row: &PgRow) -> Result<Self, String> {
        let operation = operation(row)?;
        Ok(Self {
            max_attempts: count(row, "max_attempts")?,
            backoff: backoff(row)?,
            in_doubt: parsed::<InDoubt>(row, "in_doubt")?.unwrap_or_default(),
            max_reconciles: count(row, "max_reconciles")?,
            replays_errors: column::<Option<bool>>(row, "replays_errors")?.unwrap_or_default(),
            first_called_at: instant(row, "first_called_at")?,
            key_generation: count(row, "key_generation")?,
            reconciles: count(row, "reconciles")?,
            hooked: column::<Option<bool>>(row, "hooked")?.unwrap_or_default(),
            worker: column::<Option<String>>(row, "worker")?.map(WorkerId::from_stored),
            started_at: instant(row, "started_at")?,
            time_budget: from_millis(column(row, "time_budget_ms")?)?,
            entry: Entry::decode_if_present(row)?,
            operation,
        })
    }

    /// What the next move depends on.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            attempt: self.operation.attempt,
            max_attempts: self.max_attempts,
            in_doubt: self.in_doubt,
            unresolved: self.first_called_at.is_some(),
            lost_attempts: self.operation.lost_attempts,
            reconciles: self.reconciles,
            max_reconciles: self.max_reconciles,
            replays_errors: self.replays_errors,
            deadline: self.operation.deadline,
        }
    }

    /// What a finalize hook is told about its operation.
    pub(crate) fn envelope(&self) -> Envelope {
        let Operation { op_id, identity, payload, accepted_at, deadline, attempt, fence, .. } =
            &self.operation;
        let Identity { owner, biz_key, idem_key, .. } = identity.clone();
        Envelope {
            op_id: *op_id,
            owner,
            command: Command::of(identity.kind(), biz_key, idem_key, payload.clone()),
            accepted_at: *accepted_at,
            deadline: *deadline,
            attempt: *attempt,
            fence: *fence,
            key_generation: self.key_generation,
        }
    }

    /// Where the operation stands: what a repeated call is told.
    pub(crate) fn standing(&self) -> Finalized {
        match (&self.operation.outcome, self.operation.phase, self.operation.due_at) {
            (Some(outcome), ..) => Finalized::Finished(outcome.clone()),
            (None, Some(Phase::Waiting), Some(due_at)) => Finalized::Waiting { due_at },
            (None, Some(Phase::InDoubt), Some(due_at)) => Finalized::InDoubt { due_at },
            (None, Some(Phase::Parked), _) => Finalized::Parked,
            _ => Finalized::Stale,
        }
    }
}

/// The operation of a row of `orch_status`.
pub(crate) fn operation(row: &PgRow) -> Result<Operation, String> {
    let status =
        parsed::<Status>(row, "state")?.ok_or("the operation has neither entry nor end")?;
    let phase = parsed::<Phase>(row, "phase")?;
    let reason = column::<Option<String>>(row, "reason")?;
    Ok(Operation {
        op_id: op_id(row, "op_id")?,
        identity: identity(row)?,
        payload: payload(row, "payload")?.ok_or("the payload is missing")?,
        status,
        phase,
        attempt: count(row, "attempt")?,
        fence: Fence::new(column(row, "fence")?),
        retries: count(row, "retries")?,
        lost_attempts: count(row, "lost_attempts")?,
        accepted_at: instant(row, "accepted_at")?.ok_or("accepted_at is missing")?,
        deadline: instant(row, "deadline")?.ok_or("the deadline is missing")?,
        due_at: instant(row, "due_at")?,
        lease_expires_at: instant(row, "lease_expires_at")?,
        finished_at: instant(row, "finished_at")?,
        outcome: outcome(row, status)?,
        reason: reason.filter(|_| phase.is_some_and(Phase::has_reason)),
        redrive_of: column::<Option<Uuid>>(row, "redrive_of")?.map(from_uuid),
    })
}

/// The operation, or the error that names it.
pub(crate) fn operation_or_corrupt(row: &PgRow) -> Result<Operation, StoreError> {
    operation(row).map_err(|reason| match op_id(row, "op_id") {
        Ok(op_id) => StoreError::Corrupt { op_id, reason },
        Err(reason) => StoreError::fatal(reason),
    })
}

/// The operation, or a place in the list that says what is wrong with it.
pub(crate) fn listed(row: &PgRow) -> Result<Listed, StoreError> {
    match operation_or_corrupt(row) {
        Ok(operation) => Ok(Listed::Operation(Box::new(operation))),
        Err(StoreError::Corrupt { op_id, reason }) => Ok(Listed::Undecodable { op_id, reason }),
        Err(error) => Err(error),
    }
}

fn outcome(row: &PgRow, status: Status) -> Result<Option<FinalOutcome>, String> {
    Ok(match status {
        Status::Pending | Status::InProgress => None,
        Status::Completed => {
            let output = payload(row, "output")?.ok_or("the output is missing")?;
            Some(FinalOutcome::Ok(output))
        }
        Status::Failed => {
            let failure: Option<String> = column(row, "failure")?;
            Some(FinalOutcome::Failed(failure_of(&failure.ok_or("the failure is missing")?)?))
        }
    })
}

/// Owner, domain, event type and the two keys, each checked again.
pub(crate) fn identity(row: &PgRow) -> Result<Identity, String> {
    let text = |name| column::<String>(row, name);
    let say = |error: orch_core::words::Invalid| error.to_string();
    Ok(Identity {
        owner: Owner::new(text("owner")?).map_err(say)?,
        domain: Domain::new(text("domain")?).map_err(say)?,
        event_type: EventType::new(text("event_type")?).map_err(say)?,
        biz_key: BizKey::new(text("biz_key")?).map_err(say)?,
        idem_key: IdemKey::new(text("idem_key")?).map_err(say)?,
    })
}

fn backoff(row: &PgRow) -> Result<Backoff, String> {
    let millis = |name| -> Result<Option<u64>, String> {
        let millis: Option<i32> = column(row, name)?;
        millis.map(|ms| u64::try_from(ms).map_err(|_| format!("{name} is negative"))).transpose()
    };
    Ok(match (millis("backoff_base_ms")?, millis("backoff_cap_ms")?) {
        (Some(base), Some(cap)) => Backoff::from_millis(base, cap),
        _ => Backoff::DEFAULT,
    })
}
