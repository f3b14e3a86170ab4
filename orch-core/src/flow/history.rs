use std::fmt;
use std::ops::Deref;

use crate::policies::{Bearing, bearings};
use crate::store::{Store, StoreError};
use crate::words::{AttemptEnd, LogEntry, LogStatus, OpId, Operation, Outcome, Owner, one_line};

/// An entry of an operation's history: what was said, and what it means for the outcome. Reads
/// like the [`LogEntry`] itself, and prints as one line, with the size of an output and not the
/// output: `entry.end` has that, and [`Payload::decode`](crate::words::Payload::decode) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// What was said, by whom and when.
    pub entry: LogEntry,
    /// Whether it counts, corroborates the outcome or diverges from it.
    pub bearing: Bearing,
}

impl Deref for HistoryEntry {
    type Target = LogEntry;

    fn deref(&self) -> &LogEntry {
        &self.entry
    }
}

impl fmt::Display for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogEntry { logged_at, attempt, fence, source, late, .. } = &self.entry;
        write!(f, "{logged_at} attempt {attempt}, fence {fence}, {source}: ")?;
        match &self.entry.end {
            AttemptEnd::Outcome(Outcome::Ok { output }) => write!(f, "ok, {} bytes", output.size()),
            AttemptEnd::Outcome(Outcome::Retry { reason, .. }) => {
                write!(f, "retry: {}", one_line(reason))
            }
            AttemptEnd::Outcome(Outcome::Fail(failure)) => {
                let sure = if failure.uncertain { ", uncertain" } else { "" };
                write!(f, "fail {}{sure}: {}", one_line(&failure.code), one_line(&failure.message))
            }
            AttemptEnd::InDoubt { reason } => write!(f, "in doubt: {}", one_line(reason)),
            AttemptEnd::Unreadable { reason, .. } => {
                write!(f, "done, its result unreadable: {}", one_line(reason))
            }
            AttemptEnd::NotHappened => f.write_str("it has not happened"),
            AttemptEnd::StillRunning { reason, .. } => {
                write!(f, "still running: {}", one_line(reason))
            }
            AttemptEnd::AlreadyDone { reason } => write!(f, "already done: {}", one_line(reason)),
            AttemptEnd::Submitted { reason, .. } => write!(f, "submitted: {}", one_line(reason)),
        }?;
        if let Some(note) = &self.entry.note {
            write!(f, " ({})", one_line(note))?;
        }
        if self.entry.status == LogStatus::Pending
            && let Some(error) = &self.entry.hook_error
        {
            write!(f, "; not finalized: {}", one_line(error))?;
        }
        let late = if *late { "late, " } else { "" };
        write!(f, "; {late}{}", self.bearing)
    }
}

/// The operation and its history, oldest entry first. The log is read first, so that it holds
/// nothing that the operation has not yet come to. The operation is `None` if this owner has
/// none, or if there are entries and its row cannot be decoded.
///
/// # Errors
/// The store's.
pub async fn history(
    store: &dyn Store,
    owner: &Owner,
    op_id: OpId,
) -> Result<(Option<Operation>, Vec<HistoryEntry>), StoreError> {
    let log = store.history(owner, op_id).await?;
    let operation = match store.get(owner, op_id).await {
        Err(StoreError::Corrupt { .. }) if !log.is_empty() => None,
        found => found?,
    };
    let outcome = operation.as_ref().and_then(|operation| operation.outcome.as_ref());
    let bearings = bearings(outcome, &log);
    let entries = log.into_iter().zip(bearings);
    Ok((operation, entries.map(|(entry, bearing)| HistoryEntry { entry, bearing }).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Fence, Payload, Source, Timestamp};

    #[test]
    fn an_entry_says_why_the_state_does_not_follow_until_it_does() {
        let entry = LogEntry {
            fence: Fence::new(2),
            attempt: 1,
            worker: None,
            source: Source::Handler,
            started_at: None,
            logged_at: Timestamp::from_micros(0),
            end: AttemptEnd::Outcome(Outcome::Ok { output: Payload::default() }),
            status: LogStatus::Pending,
            late: false,
            note: None,
            hook_error: Some("no such table:\nledger".to_owned()),
        };
        let line = |entry: LogEntry| HistoryEntry { entry, bearing: Bearing::Counts }.to_string();
        let told = "attempt 1, fence 2, handler: ok, 0 bytes";
        let pending = line(entry.clone());
        assert!(pending.contains(told), "{pending}");
        assert!(pending.ends_with("; not finalized: no such table: ledger; counts"), "{pending}");
        let followed = line(LogEntry { status: LogStatus::Completed, ..entry });
        assert!(followed.ends_with("0 bytes; counts"), "{followed}");
    }
}
