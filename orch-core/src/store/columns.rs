//! How rows of a SQL database are read: once for all backends.

use std::time::Duration;

use super::{KeptAnswer, UnfinishedOperation, Unmatched, codec};
use crate::machine::{Entry, Request, Row};
use crate::policies::{Backoff, KindPolicy, Retention};
use crate::words::{
    BizKey, DeadLetter, Fence, FinalOutcome, IdemKey, Identity, Incarnation, KeySeed, Kind,
    LogEntry, OpId, Owner, Payload, Reference, Status, Timestamp, WorkerId,
};

/// A row of a query, as a SQL backend returns it: what is in a column, by its name. `None` is
/// NULL; the error says which column cannot be read, without the content.
///
/// The columns have the same names in every database: those of the view `orch_status`, and
/// `entry_…` for those of the write-ahead log. So each row is decoded here, once for all backends.
pub trait Columns {
    /// A count, a fence, or a span in milliseconds.
    fn number(&self, name: &str) -> Result<Option<i64>, String>;
    /// True or false.
    fn flag(&self, name: &str) -> Result<Option<bool>, String>;
    /// A word or a text.
    fn text(&self, name: &str) -> Result<Option<&str>, String>;
    /// A payload or an output.
    fn bytes(&self, name: &str) -> Result<Option<&[u8]>, String>;
    /// An instant.
    fn instant(&self, name: &str) -> Result<Option<Timestamp>, String>;
    /// The id of an operation.
    fn id(&self, name: &str) -> Result<Option<OpId>, String>;
}

/// A column that must not be NULL.
fn there<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("column {name} is empty"))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A count; NULL is 0.
fn count(row: &impl Columns, name: &str) -> Result<u32, String> {
    let number = row.number(name)?.unwrap_or_default();
    u32::try_from(number).map_err(|_| format!("column {name} is not a count"))
}

fn span(row: &impl Columns, name: &str) -> Result<Option<Duration>, String> {
    row.number(name)?.map(|ms| codec::from_millis(ms, name)).transpose()
}

fn word<T: std::str::FromStr>(row: &impl Columns, name: &str) -> Result<Option<T>, String> {
    let text = row.text(name)?;
    text.map(|word| word.parse().map_err(|_| format!("column {name} has an unknown word")))
        .transpose()
}

fn fence(row: &impl Columns, name: &str) -> Result<Fence, String> {
    there(row.number(name)?, name).map(Fence::new)
}

fn worker(row: &impl Columns, name: &str) -> Result<Option<WorkerId>, String> {
    Ok(row.text(name)?.map(|worker| WorkerId::from_stored(worker.to_owned())))
}

/// Domain and event type.
///
/// # Errors
/// What is wrong, without the content.
pub fn kind(row: &impl Columns) -> Result<Kind, String> {
    let text = |name| there(row.text(name)?, name);
    Kind::new(text("domain")?, text("event_type")?).map_err(said)
}

/// What an operation was accepted for.
///
/// # Errors
/// What is wrong, without the content.
pub fn identity(row: &impl Columns) -> Result<Identity, String> {
    let text = |name| there(row.text(name)?, name);
    let Kind { domain, event_type } = kind(row)?;
    Ok(Identity {
        owner: Owner::new(text("owner")?).map_err(said)?,
        domain,
        event_type,
        biz_key: BizKey::new(text("biz_key")?).map_err(said)?,
        idem_key: IdemKey::new(text("idem_key")?).map_err(said)?,
    })
}

/// What was asked for.
///
/// # Errors
/// What is wrong, without the content.
pub fn request(row: &impl Columns) -> Result<Request, String> {
    Ok(Request {
        identity: identity(row)?,
        payload: there(row.bytes("payload")?, "payload")?.into(),
        accepted_at: there(row.instant("accepted_at")?, "accepted_at")?,
        redrive_of: row.id("redrive_of")?,
        redrive: count(row, "redrive")?,
        key_seed: key_seed(row)?,
    })
}

fn key_seed(row: &impl Columns) -> Result<Option<KeySeed>, String> {
    let seed = |bytes: &[u8]| bytes.try_into().map(KeySeed::from_bytes);
    let seed = row.bytes("key_seed")?.map(seed).transpose();
    seed.map_err(|_| "column key_seed does not have 16 bytes".to_owned())
}

