use super::spelling::spelled;
use super::{AttemptEnd, Fence, Timestamp, WorkerId};

/// One entry of the write-ahead log: how an attempt ended, or what ended the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// The fence that it was written under.
    pub fence: Fence,
    /// The attempt that ended; the latest attempt for an entry that ended none.
    pub attempt: u32,
    /// The worker that ran the attempt, where one did.
    pub worker: Option<WorkerId>,
    /// Who says so.
    pub source: Source,
    /// When the attempt started, where one did.
    pub started_at: Option<Timestamp>,
    /// When the entry was written.
    pub logged_at: Timestamp,
    /// What is said.
    pub end: AttemptEnd,
    /// Whether the operation's status follows it yet.
    pub status: LogStatus,
    /// True for an answer that came after its fence was superseded or the operation was
    /// terminal: kept, and without effect.
    pub late: bool,
    /// Who decided and why, for an operator's entry; where it comes from, for a message of the provider.
    /// For one of orch itself about an operation that was PENDING:
    /// which way it has gone, since no attempt shows that.
    pub note: Option<String>,
    /// The latest error of its finalize hook: why the status does not follow yet, while the entry
    /// is PENDING. It stays when a later try succeeds. At most 8 KiB, then cut and marked.
    pub hook_error: Option<String>,
}

impl LogEntry {
    /// An entry that the status follows already, and that ends no attempt.
    #[must_use]
    pub const fn new(
        fence: Fence,
        attempt: u32,
        source: Source,
        end: AttemptEnd,
        logged_at: Timestamp,
    ) -> Self {
        Self {
            fence,
            attempt,
            worker: None,
            source,
            started_at: None,
            logged_at,
            end,
            status: LogStatus::Completed,
            late: false,
            note: None,
            hook_error: None,
        }
    }
}

/// Whether the operation's status follows a log entry yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStatus {
    /// Logged, not finalized: the Finalizer's work.
    Pending,
    /// Finalized, or without effect on the status.
    Completed,
}

spelled!(LogStatus, "log status", Pending => "PENDING", Completed => "COMPLETED");

/// Who wrote a log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The handler, by its result.
    Handler,
    /// The provider, asked by `reconcile`.
    Reconcile,
    /// An operator, by `resolve`.
    Operator,
    /// The provider, in a message of its own, by `record_answer`.
    Provider,
    /// orch itself: a lost lease, a time budget.
    Engine,
}

spelled!(
    Source, "source",
    Handler => "handler", Reconcile => "reconcile", Operator => "operator", Provider => "provider",
    Engine => "engine"
);
