use std::time::Duration;

use super::Submitted;

/// How an attempt ends when the handler returns this error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// Nothing happened at the provider: retry, after at least this long.
    Retry {
        /// The least delay.
        after: Option<Duration>,
    },
    /// It will not succeed. By itself this is about the one call that was refused: if the answer
    /// to an earlier call was lost, the operation ends FAILED with `uncertain = true`.
    Fail {
        /// A stable code.
        code: String,
        /// True if the provider may have acted all the same.
        uncertain: bool,
        /// True if the provider gives this answer only after it has looked at the key and found
        /// no earlier call that has acted, and if none that is still on its way will act either.
        /// Without effect if the failure is `uncertain` itself.
        clears_doubt: bool,
    },
    /// It is unknown whether the provider acted.
    InDoubt,
    /// The provider has this call, or an earlier one with the same key, and is at work on it: ask again,
    /// after at least this long. Doubt remains; up to a limit such an answer uses up no attempt.
    StillRunning {
        /// The least delay.
        after: Option<Duration>,
    },
    /// The provider refuses because it has been done already: the order is paid, the reference was used.
    /// It may have been an earlier call of this operation, so the operation is reconciled if its handler
    /// can do that; it never runs again by itself.
    AlreadyDone,
    /// The provider has accepted the call and tells later what becomes of it. It never runs again.
    Submitted(Submitted),
}

impl Ending {
    /// Retry after the delay that a field holds.
    #[must_use]
    pub fn retry_after<A: After>(after: &A) -> Self {
        Self::Retry { after: after.after() }
    }

    /// Still running; ask again after the delay that a field holds.
    #[must_use]
    pub fn still_running_after<A: After>(after: &A) -> Self {
        Self::StillRunning { after: after.after() }
    }

    /// It will not succeed, for the reason with this code. The answer is about this call only:
    /// a wrong API key, an address that does not exist, a body that is refused.
    #[must_use]
    pub fn fail(code: &str, uncertain: bool) -> Self {
        Self::Fail { code: code.to_owned(), uncertain, clears_doubt: false }
    }

    /// It will not succeed, and the provider says so only after it has looked at the key: no call
    /// with this key has acted, and none that is still on its way will. That a key was used with
    /// another body is no such answer.
    #[must_use]
    pub fn fail_clearing_doubt(code: &str) -> Self {
        Self::Fail { code: code.to_owned(), uncertain: false, clears_doubt: true }
    }
}

/// What `#[outcome(retry, after = field)]` and `#[outcome(still_running, after = field)]` may name: a `Duration`, or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`after` names a field of type `{Self}`, which is no `Duration`",
    label = "not a `Duration`",
    note = "it says how long the provider wants to be left alone",
    note = "make the field a `std::time::Duration` or an `Option` of one, or leave `after` out"
)]
pub trait After {
    /// The least delay, if there is one.
    fn after(&self) -> Option<Duration>;
}

impl After for Duration {
    fn after(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl After for Option<Duration> {
    fn after(&self) -> Option<Duration> {
        *self
    }
}
