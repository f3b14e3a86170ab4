use orch_core::store::{Store, StoreError};
use orch_core::words::{
    AttemptEnd, DeadLetter, Failure, FinalOutcome, LogEntry, OpId, Operation, Outcome, Owner,
};
use serde::{Deserialize, Serialize};

/// An operation, its log and its dead letter as a store returns them, in words and instants that
/// do not depend on the names of Rust types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub(super) kind: String,
    biz_key: String,
    idem_key: String,
    payload: String,
    pub(super) status: String,
    pub(super) phase: Option<String>,
    attempt: u32,
    pub(super) fence: i64,
    retries: u32,
    lost_attempts: u32,
    accepted_at: String,
    deadline: String,
    due_at: Option<String>,
    pub(super) lease_expires_at: Option<String>,
    finished_at: Option<String>,
    output: Option<String>,
    pub(super) failure: Option<Failure>,
    reason: Option<String>,
    redrive_of: Option<OpId>,
    pub(super) history: Vec<SeenEntry>,
    dead_letter: Option<SeenLetter>,
}

/// One entry of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEntry {
    fence: i64,
    attempt: u32,
    worker: Option<String>,
    source: String,
    started_at: Option<String>,
    logged_at: String,
    outcome: String,
    detail: Option<String>,
    failure: Option<Failure>,
    late: bool,
    status: String,
    note: Option<String>,
    hook_error: Option<String>,
}

/// Its dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLetter {
    failure: Failure,
    created_at: String,
    redriven_as: Option<OpId>,
    late_outcomes: u32,
    divergences: u32,
}

impl Seen {
    /// Reads it through the store. `None` if its row cannot be decoded.
    ///
    /// # Panics
    /// If the operation is not there, or the store fails.
    pub async fn read(store: &dyn Store, owner: &Owner, op_id: OpId) -> Option<Self> {
        let operation = match store.get(owner, op_id).await {
            Ok(operation) => operation.expect("the operation is there"),
            Err(StoreError::Corrupt { op_id: named, .. }) if named == op_id => return None,
            Err(error) => panic!("{op_id}: {error}"),
        };
        let history = store.history(owner, op_id).await.unwrap();
        let letter = store.dead_letter(owner, op_id).await.unwrap();
        Some(Self {
            history: history.iter().map(SeenEntry::of).collect(),
            dead_letter: letter.map(SeenLetter::of),
            ..Self::of(&operation)
        })
    }

    /// Where it is, in a few words. Until when it waits only to the minute: jitter is in it.
    pub(super) fn place(&self) -> String {
        match (&self.failure, &self.phase) {
            (Some(failure), _) => {
                let uncertain = if failure.uncertain { ", uncertain" } else { "" };
                let called = if failure.called { "" } else { ", never called" };
                format!("{} {}{uncertain}{called}", self.status, failure.code)
            }
            (None, Some(phase)) => {
                let minute = self.due_at.as_deref().and_then(|due_at| due_at.get(..16));
                let due = minute.map(|minute| format!(", due {minute}")).unwrap_or_default();
                format!("{} {phase}{due}", self.status)
            }
            (None, None) => self.status.clone(),
        }
    }

    /// Whose attempt ended under this fence.
    pub(super) fn logged_by(&self, fence: i64) -> Option<String> {
        let entry = self.history.iter().find(|entry| entry.fence == fence && !entry.late);
        entry.and_then(|entry| entry.worker.clone())
    }

    pub(super) fn waits_for_its_hook(&self) -> bool {
        self.history.iter().any(|entry| entry.status == "PENDING" && entry.hook_error.is_some())
    }

    pub(super) fn is_redrive(&self) -> bool {
        self.redrive_of.is_some()
    }

    pub(super) fn has_late_entries(&self) -> bool {
        self.history.iter().any(|entry| entry.late)
    }

