//! [`HttpOutcome`] as what a handler returns, by the host's clock.

use http::{HeaderMap, StatusCode};

use super::HandlerError;
use crate::policies::Ending;
use crate::policies::http::HttpOutcome;
use crate::store::{Clock, SystemClock};

impl HttpOutcome {
    /// The outcome of an answer; `None` for a 2xx.
    ///
    /// It is taken as the answer to a keyed call, the most cautious reading: where any effect
    /// would leave doubt, `keyed` does. See [`for_effect`](Self::for_effect).
    #[must_use]
    pub fn from_status(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        Self::at(status, headers, SystemClock.now())
    }

    /// The same for use with `?`.
    ///
    /// # Errors
    /// The outcome, unless the answer is a 2xx.
    pub fn check(status: StatusCode, headers: &HeaderMap) -> Result<(), Self> {
        Self::from_status(status, headers).map_or(Ok(()), Err)
    }
}

impl HandlerError for HttpOutcome {
    fn ending(&self) -> Ending {
        self.ending()
    }
}