/// An incarnation of the database.
///
/// # Errors
/// What is wrong.
pub fn incarnation(row: &impl Columns) -> Result<Incarnation, String> {
    let opened_at = there(row.instant("opened_at")?, "opened_at")?;
    Ok(Incarnation {
        number: count(row, "number")?,
        confirmed: row.instant("confirmed_at")?.is_some(),
        confirmed_as: word(row, "confirmed_as")?,
        difference: there(row.text("difference")?, "difference")?.to_owned(),
        whole_since: count(row, "whole_since")?,
        ..Incarnation::first(opened_at)
    })
}

/// An operation's row. The columns of what has ended with the operation may be NULL.
///
/// # Errors
/// What is wrong, without the content.
pub fn row(row: &impl Columns) -> Result<Row, String> {
    let status = there(word(row, "status")?, "status")?;
    Ok(Row {
        op_id: there(row.id("op_id")?, "op_id")?,
        status,
        phase: word(row, "phase")?,
        attempt: count(row, "attempt")?,
        fence: fence(row, "fence")?,
        retries: count(row, "retries")?,
        lost_attempts: count(row, "lost_attempts")?,
        uncounted: count(row, "uncounted")?,
        reconciles: count(row, "reconciles")?,
        key_generation: count(row, "key_generation")?,
        time_budget: there(span(row, "time_budget_ms")?, "time_budget_ms")?,
        deadline: there(row.instant("deadline")?, "deadline")?,
        due_at: row.instant("due_at")?,
        lease_expires_at: row.instant("lease_expires_at")?,
        worker: worker(row, "worker")?,
        started_at: row.instant("started_at")?,
        first_called_at: row.instant("first_called_at")?,
        already_done: row.flag("already_done")?.unwrap_or_default(),
        submitted: row.flag("submitted")?.unwrap_or_default(),
        policy: policy(row)?,
        outcome: outcome(row, status)?,
        finished_at: row.instant("finished_at")?,
        expires_at: row.instant("expires_at")?,
        reason: row.text("reason")?.map(str::to_owned),
        incarnation: count(row, "incarnation")?,
        unhandled_since: row.instant("unhandled_since")?,
    })
}

/// The rules that the latest claim wrote; what is NULL is as it was before the first.
fn policy(row: &impl Columns) -> Result<KindPolicy, String> {
    let defaults = KindPolicy::new(kind(row)?);
    let or = |name, default| match row.number(name)? {
        Some(_) => count(row, name),
        None => Ok(default),
    };
    let backoff = match (span(row, "backoff_base_ms")?, span(row, "backoff_cap_ms")?) {
        (Some(base), Some(cap)) => Backoff::new(base, cap).map_err(said)?,
        (None, _) | (_, None) => defaults.backoff,
    };
    let retention = |name, default| match row.number(name)? {
        Some(_) => Ok(Duration::from_secs(count(row, name)?.into())),
        None => Ok::<_, String>(default),
    };
    let completed = retention("completed_retention_s", defaults.retention.completed())?;
    let failed = retention("failed_retention_s", defaults.retention.failed())?;
    Ok(KindPolicy {
        max_attempts: or("max_attempts", defaults.max_attempts)?,
        max_uncounted: or("max_uncounted", defaults.max_uncounted)?,
        backoff,
        in_doubt: word(row, "in_doubt")?.unwrap_or(defaults.in_doubt),
        max_reconciles: or("max_reconciles", defaults.max_reconciles)?,
        replays_errors: row.flag("replays_errors")?.unwrap_or(defaults.replays_errors),
        hooked: row.flag("hooked")?.unwrap_or(defaults.hooked),
        retention: Retention::new(completed, failed),
        kind: defaults.kind,
    })
}

fn outcome(row: &impl Columns, status: Status) -> Result<Option<FinalOutcome>, String> {
    Ok(match status {
        Status::Pending | Status::InProgress => None,
        Status::Completed => {
            Some(FinalOutcome::Ok(Payload::from(there(row.bytes("output")?, "output")?)))
        }
        Status::Failed => {
            let failure = there(row.text("failure")?, "failure")?;
            Some(FinalOutcome::Failed(codec::failure(failure)?))
        }
    })
}