    fn of(operation: &Operation) -> Self {
        let identity = &operation.identity;
        let (output, failure) = match &operation.outcome {
            Some(FinalOutcome::Ok(output)) => (Some(described(output.as_bytes())), None),
            Some(FinalOutcome::Failed(failure)) => (None, Some(failure.clone())),
            None => (None, None),
        };
        Self {
            kind: identity.kind().to_string(),
            biz_key: identity.biz_key.to_string(),
            idem_key: identity.idem_key.to_string(),
            payload: described(operation.payload.as_bytes()),
            status: operation.status.to_string(),
            phase: operation.phase.map(|phase| phase.to_string()),
            attempt: operation.attempt,
            fence: operation.fence.get(),
            retries: operation.retries,
            lost_attempts: operation.lost_attempts,
            accepted_at: operation.accepted_at.to_string(),
            deadline: operation.deadline.to_string(),
            due_at: operation.due_at.map(|at| at.to_string()),
            lease_expires_at: operation.lease_expires_at.map(|at| at.to_string()),
            finished_at: operation.finished_at.map(|at| at.to_string()),
            output,
            failure,
            reason: operation.reason.clone(),
            redrive_of: operation.redrive_of,
            history: Vec::new(),
            dead_letter: None,
        }
    }
}

impl SeenEntry {
    /// True if this is the same entry, finalized since or tried in vain, and otherwise as it was.
    pub(super) fn is_later(&self, before: &Self) -> bool {
        let (status, hook_error) = (self.status.clone(), self.hook_error.clone());
        Self { status, hook_error, ..before.clone() } == *self
    }

    fn of(entry: &LogEntry) -> Self {
        let (outcome, detail) = end(&entry.end);
        Self {
            fence: entry.fence.get(),
            attempt: entry.attempt,
            worker: entry.worker.as_ref().map(|worker| worker.to_string()),
            source: entry.source.to_string(),
            started_at: entry.started_at.map(|at| at.to_string()),
            logged_at: entry.logged_at.to_string(),
            outcome: outcome.to_owned(),
            detail,
            failure: failure(&entry.end),
            late: entry.late,
            status: entry.status.to_string(),
            note: entry.note.clone(),
            hook_error: entry.hook_error.clone(),
        }
    }
}

impl SeenLetter {
    fn of(letter: DeadLetter) -> Self {
        Self {
            failure: letter.failure,
            created_at: letter.created_at.to_string(),
            redriven_as: letter.redriven_as,
            late_outcomes: letter.late_outcomes,
            divergences: letter.divergences,
        }
    }
}

/// How an attempt ended, as the log's column spells it, and what else is kept of that.
fn end(end: &AttemptEnd) -> (&'static str, Option<String>) {
    match end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => ("OK", Some(described(output.as_bytes()))),
        AttemptEnd::Outcome(Outcome::Retry { reason, after: None }) => {
            ("RETRY", Some(reason.clone()))
        }
        AttemptEnd::Outcome(Outcome::Retry { reason, after: Some(after) }) => {
            ("RETRY", Some(format!("{reason}; not before {after:?} have passed")))
        }
        AttemptEnd::Outcome(Outcome::Fail(_)) => ("FAIL", None),
        AttemptEnd::InDoubt { reason } => ("IN_DOUBT", Some(reason.clone())),
        AttemptEnd::Unreadable { reason, .. } => ("UNREADABLE", Some(reason.clone())),
        AttemptEnd::NotHappened => ("NOT_HAPPENED", None),
        newer => panic!("release 0.1.0 had no {newer:?}"),
    }
}

fn failure(end: &AttemptEnd) -> Option<Failure> {
    match end {
        AttemptEnd::Outcome(Outcome::Fail(failure)) => Some(failure.clone()),
        _ => None,
    }
}

/// Bytes as the file keeps them: as text, as how often 16 bytes are repeated, or in hexadecimal.
fn described(bytes: &[u8]) -> String {
    let text = |bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let repeats = |unit: &&[u8]| bytes.len() > 64 && bytes.chunks(16).all(|c| c == *unit);
    let unit = bytes.get(..16).filter(repeats);
    if let Some(unit) = unit.and_then(text) {
        return format!("{} times {unit}", bytes.len() / 16);
    }
    let hexadecimal =
        || bytes.iter().fold("hex ".to_owned(), |hex, byte| format!("{hex}{byte:02x}"));
    text(bytes).filter(|text| !text.contains('\0')).unwrap_or_else(hexadecimal)
}
