use std::time::Duration;

use lettre::transport::smtp::{AsyncSmtpTransportBuilder, PoolConfig};

use crate::policies::limits::{call_timeout, connect_timeout};

/// A transport for mails that must be sent once, from a builder such as that of `AsyncSmtpTransport::relay`.
///
/// `attempt_timeout` is that of the handler: 30 s unless the attribute says otherwise.
///
/// | setting | value | with 30 s | reason |
/// |---|---|---|---|
/// | `pool_config` | `max_size(0)`: a connection for each mail | | lettre keeps a connection whose send was cancelled, by the end of an attempt for one, in the middle of its conversation. The next mail then reads replies that belong to the one before: it is called sent where the server has refused it |
/// | `timeout` | a quarter of the attempt, less a margin, at most 10 s | 7.25 s | how long one address may take to connect: 60 s by default, after which the attempt is over and in doubt instead of a retry |
///
/// **Nothing else of an asynchronous transport has a time limit** in lettre 0.11.23
/// ([lettre#1027](https://github.com/lettre/lettre/issues/1027)): a server that is silent, even in its TLS handshake, is
/// cut off by the attempt, and that is in doubt. After an error lettre says `QUIT` and waits for the reply, so
/// a refusal of a server that then falls silent ends in doubt as well.
///
/// Everything else is lettre's default and yours to set: TLS, port, credentials.
///
/// ```
/// # use orch_core::policies as orch;
/// use std::time::Duration;
///
/// use lettre::{AsyncSmtpTransport, Tokio1Executor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // Over TLS: `AsyncSmtpTransport::relay`, with a TLS feature of lettre.
/// let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1");
/// let mailer: AsyncSmtpTransport<Tokio1Executor> =
///     orch::mail::transport(builder, Duration::from_secs(30)).build();
/// # drop(mailer);
/// # }
/// ```
#[must_use]
pub fn transport(
    builder: AsyncSmtpTransportBuilder,
    attempt_timeout: Duration,
) -> AsyncSmtpTransportBuilder {
    builder
        .timeout(Some(connect_timeout(call_timeout(attempt_timeout))))
        .pool_config(PoolConfig::new().max_size(0))
}
