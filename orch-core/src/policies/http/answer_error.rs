use std::error::Error;
use std::fmt;

use http::StatusCode;

use super::answer::Unreadable;
use super::{HttpOutcome, ending_of_reqwest};
use crate::policies::{Effect, Ending};

/// Why a call over HTTP has no result, and how the attempt ends with it.
///
/// A handler may return it as its error, or hold it in its own error type with
/// `#[outcome(from = AnswerError::ending)]`. `?` makes one of a [`reqwest::Error`].
///
/// It is taken as the end of a keyed call, the most cautious reading: see
/// [`for_effect`](Self::for_effect).
///
/// Neither its text nor its `Debug` form has a part of the provider's body, and of the URL only
/// scheme, host and port.
pub struct AnswerError {
    why: Why,
    effect: Effect,
}

enum Why {
    NoAnswer(reqwest::Error),
    Refused { outcome: HttpOutcome, body: Result<Vec<u8>, Unreadable> },
    Unreadable(Unreadable),
}

impl AnswerError {
    pub(super) fn refused(outcome: HttpOutcome, body: Result<Vec<u8>, Unreadable>) -> Self {
        Self::new(Why::Refused { outcome, body })
    }

    pub(super) fn unreadable(why: Unreadable) -> Self {
        Self::new(Why::Unreadable(why))
    }

    fn new(why: Why) -> Self {
        Self { why, effect: Effect::default() }
    }

    /// As the end of a call with this effect, which is the one that the handler declares.
    #[must_use]
    pub fn for_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// The provider's answer, if there is one and it was no 2xx.
    #[must_use]
    pub fn outcome(&self) -> Option<&HttpOutcome> {
        match &self.why {
            Why::Refused { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.outcome().map(HttpOutcome::status)
    }

    /// The body of an answer that was no 2xx, at most [`ANSWER_LIMIT`](super::ANSWER_LIMIT) bytes.
    /// `None` if there was no such answer, or if its body broke off or was longer.
    ///
    /// It may be confidential: what you put into your error's text is stored and logged.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        match &self.why {
            Why::Refused { body, .. } => body.as_deref().ok(),
            _ => None,
        }
    }

    /// How the attempt ends: as [`ending_of_reqwest`] and [`HttpOutcome`] say, and in doubt after an
    /// answer that cannot be read. About a read there is no doubt: it is made again.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let ending = match &self.why {
            Why::NoAnswer(error) => ending_of_reqwest(error),
            Why::Unreadable(_) => Ending::InDoubt,
            Why::Refused { outcome, body } => {
                match outcome.clone().for_effect(self.effect).ending() {
                    // What the body would have said of the refusal is lost: perhaps that the call
                    // was done already.
                    Ending::Fail { .. } if body.is_err() => Ending::InDoubt,
                    ending => ending,
                }
            }
        };
        match ending {
            Ending::InDoubt if self.effect == Effect::Read => Ending::Retry { after: None },
            ending => ending,
        }
    }
}

impl From<&AnswerError> for Ending {
    fn from(error: &AnswerError) -> Self {
        error.ending()
    }
}

impl From<HttpOutcome> for AnswerError {
    /// An answer whose body does not matter.
    fn from(outcome: HttpOutcome) -> Self {
        Self::refused(outcome, Ok(Vec::new()))
    }
}

impl From<reqwest::Error> for AnswerError {
    fn from(mut error: reqwest::Error) -> Self {
        if let Some(url) = error.url_mut() {
            // A key may be in any of them: Telegram's is a part of the path.
            url.set_path("");
            url.set_query(None);
            url.set_fragment(None);
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        Self::new(Why::NoAnswer(error))
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::NoAnswer(error) => error.fmt(f),
            Why::Unreadable(why) => write!(f, "the provider's answer cannot be read: {why}"),
            Why::Refused { outcome, body: Ok(_) } => outcome.fmt(f),
            Why::Refused { outcome, body: Err(why) } => write!(f, "{outcome}, but {why}"),
        }
    }
}

impl fmt::Debug for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AnswerError");
        match &self.why {
            Why::NoAnswer(error) => debug.field("no_answer", error),
            Why::Unreadable(why) => debug.field("unreadable", why),
            Why::Refused { outcome, body } => debug
                .field("refused", outcome)
                .field("body", &body.as_ref().map(|body| format!("{} bytes", body.len()))),
        };
        debug.field("effect", &self.effect).finish()
    }
}

impl Error for AnswerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            Why::NoAnswer(error) => error.source(),
            _ => None,
        }
    }
}
