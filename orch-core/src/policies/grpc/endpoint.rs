use std::time::Duration;

use tonic::transport::{Endpoint, Error};

use crate::policies::limits::{call_timeout, connect_timeout};

/// A connection for calls that must be made once, to a URI such as `https://gateway.example`.
///
/// `attempt_timeout` is that of the handler: 30 s unless the attribute says otherwise.
///
/// | setting | value | with 30 s | reason |
/// |---|---|---|---|
/// | `timeout` | `attempt_timeout` less a tenth, or less 1 s if that is less | 29 s | the client's error comes before orch cuts the attempt off, so the history says what went wrong. It counts from the moment at which there is a connection, and ends with the **head** of the answer: a server that sends a head and no message is cut off by the attempt |
/// | `connect_timeout` | a quarter of that, at most 10 s | 7.25 s | tonic has none, and `timeout` does not count while it connects: a host that is silent would hold the call until the attempt is cut off, and that is in doubt instead of a retry. It covers TCP, shared among the addresses of a host, not the name and not TLS |
///
/// Everything else is tonic's default and yours to set; what you set afterwards counts:
///
/// - **TLS**: give `ClientTlsConfig::timeout` as well. Without it a handshake that is not answered is in doubt.
/// - **`connect_lazy()`** is right for a `State`: the worker starts while the provider is down. With `connect()` the
///   start fails.
/// - **A connection that has died silently**, behind a NAT or a balancer, is kept: each call on it ends in doubt
///   by its timeout until TCP gives up. `http2_keep_alive_interval` finds it. Ask the provider how often you
///   may: by default grpc-go and gRPC C++ close a connection that pings more often than every 5 minutes.
/// - Do not add a layer that retries.
///
/// ```
/// # use orch_core::policies as orch;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tonic::transport::Error> {
/// let channel = orch::grpc::endpoint("http://gateway.example", Duration::from_secs(30))?.connect_lazy();
/// # drop(channel);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `uri` is not a URI.
pub fn endpoint(uri: impl Into<String>, attempt_timeout: Duration) -> Result<Endpoint, Error> {
    let call = call_timeout(attempt_timeout);
    let endpoint = Endpoint::from_shared(uri.into())?;
    Ok(endpoint.timeout(call).connect_timeout(connect_timeout(call)))
}
