//! What the layers below a client say of a request that was certainly not processed.
//!
//! Each layer is asked about its own error, not about any below it: where the request's body is a
//! stream, what broke that stream is among the sources too, and may itself be a refused connection.

use std::error::Error;

/// The source of an error, if it is of this type.
pub(super) fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    error.source()?.downcast_ref()
}

/// Whether the connection's error says that the request was not processed.
pub(super) fn is_not_processed(connection: &hyper::Error) -> bool {
    // Canceled: the request was never taken out of the queue of its connection.
    connection.is_canceled() || source::<h2::Error>(connection).is_some_and(is_refused_stream)
}

fn is_refused_stream(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    // h2 gives a GOAWAY to the streams above its last one; those up to it end with the connection.
    error.is_remote() && (refused || error.is_go_away())
}
