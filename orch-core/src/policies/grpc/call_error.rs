use std::error::Error;
use std::fmt;

use tonic::{Code, Status};

use super::{no_answer, rules};
use crate::policies::{Effect, Ending};

/// Why a call over gRPC has no result, and how the attempt ends with it.
///
/// A handler may return it as its error, or hold it in its own error type with
/// `#[outcome(from = CallError::ending)]`. `?` makes one of a [`Status`].
///
/// It is taken as the end of a keyed call, the most cautious reading: see
/// [`for_effect`](Self::for_effect).
///
/// Neither its text nor its `Debug` form has the server's message, its details or its metadata:
/// [`status`](Self::status) has them.
///
/// ```
/// # use orch_core::policies as orch;
/// use orch::grpc::CallError;
/// use orch::{Effect, Ending};
/// use tonic::Status;
///
/// let error = CallError::from(Status::unavailable("card 4242"));
/// assert_eq!(error.to_string(), "the call ended as UNAVAILABLE");
/// assert_eq!(error.ending(), Ending::InDoubt);
/// // A query changes nothing: it is asked again.
/// assert_eq!(error.for_effect(Effect::Read).ending(), Ending::Retry { after: None });
/// ```
#[derive(Clone)]
pub struct CallError {
    status: Status,
    effect: Effect,
}

impl CallError {
    /// As the end of a call with this effect, which is the one that the handler declares.
    #[must_use]
    pub fn for_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// What tonic says. Its message may be confidential: what you put into your error's text is stored
    /// and logged.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.status.code()
    }

    /// How the attempt ends: as [`ending_of_tonic`](super::ending_of_tonic) says, for the effect of this call.
    #[must_use]
    pub fn ending(&self) -> Ending {
        no_answer::ending(&self.status, self.effect)
    }
}

impl From<&CallError> for Ending {
    fn from(error: &CallError) -> Self {
        error.ending()
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self { status, effect: Effect::default() }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call ended as {}", rules::name(self.code()))
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CallError");
        debug.field("code", &self.code()).field("source", &self.source());
        debug.field("effect", &self.effect).finish()
    }
}

impl Error for CallError {
    /// What the connection says. An answer has none.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.status.source()
    }
}
