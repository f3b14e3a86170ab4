use hyper_util::client::legacy;

use super::HttpOutcome;
use crate::policies::Ending;
use crate::policies::unsent::{is_not_processed, source};

/// The failure code of a request that could not be built: the URL or a header is wrong.
pub const REQUEST_NOT_BUILT: &str = "HTTP_REQUEST_NOT_BUILT";

/// How the attempt ends with an error of `reqwest`; for `#[outcome(from = …)]`.
///
/// | what went wrong | ending | because |
/// |---|---|---|
/// | the name is not known, the connection is refused or takes longer than `connect_timeout`, the TLS handshake fails, a proxy refuses the tunnel | retry | there was no connection to send the request on |
/// | the connection closed before the client began to write the request | retry | where hyper says so (*canceled*), as mostly over HTTP/2. Over HTTP/1 the error is that of a connection which closed after the request: in doubt |
/// | HTTP/2: the server resets the stream with `REFUSED_STREAM` | retry | not processed (RFC 9113 §8.7) |
/// | HTTP/2: a `GOAWAY` whose last stream is below this one | retry | not processed and will not be (RFC 9113 §6.8) |
/// | HTTP/2: any other reset; a `GOAWAY` at or above this stream, then the connection closes | in doubt | the request may have been processed |
/// | a timeout other than `connect_timeout` | in doubt | the client does not say how far the call came. The request may wait for a name, a connection, or behind `MAX_CONCURRENT_STREAMS`, unsent |
/// | a reset, a closed connection, an answer that is no HTTP | in doubt | the request may have been sent, even on a connection that was kept from an earlier call |
/// | the request's own body breaks, whatever it broke of | in doubt | the head, the key and a part of the body have been sent |
/// | TLS 1.3: the server refuses the client's certificate, such as an expired one | in doubt | the client learns it after the handshake, when the request may be sent. Under TLS 1.2 it is a part of the handshake, and a retry |
/// | HTTP/3: anything | in doubt | reqwest 0.13.5 never sends such a request again, but `is_connect()` is false for all its errors, and `connect_timeout` is not applied |
/// | the body of the answer is cut off, or is not what it should be | in doubt | the provider has answered, and the answer cannot be read |
/// | a redirect that cannot be followed | in doubt | a server has answered already |
/// | a status, from `error_for_status` | as [`HttpOutcome`] | but `Retry-After` is lost; prefer [`answer`] or [`HttpOutcome::check`] |
/// | the request cannot be built | fail, [`REQUEST_NOT_BUILT`] | a retry would fail too; `uncertain` where the URL could be one that a server redirected to |
///
/// Statuses are taken as answers to a keyed call.
///
/// **Use a client that sends a request once: [`client`].** After a redirect that it follows, or with
/// a `retry` policy of its own, a refused connection does not mean that nothing was sent, and the
/// error does not say so.
///
/// The error's text goes into the history, and with it the URL: put no secret into a URL, keep
/// `error.without_url()` in your own error, or take [`AnswerError`], whose text has only the host.
///
/// [`answer`]: super::answer
/// [`client`]: super::client
/// [`AnswerError`]: super::AnswerError
#[must_use]
pub fn ending_of_reqwest(error: &reqwest::Error) -> Ending {
    if let Some(status) = error.status() {
        if status.is_success() {
            return Ending::InDoubt;
        }
        return HttpOutcome::with_wait(status, None).ending();
    }
    if error.is_builder() {
        // The client says the same of a URL that was wrong from the start and of one that a
        // redirect led to. Without a URL there was no request yet.
        return Ending::fail(REQUEST_NOT_BUILT, error.url().is_some());
    }
    if error.is_request() && is_certainly_not_processed(error) {
        return Ending::Retry { after: None };
    }
    Ending::InDoubt
}

/// `reqwest::Error::is_connect` looks through all sources, and cannot be used.
fn is_certainly_not_processed(error: &reqwest::Error) -> bool {
    let Some(client) = source::<legacy::Error>(error) else { return false };
    client.is_connect() || source::<hyper::Error>(client).is_some_and(is_not_processed)
}
