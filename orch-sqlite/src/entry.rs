//! Entries of the write-ahead log: decoding and encoding.

use std::time::Duration;

use orch_core::policies::FINALIZER_HEAD_START;
use orch_core::words::{
    AttemptEnd, Fence, LogEntry, LogStatus, OpId, Outcome, Payload, Source, Timestamp, WorkerId,
};
use sqlx::sqlite::SqliteRow;

use crate::row::{self, as_millis, column, instant, millis, word};
use crate::sql::Values;

/// One entry, with what only the store needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) op_id: OpId,
    pub(crate) log: LogEntry,
    /// The backoff counted from `logged_at`.
    pub(crate) delay: Duration,
    /// How often a finalize hook has failed for it.
    pub(crate) finalize_failures: u32,
}

impl Entry {
    /// Decodes the `entry_…` columns; `None` where a join found no entry.
    pub(crate) fn decode(row: &SqliteRow) -> Result<Option<Self>, String> {
        let Some(fence) = column::<Option<i64>>(row, "entry_fence")? else { return Ok(None) };
        let log = LogEntry {
            fence: Fence::new(fence),
            attempt: column(row, "entry_attempt")?,
            worker: column::<Option<String>>(row, "entry_worker")?.map(WorkerId::from_stored),
            source: word(row, "entry_source")?,
            started_at: instant(row, "entry_started_at")?,
            logged_at: Timestamp::from_micros(column(row, "entry_logged_at")?),
            end: decode_end(row)?,
            status: word(row, "entry_status")?,
            late: column(row, "entry_late")?,
            note: column(row, "entry_note")?,
            hook_error: column(row, "entry_hook_error")?,
        };
        Ok(Some(Self {
            op_id: row::op_id(row, "op_id")?,
            log,
            delay: millis(row, "entry_delay_ms")?,
            finalize_failures: column(row, "entry_hook_failures")?,
        }))
    }

    /// The output, where the end has one.
    pub(crate) fn output(&self) -> Option<&Payload> {
        match &self.log.end {
            AttemptEnd::Outcome(Outcome::Ok { output }) => Some(output),
            _ => None,
        }
    }

    /// True if a worker wrote it, not somebody who took the operation from the worker.
    pub(crate) fn is_of_worker(&self) -> bool {
        matches!(self.log.source, Source::Handler | Source::Reconcile)
    }

    /// The values of `append.sql`.
    pub(crate) fn encode(&self, values: &mut Values) {
        let log = &self.log;
        let (outcome, detail, after_ms) = encode_end(&log.end);
        let finalize_due_at =
            (log.status == LogStatus::Pending).then(|| log.logged_at.plus(FINALIZER_HEAD_START));
        values
            .add(self.op_id.as_bytes().as_slice())
            .add(log.fence.get())
            .add(log.late)
            .add(log.attempt)
            .add(log.worker.as_ref().map(WorkerId::as_str))
            .add(log.source.as_str())
            .add(log.started_at.map(Timestamp::as_micros))
            .add(log.logged_at.as_micros())
            .add(outcome)
            .add(detail)
            .add(after_ms)
            .add(as_millis(self.delay))
            .add(log.status.as_str())
            .add(finalize_due_at.map(Timestamp::as_micros))
            .add(log.note.as_deref())
            .add(self.output().map(Payload::as_bytes));
    }
}

fn encode_end(end: &AttemptEnd) -> (&'static str, Option<String>, Option<i64>) {
    match end {
        AttemptEnd::Outcome(Outcome::Ok { .. }) => ("OK", None, None),
        AttemptEnd::Outcome(Outcome::Retry { reason, after }) => {
            ("RETRY", Some(reason.clone()), after.map(as_millis))
        }
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            ("FAIL", Some(row::failure_json(failure)), None)
        }
        AttemptEnd::InDoubt { reason } => ("IN_DOUBT", Some(reason.clone()), None),
        AttemptEnd::NotHappened => ("NOT_HAPPENED", None, None),
    }
}

fn decode_end(row: &SqliteRow) -> Result<AttemptEnd, String> {
    let detail = || {
        column::<Option<String>>(row, "entry_detail")?
            .ok_or_else(|| "the detail is missing".to_owned())
    };
    Ok(match column::<&str>(row, "entry_outcome")? {
        "OK" => {
            let output: Option<Vec<u8>> = column(row, "entry_output")?;
            let output = output.ok_or_else(|| "the output is missing".to_owned())?.into();
            AttemptEnd::Outcome(Outcome::Ok { output })
        }
        "RETRY" => {
            let after = column::<Option<i64>>(row, "entry_after_ms")?;
            let after = after.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
            AttemptEnd::Outcome(Outcome::Retry { reason: detail()?, after })
        }
        "FAIL" => AttemptEnd::Outcome(Outcome::Fail(row::failure_of(&detail()?)?)),
        "IN_DOUBT" => AttemptEnd::InDoubt { reason: detail()? },
        "NOT_HAPPENED" => AttemptEnd::NotHappened,
        _ => return Err("the outcome of a log entry is unknown".to_owned()),
    })
}
