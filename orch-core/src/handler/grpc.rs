//! What a call over gRPC ends with, as what a handler returns.

use super::HandlerError;
use crate::policies::Ending;
use crate::policies::grpc::{CallError, ending_of_tonic};

impl HandlerError for CallError {
    fn ending(&self) -> Ending {
        self.ending()
    }
}

/// As the end of a keyed call. Its text, which is stored, has the server's message.
impl HandlerError for tonic::Status {
    fn ending(&self) -> Ending {
        ending_of_tonic(self)
    }
}
