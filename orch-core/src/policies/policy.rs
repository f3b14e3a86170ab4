use std::time::Duration;

use super::Backoff;
use crate::words::{Kind, spelled};

/// Total executions of one operation, retries and lost attempts included.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// How often a provider is asked what happened before the operation is parked.
pub const DEFAULT_MAX_RECONCILES: u32 = 10;
/// How long one attempt may run before it ends in doubt.
pub const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an operation may take from accept to its end.
pub const DEFAULT_TIME_BUDGET: Duration = Duration::from_secs(5 * 60);
/// The shortest time budget.
pub const MIN_TIME_BUDGET: Duration = Duration::from_millis(1);
/// The longest time budget: a year.
pub const MAX_TIME_BUDGET: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the worker that logged an outcome has it to itself before the Finalizer may take it.
pub const FINALIZER_HEAD_START: Duration = Duration::from_secs(1);

/// What follows an attempt of which nobody knows how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InDoubt {
    /// Run it again, with the same provider key.
    #[default]
    Retry,
    /// Leave it to a person.
    Park,
    /// End it as FAILED with `uncertain = true`.
    Fail,
    /// Ask the provider what happened, until it says so.
    Reconcile,
}

spelled!(
    InDoubt, "in_doubt",
    Retry => "retry", Park => "park", Fail => "fail", Reconcile => "reconcile"
);

/// The rules of one kind of operation, as its handler declares them. A claim writes them into
/// the operation's row, so that any worker can recover it, also one without the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindPolicy {
    /// Domain and event type.
    pub kind: Kind,
    /// Total executions, at least 1.
    pub max_attempts: u32,
    /// Delays between them.
    pub backoff: Backoff,
    /// What follows an attempt in doubt.
    pub in_doubt: InDoubt,
    /// True if the handler has a finalize hook, so that only a worker with the handler may
    /// finalize.
    pub hooked: bool,
}

impl KindPolicy {
    /// The defaults for a kind.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            backoff: Backoff::DEFAULT,
            in_doubt: InDoubt::Retry,
            hooked: false,
        }
    }
}
