use super::HttpOutcome;
use crate::policies::Ending;

/// The failure code of a request that could not be built: the URL or a header is wrong.
pub const REQUEST_NOT_BUILT: &str = "HTTP_REQUEST_NOT_BUILT";

/// How the attempt ends with an error of `reqwest`; for `#[outcome(from = …)]`.
///
/// | what went wrong | ending | because |
/// |---|---|---|
/// | the name is not known, the connection is refused or takes longer than `connect_timeout`, the TLS handshake fails | retry | there was no connection to send the request on |
/// | a timeout, a reset, a closed connection, an answer that is no HTTP | in doubt | the request may have been sent, even on a connection that was kept from an earlier call |
/// | the body of the answer is cut off, or is not what it should be | in doubt | the provider has answered, and the answer cannot be read |
/// | a redirect that cannot be followed | in doubt | a server has answered already |
/// | a status, from `error_for_status` | as [`HttpOutcome`] | but `Retry-After` is lost; prefer [`HttpOutcome::check`] |
/// | the request cannot be built | fail, [`REQUEST_NOT_BUILT`] | a retry would fail too; `uncertain` where the URL could be one that a server redirected to |
///
/// Statuses are taken as answers to a keyed call.
///
/// The error's text goes into the history, and with it the URL: put no secret into a URL, or keep
/// `error.without_url()` in your own error.
///
/// Use a client that sends a request once. After a redirect, or with the client's own `retry`
/// policy, a refused connection does not mean that nothing was sent, and the error does not say
/// so. And set a `connect_timeout`: the total `timeout` does not say how far the request came.
///
/// ```
/// # use std::time::Duration;
/// # fn client() -> reqwest::Result<reqwest::Client> {
/// reqwest::Client::builder()
///     .redirect(reqwest::redirect::Policy::none())
///     .connect_timeout(Duration::from_secs(3))
///     .timeout(Duration::from_secs(20)) // below the handler's `attempt_timeout`
///     .build()
/// # }
/// ```
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
    if error.is_request() && error.is_connect() {
        return Ending::Retry { after: None };
    }
    Ending::InDoubt
}
