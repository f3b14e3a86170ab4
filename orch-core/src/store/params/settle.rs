use std::time::Duration;

use super::Claim;
use crate::machine::{Ended, Entry};
use crate::store::FinalizeHook;
use crate::words::{AttemptEnd, Source};

/// An attempt, or a reconcile, that has ended.
#[derive(Debug, Clone)]
pub struct EndedAttempt {
    /// Under which claim.
    pub claim: Claim,
    /// Handler or reconcile.
    pub source: Source,
    /// How it ended.
    pub end: AttemptEnd,
    /// The backoff from now, what the provider asked for included; used if it runs again.
    pub delay: Duration,
}

impl EndedAttempt {
    /// What has ended, in view of what the log holds under its claim.
    #[must_use]
    pub const fn under<'a>(&'a self, logged: Option<&'a Entry>) -> Ended<'a> {
        let Self { claim, source, end, delay } = self;
        Ended { fence: claim.fence, source: *source, end, delay: *delay, logged }
    }
}

/// What became of an entry for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It is in the log, PENDING. If the same claim logged before, the first entry is kept.
    Logged,
    /// The claim is superseded or the operation terminal. An answer is kept as a late outcome.
    Stale,
}

/// A logged outcome to finalize.
#[derive(Debug, Clone)]
pub struct Finalization {
    /// The claim that it is logged under.
    pub claim: Claim,
    /// The hook to run in the same transaction if the operation becomes terminal.
    pub hook: Option<FinalizeHook>,
}
