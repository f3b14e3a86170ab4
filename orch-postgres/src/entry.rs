use std::time::Duration;

use orch_core::words::{
    AttemptEnd, Fence, LogEntry, LogStatus, Outcome, Payload, Source, Timestamp, WorkerId, storable,
};
use sqlx::postgres::PgRow;

use crate::column::{column, count, failure_json, failure_of, instant, parsed, payload};
use crate::time::{as_millis, from_millis};

/// What is logged under a claim, with what the Finalizer needs.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) end: AttemptEnd,
    pub(crate) source: Source,
    pub(crate) status: LogStatus,
    pub(crate) logged_at: Timestamp,
    /// The backoff from `logged_at`.
    pub(crate) delay: Duration,
    /// How often its hook failed.
    pub(crate) failures: u32,
}

impl Entry {
    /// The `entry_` columns of a row that has them; `None` where they are NULL or not there.
    pub(crate) fn decode_if_present(row: &PgRow) -> Result<Option<Self>, String> {
        match column::<Option<&str>>(row, "entry_state") {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Ok(None),
        }
        Ok(Some(Self {
            end: decode_end(row)?,
            source: parsed(row, "entry_source")?.ok_or("a log entry has no source")?,
            status: parsed(row, "entry_state")?.ok_or("a log entry has no status")?,
            logged_at: instant(row, "entry_logged_at")?.ok_or("a log entry has no instant")?,
            delay: from_millis(column::<Option<i64>>(row, "entry_delay_ms")?.unwrap_or_default())?,
            failures: count(row, "entry_finalize_failures")?,
        }))
    }
}

/// A row of history.sql.
pub(crate) fn log_entry(row: &PgRow) -> Result<LogEntry, String> {
    Ok(LogEntry {
        fence: Fence::new(column(row, "fence")?),
        attempt: count(row, "attempt")?,
        worker: column::<Option<String>>(row, "worker")?.map(WorkerId::from_stored),
        source: parsed(row, "source")?.ok_or("a log entry has no source")?,
        started_at: instant(row, "started_at")?,
        logged_at: instant(row, "logged_at")?.ok_or("a log entry has no instant")?,
        end: decode_end(row)?,
        status: parsed(row, "state")?.ok_or("a log entry has no status")?,
        late: column(row, "late")?,
        note: column(row, "note")?,
        hook_error: column(row, "hook_error")?,
    })
}

/// An end as the log's columns. Texts are made storable: Postgres keeps no NUL in them.
#[derive(Debug, Clone)]
pub(crate) struct EncodedEnd {
    pub(crate) outcome: &'static str,
    pub(crate) detail: Option<String>,
    pub(crate) output: Option<Payload>,
    pub(crate) after_ms: Option<i64>,
}

impl EncodedEnd {
    pub(crate) fn of(end: &AttemptEnd) -> Self {
        let plain = |outcome, detail| Self { outcome, detail, output: None, after_ms: None };
        match end {
            AttemptEnd::Outcome(Outcome::Ok { output }) => {
                Self { output: Some(output.clone()), ..plain("OK", None) }
            }
            AttemptEnd::Outcome(Outcome::Retry { reason, after }) => {
                let after_ms = after.map(as_millis);
                Self { after_ms, ..plain("RETRY", Some(storable(reason))) }
            }
            AttemptEnd::Outcome(Outcome::Fail(failure)) => {
                plain("FAIL", Some(failure_json(failure)))
            }
            AttemptEnd::InDoubt { reason } => plain("IN_DOUBT", Some(storable(reason))),
            AttemptEnd::NotHappened => plain("NOT_HAPPENED", None),
        }
    }
}

fn decode_end(row: &PgRow) -> Result<AttemptEnd, String> {
    let detail = || {
        column::<Option<String>>(row, "entry_detail")?
            .ok_or_else(|| "a log entry has no detail".to_owned())
    };
    Ok(match column::<&str>(row, "entry_outcome")? {
        "OK" => {
            let output = payload(row, "entry_output")?.ok_or("a log entry has no output")?;
            AttemptEnd::Outcome(Outcome::Ok { output })
        }
        "RETRY" => {
            let after = column::<Option<i64>>(row, "entry_after_ms")?.map(from_millis);
            let after = after.transpose()?;
            AttemptEnd::Outcome(Outcome::Retry { reason: detail()?, after })
        }
        "FAIL" => AttemptEnd::Outcome(Outcome::Fail(failure_of(&detail()?)?)),
        "IN_DOUBT" => AttemptEnd::InDoubt { reason: detail()? },
        "NOT_HAPPENED" => AttemptEnd::NotHappened,
        _ => return Err("the outcome of a log entry is unknown".to_owned()),
    })
}
