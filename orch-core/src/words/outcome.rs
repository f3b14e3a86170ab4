use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Operation, Payload, Status, WorkerId, storable};

/// How an attempt ended, when it ended with an answer. Exactly three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider did it; `output` is the handler's encoded result.
    Ok {
        /// The encoded result.
        output: Payload,
    },
    /// Nothing happened at the provider; retry later. Ends the attempt, not the operation.
    Retry {
        /// Why, as text to read.
        reason: String,
        /// The least delay that the provider asked for, such as `Retry-After`.
        after: Option<Duration>,
    },
    /// It will not succeed; do not retry.
    Fail(Failure),
}

/// How an attempt ended: with an outcome, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// With an outcome.
    Outcome(Outcome),
    /// Without one: a timeout, a panic, a crash, a lost lease, or an error that the user maps
    /// to in doubt. The absence of an outcome, not a fourth one. As a reconcile's answer it
    /// means that the provider could not say either.
    InDoubt {
        /// What is known, as text to read.
        reason: String,
    },
    /// The call has succeeded, and its result cannot be read back: it is parked, whatever the handler
    /// declares for doubt, since another call could act twice and a failure would be a lie.
    Unreadable {
        /// As much of the result as could be written, for an operator.
        output: Payload,
        /// Why it cannot be read back.
        reason: String,
    },
    /// A reconcile's answer: the provider has not acted, so it is safe to run again.
    NotHappened,
    /// The provider has the call, or an earlier one with the same key, and is at work on it. Neither yes
    /// nor no: doubt remains, and the attempt that was told so is not counted.
    StillRunning {
        /// What the provider says, as text to read.
        reason: String,
        /// The least delay that the provider asked for.
        after: Option<Duration>,
    },
    /// The provider refuses because it has been done already. By whom it does not say: by an earlier call
    /// of this operation, or by another one that used the same reference.
    AlreadyDone {
        /// What the provider says, as text to read.
        reason: String,
    },
    /// The provider has accepted the call and tells later what becomes of it, in a message or when it is
    /// asked: a bank transfer, a virtual account. Neither yes nor no; no other call is made.
    Submitted {
        /// What the provider says, as text to read.
        reason: String,
        /// After how long it is asked for the first time, where the handler says so.
        after: Option<Duration>,
    },
}

impl AttemptEnd {
    /// True for an answer, of the provider or about the call: kept even when it comes too late.
    /// An end in doubt is not an answer, and "still running" says no more than doubt does.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        !matches!(self, Self::InDoubt { .. } | Self::StillRunning { .. })
    }

    /// True if it says that the provider has acted, for this call or for another one with the same
    /// reference, or has accepted the call and is to act.
    #[must_use]
    pub const fn says_acted(&self) -> bool {
        matches!(
            self,
            Self::Outcome(Outcome::Ok { .. })
                | Self::Unreadable { .. }
                | Self::AlreadyDone { .. }
                | Self::Submitted { .. }
        )
    }

    /// An attempt, or a reconcile, whose lease expired: its worker can no longer say how it ended.
    #[must_use]
    pub fn lost(worker: Option<&WorkerId>) -> Self {
        let who = worker.map_or("its worker".to_owned(), |worker| format!("worker {worker}"));
        Self::InDoubt { reason: format!("the lease expired; {who} did not renew it") }
    }
}

/// Why an operation failed, for operators and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// A stable code, such as `CARD_DECLINED` or one of [`code`].
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The error underneath, or the reason of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// True if the provider may have acted all the same: an operator has to check.
    pub uncertain: bool,
    /// False if certainly no call was made: the handler was never run, and the operation's history
    /// lacks no attempt.
    pub called: bool,
}

impl Failure {
    /// A definite failure of an operation whose handler ran. Texts are made storable.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        Self {
            code: storable(code),
            message: storable(message),
            cause: None,
            uncertain: false,
            called: true,
        }
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn cause(mut self, cause: Option<&str>) -> Self {
        self.cause = cause.map(storable);
        self
    }

    /// Sets whether the provider may have acted all the same.
    #[must_use]
    pub fn uncertain(mut self, uncertain: bool) -> Self {
        self.uncertain = uncertain;
        self
    }

    /// Sets whether the handler was ever run.
    #[must_use]
    pub fn called(mut self, called: bool) -> Self {
        self.called = called;
        self
    }
}

/// The failure codes that orch itself writes. Codes of the user's own are any other text.
pub mod code {
    /// The deadline passed first.
    pub const TIME_BUDGET_EXCEEDED: &str = "TIME_BUDGET_EXCEEDED";
    /// The last allowed attempt asked for a retry, or was lost.
    pub const ATTEMPTS_EXHAUSTED: &str = "ATTEMPTS_EXHAUSTED";
    /// An attempt ended in doubt and the handler declares `in_doubt = "fail"`.
    pub const IN_DOUBT: &str = "IN_DOUBT";
    /// The provider said that it had been done already, and nothing says by whom: the handler has no
    /// reconcile, or that found nothing of this operation.
    pub const ALREADY_DONE: &str = "ALREADY_DONE";
    /// The provider had accepted the call, and says that it has not happened.
    pub const NOT_HAPPENED: &str = "NOT_HAPPENED";
    /// What a reconcile refuses without a code of its own.
    pub const REFUSED: &str = "REFUSED";
    /// Of release 0.1.0: the call succeeded, but its result could not be written as JSON. Since then
    /// such an operation is parked, with [`AttemptEnd::Unreadable`](super::AttemptEnd::Unreadable).
    pub const OUTPUT_NOT_ENCODABLE: &str = "OUTPUT_NOT_ENCODABLE";
}

/// The terminal outcome of an operation: as it is stored, or, for a finalize hook, with the result
/// as the user's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalOutcome<T = Payload> {
    /// COMPLETED, with the result.
    Ok(T),
    /// FAILED.
    Failed(Failure),
}

impl<T> FinalOutcome<T> {
    /// The terminal status that goes with it.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Ok(_) => Status::Completed,
            Self::Failed(_) => Status::Failed,
        }
    }
}

impl From<FinalOutcome> for Outcome {
    fn from(outcome: FinalOutcome) -> Self {
        match outcome {
            FinalOutcome::Ok(output) => Self::Ok { output },
            FinalOutcome::Failed(failure) => Self::Fail(failure),
        }
    }
}

/// What a wait for an operation ends with, with the result as the user's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Waited<T> {
    /// COMPLETED, with what the handler returned.
    Ok(T),
    /// FAILED.
    Failed(Failure),
    /// Not finished yet: ask again later.
    Pending(Box<Operation>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_storable_whatever_its_texts_hold() {
        let failure = Failure::new("CODE\0", &"x".repeat(1_000_000)).cause(Some("\0"));
        assert_eq!(failure.code, "CODE\\0");
        assert!(failure.message.ends_with("[truncated: 1000000 bytes in all]"));
        assert_eq!(failure.cause.as_deref(), Some("\\0"));
        let back: Failure =
            serde_json::from_str(&serde_json::to_string(&failure).unwrap()).unwrap();
        assert_eq!(back, failure);
    }

    #[test]
    fn the_status_follows_from_the_outcome() {
        assert_eq!(FinalOutcome::Ok(()).status(), Status::Completed);
        assert_eq!(FinalOutcome::<()>::Failed(Failure::new("A", "b")).status(), Status::Failed);
    }
}
