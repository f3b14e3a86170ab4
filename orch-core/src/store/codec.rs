//! How values are spelled in the columns of a SQL database: the same in all of them.

use std::time::Duration;

use crate::words::{AttemptEnd, Failure, Outcome, Payload, storable};

/// How an attempt ended, as the columns of the log. Texts are storable: Postgres keeps no NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEnd {
    /// `OK`, `RETRY`, `FAIL`, `IN_DOUBT`, `NOT_HAPPENED`, `STILL_RUNNING`,
    /// `ALREADY_DONE` or `SUBMITTED`.
    pub outcome: &'static str,
    /// The reason; of a failure, the failure as JSON.
    pub detail: Option<String>,
    /// The output of `OK`.
    pub output: Option<Payload>,
    /// What is left of an output that cannot be read back. Beside it the outcome is `IN_DOUBT`, which
    /// is what a release before this column takes it for.
    pub unreadable: Option<Payload>,
    /// The least delay that a provider asked for, in milliseconds.
    pub after_ms: Option<i64>,
}

impl EncodedEnd {
    /// The columns of this end.
    #[must_use]
    pub fn of(end: &AttemptEnd) -> Self {
        let plain = |outcome, detail| Self {
            outcome,
            detail,
            output: None,
            unreadable: None,
            after_ms: None,
        };
        match end {
            AttemptEnd::Outcome(Outcome::Ok { output }) => {
                Self { output: Some(output.clone()), ..plain("OK", None) }
            }
            AttemptEnd::Outcome(Outcome::Retry { reason, after }) => {
                Self { after_ms: after.map(as_millis), ..plain("RETRY", Some(storable(reason))) }
            }
            AttemptEnd::Outcome(Outcome::Fail(failure)) => {
                plain("FAIL", Some(failure_json(failure)))
            }
            AttemptEnd::InDoubt { reason } => plain("IN_DOUBT", Some(storable(reason))),
            AttemptEnd::Unreadable { output, reason } => Self {
                unreadable: Some(output.clone()),
                ..plain("IN_DOUBT", Some(storable(reason)))
            },
            AttemptEnd::NotHappened => plain("NOT_HAPPENED", None),
            AttemptEnd::StillRunning { reason, after } => Self {
                after_ms: after.map(as_millis),
                ..plain("STILL_RUNNING", Some(storable(reason)))
            },
            AttemptEnd::AlreadyDone { reason } => plain("ALREADY_DONE", Some(storable(reason))),
            AttemptEnd::Submitted { reason, after } => Self {
                after_ms: after.map(as_millis),
                ..plain("SUBMITTED", Some(storable(reason)))
            },
        }
    }
}

/// The end with these columns.
///
/// # Errors
/// What is wrong, without the content.
pub fn attempt_end(
    outcome: &str,
    detail: Option<&str>,
    output: Option<&[u8]>,
    unreadable: Option<&[u8]>,
    after_ms: Option<i64>,
) -> Result<AttemptEnd, String> {
    let detail = || detail.ok_or("a log entry has no detail");
    let after = || after_ms.map(|ms| from_millis(ms, "after_ms")).transpose();
    Ok(match outcome {
        "OK" => {
            let output = output.ok_or("a log entry has no output")?.into();
            AttemptEnd::Outcome(Outcome::Ok { output })
        }
        "RETRY" => {
            AttemptEnd::Outcome(Outcome::Retry { reason: detail()?.to_owned(), after: after()? })
        }
        "FAIL" => AttemptEnd::Outcome(Outcome::Fail(failure(detail()?)?)),
        "IN_DOUBT" => {
            let reason = detail()?.to_owned();
            match unreadable {
                Some(output) => AttemptEnd::Unreadable { output: output.into(), reason },
                None => AttemptEnd::InDoubt { reason },
            }
        }
        "NOT_HAPPENED" => AttemptEnd::NotHappened,
        "STILL_RUNNING" => {
            AttemptEnd::StillRunning { reason: detail()?.to_owned(), after: after()? }
        }
        "ALREADY_DONE" => AttemptEnd::AlreadyDone { reason: detail()?.to_owned() },
        "SUBMITTED" => AttemptEnd::Submitted { reason: detail()?.to_owned(), after: after()? },
        _ => return Err("the outcome of a log entry is unknown".to_owned()),
    })
}

/// A failure as JSON. It is a struct of texts and flags, so it always has a JSON form; NUL is an
/// escape in it.
#[must_use]
pub fn failure_json(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap_or_default()
}

/// The failure of this JSON.
///
/// # Errors
/// It is not the JSON of a failure.
pub fn failure(json: &str) -> Result<Failure, String> {
    serde_json::from_str(json).map_err(|_| "the failure is not the JSON of one".to_owned())
}

/// The longest span that is stored: a thousand years, which still fits into an interval.
const LONGEST_MS: u128 = 1000 * 365 * 24 * 60 * 60 * 1000;

/// A span in whole milliseconds, rounded up, so that nothing becomes due too early. At most a
/// thousand years.
#[must_use]
pub fn as_millis(span: Duration) -> i64 {
    let ms = span.as_micros().div_ceil(1000).min(LONGEST_MS);
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The span of so many milliseconds.
///
/// # Errors
/// It is negative; the text names the column.
pub fn from_millis(ms: i64, column: &str) -> Result<Duration, String> {
    u64::try_from(ms).map(Duration::from_millis).map_err(|_| format!("column {column} is negative"))
}