/// What the log holds, with what finalizing it needs; `None` where a join found nothing.
///
/// # Errors
/// What is wrong, without the content.
pub fn entry(row: &impl Columns) -> Result<Option<Entry>, String> {
    if row.number("entry_fence")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Entry {
        log: log_entry(row)?,
        delay: span(row, "entry_delay_ms")?.unwrap_or_default(),
        due_at: row.instant("entry_due_at")?,
        hook_failures: count(row, "entry_hook_failures")?,
    }))
}

/// What a provider has told.
///
/// # Errors
/// What is wrong, without the content.
pub fn kept_answer(row: &impl Columns) -> Result<KeptAnswer, String> {
    let text = |name| there(row.text(name)?, name);
    let digest = there(row.bytes("digest")?, "digest")?;
    Ok(KeptAnswer {
        of: reference(row)?,
        kind: kind(row)?,
        end: codec::attempt_end(
            text("outcome")?,
            row.text("detail")?,
            row.bytes("output")?,
            None,
            None,
        )?,
        source: text("source")?.to_owned(),
        digest: digest.try_into().map_err(|_| "column digest does not have 16 bytes".to_owned())?,
        received_at: there(row.instant("received_at")?, "received_at")?,
        has_waited: there(row.flag("has_waited")?, "has_waited")?,
    })
}

/// An answer that waits for an operation.
///
/// # Errors
/// What is wrong, without the content.
pub fn unmatched(row: &impl Columns) -> Result<Unmatched, String> {
    let number = there(row.number("number")?, "number")?;
    Ok(Unmatched {
        number: u64::try_from(number).map_err(|_| "column number is negative".to_owned())?,
        of: reference(row)?,
        kind: kind(row)?,
        source: there(row.text("source")?, "source")?.to_owned(),
        received_at: there(row.instant("received_at")?, "received_at")?,
    })
}

fn reference(row: &impl Columns) -> Result<Reference, String> {
    let text = |name| there(row.text(name)?, name).map(str::to_owned);
    Ok(Reference::from_stored(text("provider")?, text("account")?, text("reference")?))
}

/// An unfinished operation, with what is logged for it.
///
/// # Errors
/// What is wrong, without the content.
pub fn unfinished(columns: &impl Columns) -> Result<UnfinishedOperation, String> {
    let (request, row) = (request(columns)?, row(columns)?);
    Ok(UnfinishedOperation { request, row, logged: entry(columns)? })
}

/// A log entry as readers see it.
///
/// # Errors
/// What is wrong, without the content.
pub fn log_entry(row: &impl Columns) -> Result<LogEntry, String> {
    let text = |name| Ok::<_, String>(row.text(name)?.map(str::to_owned));
    Ok(LogEntry {
        fence: fence(row, "entry_fence")?,
        attempt: count(row, "entry_attempt")?,
        worker: worker(row, "entry_worker")?,
        source: there(word(row, "entry_source")?, "entry_source")?,
        started_at: row.instant("entry_started_at")?,
        logged_at: there(row.instant("entry_logged_at")?, "entry_logged_at")?,
        end: codec::attempt_end(
            there(row.text("entry_outcome")?, "entry_outcome")?,
            row.text("entry_detail")?,
            row.bytes("entry_output")?,
            row.bytes("entry_unreadable")?,
            row.number("entry_after_ms")?,
        )?,
        status: there(word(row, "entry_status")?, "entry_status")?,
        late: there(row.flag("entry_late")?, "entry_late")?,
        note: text("entry_note")?,
        hook_error: text("entry_hook_error")?,
    })
}

/// A dead letter; how many answers diverge from it is told by its log.
///
/// # Errors
/// What is wrong with the row.
pub fn dead_letter(row: &impl Columns, op_id: OpId) -> Result<DeadLetter, String> {
    let failure = codec::failure(there(row.text("failure")?, "failure")?)?;
    let created_at = there(row.instant("created_at")?, "created_at")?;
    let mut letter = DeadLetter::new(op_id, failure, created_at);
    letter.redriven_as = row.id("redriven_as")?;
    letter.late_outcomes = count(row, "late_outcomes")?;
    Ok(letter)
}
