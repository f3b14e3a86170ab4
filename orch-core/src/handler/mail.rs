//! An error of a mail transport, as what a handler returns.

use lettre::transport::smtp::Error;

use super::HandlerError;
use crate::policies::Ending;
use crate::policies::mail::ending_of_lettre;

/// Its text, which is stored, has the server's reply.
impl HandlerError for Error {
    fn ending(&self) -> Ending {
        ending_of_lettre(self)
    }
}
