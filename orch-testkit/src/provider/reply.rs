use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use orch_core::policies::http::HttpOutcome;
use orch_core::provider::Provider;

/// What the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The charge with this number.
    Charged {
        /// Counted from 1 over all keys.
        receipt: u64,
    },
    /// No, and it will not change.
    Declined,
    /// 503.
    Unavailable,
    /// 429.
    RateLimited {
        /// `Retry-After`.
        after: Duration,
    },
    /// 401: the caller could not be authenticated, so the key was not looked at.
    Refused,
    /// The key was used with another payload.
    KeyReused,
    /// An error that does not tell whether it has charged.
    Error {
        /// Its status.
        status: u16,
    },
    /// Another call with the key is at work.
    StillRunning,
    /// It was done already, or the reference was used.
    AlreadyDone,
}

/// An answer as it comes over HTTP.
///
/// [`ScriptedProvider::answer`](crate::ScriptedProvider::answer) returns it, in the words of the
/// provider's contract; the client that [`contract_probe`](crate::contract_probe) calls makes it of what a
/// real provider has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The status of HTTP, 100 to 999.
    pub status: u16,
    /// The provider's own code, from the body.
    pub code: Option<String>,
    /// What the provider calls the effect: the id of the charge, of the message, of the file.
    pub receipt: Option<String>,
    /// `Retry-After`. Over HTTP it is sent in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
}

impl Answered {
    /// An answer with this status, and nothing else.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, code: None, receipt: None, retry_after: None }
    }

    /// The same with the provider's own code.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// The same with the id of the effect.
    #[must_use]
    pub fn with_receipt(self, receipt: impl Into<String>) -> Self {
        Self { receipt: Some(receipt.into()), ..self }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// As a handler of this provider takes it: by `HttpOutcome::check_of`. A status that is none is
    /// taken as 500.
    ///
    /// # Errors
    /// The outcome, unless the answer is a success.
    pub fn check<P: Provider>(&self) -> Result<(), HttpOutcome> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.into());
        }
        HttpOutcome::check_of::<P>(status, &headers, self.code.as_deref())
    }
}
