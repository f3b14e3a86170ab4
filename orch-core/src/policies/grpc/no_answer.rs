use std::error::Error;

use tonic::{ConnectError, Status, transport};

use super::rules;
use crate::policies::unsent::{is_not_processed, source};
use crate::policies::{Effect, Ending};

/// How the attempt ends with an error of a tonic client; for `#[outcome(from = …)]`.
///
/// | what went wrong | tonic's code | ending | because |
/// |---|---|---|---|
/// | the name is not known, the connection is refused or takes longer than `connect_timeout`, the TLS handshake fails | `Unavailable` | retry | there was no connection to send the request on |
/// | the same over a connector of your own: `connect_timeout` | `Unknown` | in doubt | tonic reports it as any other error |
/// | the connection closed before the client began to write the request | `Cancelled` | retry | hyper says so |
/// | the server resets the stream with `REFUSED_STREAM`, before the head of its answer | `Unavailable`, or `Unknown` | retry | not processed (RFC 9113 §8.7) |
/// | a `GOAWAY` whose last stream is below this one | `Internal`, or `Unknown` | retry | not processed and will not be (RFC 9113 §6.8) |
/// | any other reset; a `GOAWAY` at or above this stream, then the connection closes; a closed connection | many | in doubt | the request may have been processed |
/// | anything after the head of the answer, `REFUSED_STREAM` too | many | in doubt | the server has answered already |
/// | a timeout: `Request::set_timeout`, `Endpoint::timeout` | `Cancelled` | in doubt | the client does not say how far the call came |
/// | the request's own message cannot be encoded, or is over `max_encoding_message_size` | `Internal`, or `OutOfRange` | in doubt | the head and the key have been sent |
/// | TLS 1.3: the server refuses the client's certificate | `Unknown` | in doubt | the client learns it after the handshake, when the request may be sent |
/// | an answer of the server, whole or not | | by its code | the table of [the module](super) |
///
/// Two codes are given where tonic's feature `server`, one of its defaults, changes them. The ending does not
/// depend on it, nor on any code: it goes by the [source](Error::source) of the status, which an answer does
/// not have. A status that you copy by code and message has lost it, and ends in doubt where it was a retry.
///
/// It is taken as the end of a keyed call, the most cautious reading: [`CallError::for_effect`] has the others.
///
/// **A tonic channel never sends a request again by itself**: not after `REFUSED_STREAM`, not after a
/// `GOAWAY`, nor over another connection. It reconnects for the next call. A `tower` layer that retries, and
/// a service mesh in between, do send again, and no error says so.
///
/// ```
/// # use orch_core::policies as orch;
/// use orch::Ending;
/// use orch::grpc::ending_of_tonic;
/// use tonic::Status;
///
/// let refused = Status::invalid_argument("no such currency");
/// assert_eq!(ending_of_tonic(&refused), Ending::fail("GRPC_INVALID_ARGUMENT", false));
///
/// let lost = Status::unavailable("upstream connect error");
/// assert_eq!(ending_of_tonic(&lost), Ending::InDoubt);
/// ```
///
/// The text of a `Status` goes into the history, and with it the server's message: [`CallError`] has only the code.
///
/// [`CallError`]: super::CallError
/// [`CallError::for_effect`]: super::CallError::for_effect
#[must_use]
pub fn ending_of_tonic(status: &Status) -> Ending {
    ending(status, Effect::default())
}

/// The same, as the end of a call with this effect.
pub(super) fn ending(status: &Status, effect: Effect) -> Ending {
    if Error::source(status).is_none() {
        return rules::ending(status, effect);
    }
    // A read leaves nothing behind that doubt could be about.
    if effect == Effect::Read || is_certainly_not_processed(status) {
        return Ending::Retry { after: None };
    }
    Ending::InDoubt
}

/// What comes before the head of an answer has a transport's error as its source; what comes after
/// it has a connection's, and a server that has answered may have acted.
fn is_certainly_not_processed(status: &Status) -> bool {
    let Some(transport) = source::<transport::Error>(status) else { return false };
    source::<ConnectError>(transport).is_some()
        || source::<hyper::Error>(transport).is_some_and(is_not_processed)
}
