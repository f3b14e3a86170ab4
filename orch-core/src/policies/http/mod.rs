//! What an HTTP response, or its absence, says about the provider.
//!
//! After an error orch has to know one thing: did the provider certainly do nothing (retry),
//! did it refuse (fail), or may it have acted (in doubt)? For HTTP most of that is known, and
//! a mistake can charge a card twice. [`HttpOutcome`] decides it by status and headers. With the
//! feature `reqwest`, `client` builds a client that sends each call once, `answer` reads an answer
//! as the handler's type, and `ending_of_reqwest` decides about a `reqwest::Error`.
//!
//! ```
//! # use orch_core::policies as orch;
//! use http::{HeaderMap, StatusCode};
//! use orch::Ending;
//! use orch::http::HttpOutcome;
//!
//! let none = HeaderMap::new();
//! assert_eq!(HttpOutcome::check(StatusCode::CREATED, &none), Ok(()));
//!
//! let not_there = HttpOutcome::check(StatusCode::NOT_FOUND, &none).unwrap_err();
//! assert_eq!(not_there.ending(), Ending::fail("HTTP_404", false));
//!
//! let broken = HttpOutcome::check(StatusCode::BAD_GATEWAY, &none).unwrap_err();
//! assert_eq!(broken.ending(), Ending::InDoubt);
//! ```
//!
//! # Every status, by the effect of the call
//!
#![doc = include_str!("table.md")]
//!
//! - **retry** waits at least as long as `Retry-After` says, in seconds or as a date.
//! - **fail** has the status in its code: `HTTP_404`. A status that means something else at your
//!   provider, such as 402 for a declined card, gets a separate variant before the rest is left
//!   to [`HttpOutcome`]. It is about this call only and never clears doubt about an earlier one:
//!   a status does not say whether the provider has looked at the key.
//! - **in doubt** is followed by `reconcile`, or by what `in_doubt` declares; with the default
//!   `retry` the call is made again with the same key. That is why an idempotent call does not
//!   end with retry where the provider may have acted: the next attempt is the same, but when
//!   the attempts are used up, the failure says `uncertain`.
//! - **The provider's own answers** come before the table: [`HttpOutcome::of`] looks into the words of its
//!   contract first, by status and by the code in the body. *Still running* and *done already* are read
//!   as what they are, and a key that came with another body ends in doubt: the first call may have acted.
//! - A status above 599 is no status (RFC 9110 §15) and is taken as 500; so is a 5xx that is not
//!   registered.
//! - For 202 (accepted, not done yet) and 207 (several answers in one) only the body says whether
//!   the call succeeded: read it before you return `Ok`.
//!
//! # By the words of a contract
//!
//! ```
//! # use orch_core::{policies as orch, provider};
//! use http::{HeaderMap, StatusCode};
//! use orch::Ending;
//! use orch::http::HttpOutcome;
//! use provider::catalogue::Stripe;
//!
//! let none = HeaderMap::new();
//! // The code stands in the body, which the caller reads.
//! let in_use = Some("idempotency_key_in_use");
//! let answer = HttpOutcome::of::<Stripe>(StatusCode::CONFLICT, &none, in_use).unwrap();
//! assert_eq!(answer.ending(), Ending::StillRunning { after: None });
//!
//! // What is no word of the contract is read by the table.
//! let declined = Some("card_declined");
//! let answer = HttpOutcome::of::<Stripe>(StatusCode::PAYMENT_REQUIRED, &none, declined).unwrap();
//! assert_eq!(answer.ending(), Ending::fail("HTTP_402", false));
//! ```

// A call with `reqwest`: `client` sends it, `no_answer` and `answer` read what comes of it.
#[cfg(feature = "reqwest")]
mod answer;
#[cfg(feature = "reqwest")]
mod answer_error;
#[cfg(feature = "reqwest")]
mod client;
#[cfg(feature = "reqwest")]
mod no_answer;

mod retry_after;
mod rules;

use std::time::Duration;

use http::{HeaderMap, StatusCode};

