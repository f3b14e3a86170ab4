use std::time::Duration;

use super::Row;
use crate::policies::FINALIZER_HEAD_START;
use crate::words::{AttemptEnd, LogEntry, LogStatus, Source, Timestamp};

/// A log entry with what finalizing it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What readers see.
    pub log: LogEntry,
    /// The backoff from `logged_at`, what the provider asked for included; used if the operation
    /// runs again.
    pub delay: Duration,
    /// While PENDING: when the Finalizer may take it.
    pub due_at: Option<Timestamp>,
    /// How often its finalize hook failed.
    pub hook_failures: u32,
}

/// A change of the log. An entry is found by its fence and by whether it is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryWrite {
    /// Stored unless there is one with the same fence and lateness. A late one that is new is
    /// counted on the dead letter, if there is one.
    Append(Entry),
    /// Written over the one that is there.
    Update(Entry),
}

impl Entry {
    /// An entry of this row under its fence, COMPLETED, that ends no attempt.
    pub(super) fn of(row: &Row, source: Source, end: AttemptEnd, now: Timestamp) -> Self {
        let log = LogEntry::new(row.fence, row.attempt, source, end, now);
        Self { log, delay: Duration::ZERO, due_at: None, hook_failures: 0 }
    }

    /// The same about the attempt that holds the lease.
    pub(super) fn of_attempt(mut self, row: &Row) -> Self {
        self.log.worker.clone_from(&row.worker);
        self.log.started_at = row.started_at;
        self
    }

    /// The same to be finalized later. Its own worker comes first, then the Finalizer.
    pub(super) fn pending(mut self) -> Self {
        self.log.status = LogStatus::Pending;
        self.due_at = Some(self.log.logged_at.plus(FINALIZER_HEAD_START));
        self
    }

    /// The same once the row follows it.
    pub(super) fn completed(mut self) -> Self {
        self.log.status = LogStatus::Completed;
        self.due_at = None;
        self
    }

    /// True if a worker wrote it about its own claim; false if it was written by who took the
    /// operation from the worker.
    #[must_use]
    pub const fn is_of_worker(&self) -> bool {
        matches!(self.log.source, Source::Handler | Source::Reconcile)
    }
}
