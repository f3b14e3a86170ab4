use std::time::Duration;

use reqwest::{ClientBuilder, redirect, retry};

use crate::policies::limits::{call_timeout, connect_timeout};

/// A client for calls that must be made once: each `send` arrives at most once, at the host that it
/// names, and an error says as much as can be known. For [`ending_of_reqwest`] and [`answer`].
///
/// `attempt_timeout` is that of the handler: 30 s unless the attribute says otherwise.
///
/// | setting | value | with 30 s | reason |
/// |---|---|---|---|
/// | `redirect` | none | | a followed redirect sends key and credentials to another host, sends a POST again or turns it into a GET, and what the other host answers, or that it is down, hides what the first one has done. A 3xx is an answer like any other: see [`HttpOutcome`](super::HttpOutcome) |
/// | `retry` | never | | without it reqwest sends a request over HTTP/2 up to 3 times, and `calls <= 1 + retries + lost attempts` counts what orch starts |
/// | `timeout` | `attempt_timeout` less a tenth, or less 1 s if that is less | 29 s | the client's error comes before orch cuts the attempt off, so the history says what went wrong. It is for one call: a handler that makes two needs shorter ones, [`reqwest::RequestBuilder::timeout`] |
/// | `connect_timeout` | a quarter of that, at most 10 s | 7.25 s | ends before `timeout`, which does not say how far the call came: *not connected* is a retry, not a doubt. It is shared among the addresses of a host; without it the second one is never tried. It covers name, TCP, proxy and TLS |
/// | `read_timeout` | none | | reqwest starts it with the request, so that it can fire while the client still connects, and a provider that takes long to answer is cut off earlier for it. `timeout` ends a silent answer as well |
///
/// Everything else is reqwest's default and yours to set: certificates, proxies, `http1_only`, the
/// pool. What you set afterwards counts. With `http1_only` no call waits behind
/// `MAX_CONCURRENT_STREAMS`, where it can time out unsent and in doubt.
///
/// ```
/// # use orch_core::policies as orch;
/// use std::time::Duration;
///
/// # fn build() -> reqwest::Result<reqwest::Client> {
/// orch::http::client(Duration::from_secs(30)).build()
/// # }
/// # build().unwrap();
/// ```
///
/// [`answer`]: super::answer
/// [`ending_of_reqwest`]: super::ending_of_reqwest
pub fn client(attempt_timeout: Duration) -> ClientBuilder {
    let call = call_timeout(attempt_timeout);
    ClientBuilder::new()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .timeout(call)
        .connect_timeout(connect_timeout(call))
}