#[cfg(feature = "reqwest")]
pub(crate) use self::answer::judged;
#[cfg(feature = "reqwest")]
pub use self::{
    answer::{ANSWER_LIMIT, answer, answer_with},
    answer_error::AnswerError,
    client::client,
    no_answer::{REQUEST_NOT_BUILT, ending_of_reqwest},
};

pub use retry_after::LONGEST_WAIT;

use super::{Effect, Ending, Says};
use crate::words::Timestamp;

/// An HTTP response that is no success: its status, and how the attempt ends with it.
///
/// A handler may return it as its error, or hold it in its own error type with
/// `#[outcome(from = HttpOutcome::ending)]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the provider answered {status}{}", said.map(Said::text).unwrap_or_default())]
pub struct HttpOutcome {
    status: StatusCode,
    retry_after: Option<Duration>,
    effect: Effect,
    said: Option<Said>,
    /// True if the provider may have acted behind a 5xx, whatever that says.
    acts_behind_errors: bool,
}

/// A word of the provider's contract that an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) says: Says,
    /// The code that the contract names; never what a body holds beside it.
    pub(crate) code: Option<&'static str>,
}

impl Said {
    fn text(self) -> String {
        self.code.map(|code| format!(" ({code})")).unwrap_or_default()
    }
}

impl HttpOutcome {
    /// [`HttpOutcome::from_status`]; `now` is used where the answer has no `Date`.
    pub(crate) fn at(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        (!status.is_success())
            .then(|| Self::with_wait(status, retry_after::retry_after(headers, now)))
    }

    fn with_wait(status: StatusCode, retry_after: Option<Duration>) -> Self {
        Self {
            status,
            retry_after,
            effect: Effect::default(),
            said: None,
            acts_behind_errors: false,
        }
    }

    /// The outcome of an answer that is this word of the provider's contract, whatever its status says.
    pub(crate) fn saying(
        said: Said,
        status: StatusCode,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Self {
        let outcome = Self::with_wait(status, retry_after::retry_after(headers, now));
        Self { said: Some(said), ..outcome }
    }

    /// As the answer of a provider that may have acted behind a 5xx, also one that asks to wait.
    pub(crate) const fn that_acts_behind_errors(self, acts_behind_errors: bool) -> Self {
        Self { acts_behind_errors, ..self }
    }

    /// As the answer to a call with this effect, which is the one that the handler declares.
    ///
    /// ```
    /// # use orch_core::policies as orch;
    /// use orch::http::HttpOutcome;
    /// use orch::{Effect, Ending};
    ///
    /// # let (status, headers) = (http::StatusCode::BAD_GATEWAY, http::HeaderMap::new());
    /// // A query changes nothing: after a 502 it is asked again.
    /// let outcome = HttpOutcome::from_status(status, &headers).unwrap();
    /// let ending = outcome.for_effect(Effect::Read).ending();
    /// assert_eq!(ending, Ending::Retry { after: None });
    /// ```
    #[must_use]
    pub const fn for_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// How long the provider asks not to be called, from now on; at most [`LONGEST_WAIT`].
    /// `None` if it does not say, or if the header cannot be parsed.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// How the attempt ends: as the word of the contract means, or else as the table says.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let Self { status, retry_after, effect, said, acts_behind_errors } = *self;
        let Some(Said { says, code }) = said else {
            let doubtful = acts_behind_errors && status.is_server_error() && effect != Effect::Read;
            return match rules::ending(status, retry_after, effect) {
                Ending::Retry { .. } if doubtful => Ending::InDoubt,
                ending => ending,
            };
        };
        match says {
            Says::StillRunning => Ending::StillRunning { after: retry_after },
            Says::Done => Ending::AlreadyDone,
            Says::OtherBody => Ending::InDoubt,
            Says::Refused => match code {
                Some(code) => Ending::fail(code, false),
                None => Ending::fail(&rules::code(status), false),
            },
        }
    }
}

impl From<&HttpOutcome> for Ending {
    fn from(outcome: &HttpOutcome) -> Self {
        outcome.ending()
    }
}
