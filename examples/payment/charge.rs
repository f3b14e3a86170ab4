//! What an application writes: a command, an error that says how each case ends, and one function
//! that calls the gateway. Everything else in this folder is the world around it.

use orch::prelude::*;
use reqwest::{StatusCode, header};

pub(crate) const KEY_HEADER: &str = "Idempotency-Key";
pub(crate) const ATTEMPT_HEADER: &str = "Attempt";
pub(crate) const WORKER_HEADER: &str = "Worker";

/// Charge this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
pub(crate) struct Charge {
    pub(crate) order_id: u64,
    pub(crate) amount: u64,
    pub(crate) currency: String,
}

/// What the gateway gives for the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) receipt_id: String,
    pub(crate) amount: u64,
}

/// How a charge can go wrong, and what follows from it.
#[derive(Debug, thiserror::Error, Outcome)]
pub(crate) enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED")]
    #[error("card declined: {0}")]
    Declined(String),

    #[outcome(fail, code = "REFUSED")]
    #[error("the gateway does not take this call: {0}")]
    Refused(StatusCode),

    #[outcome(retry)]
    #[error("could not reach the gateway")]
    Unreachable(#[source] reqwest::Error),

    #[outcome(retry)]
    #[error("the gateway cannot take the call now: {0}")]
    Unavailable(StatusCode),

    #[outcome(retry, after = wait)]
    #[error("the gateway says wait {wait:?}")]
    RateLimited { wait: Duration },

    /// The call went out, so nobody knows: orch runs it again, with the same key.
    #[outcome(in_doubt)]
    #[error("sent, but no answer")]
    NoAnswer(#[source] reqwest::Error),
}

/// Charges a card. May run several times for one operation; the gateway's idempotency key makes
/// one charge of it.
#[orchestrated(
    domain = "PAYMENT",
    event = "CHARGE",
    attempt_timeout = "10s",
    max_attempts = 8,
    backoff(base = "200ms", cap = "2s")
)]
pub(crate) async fn charge(
    cmd: Charge,
    ctx: Context,
    gateway: State<Gateway>,
) -> Result<Receipt, ChargeError> {
    let answer = gateway.post(&cmd, &ctx).await?;
    match answer.status() {
        StatusCode::OK => answer.json().await.map_err(ChargeError::NoAnswer),
        StatusCode::PAYMENT_REQUIRED => {
            Err(ChargeError::Declined(answer.text().await.map_err(ChargeError::NoAnswer)?))
        }
        StatusCode::TOO_MANY_REQUESTS => Err(ChargeError::RateLimited { wait: wait(&answer) }),
        // 409: an earlier call with this key is not done yet.
        status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT) => {
            Err(ChargeError::Unavailable(status))
        }
        status => Err(ChargeError::Refused(status)),
    }
}

/// The client of the gateway; a `State` of the handler.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: reqwest::Client,
    url: String,
}

impl Gateway {
    /// Shorter than the attempt timeout, so that it is the client that says what is known.
    const TIMEOUT: Duration = Duration::from_secs(6);

    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().timeout(Self::TIMEOUT).build()?;
        Ok(Self { client, url: format!("{url}/charges") })
    }

    async fn post(&self, cmd: &Charge, ctx: &Context) -> Result<reqwest::Response, ChargeError> {
        let request = self
            .client
            .post(&self.url)
            .header(KEY_HEADER, ctx.provider_key().as_str())
            .header(ATTEMPT_HEADER, ctx.attempt())
            .header(WORKER_HEADER, std::process::id())
            .json(cmd);
        request.send().await.map_err(|error| {
            if error.is_connect() {
                ChargeError::Unreachable(error)
            } else {
                ChargeError::NoAnswer(error)
            }
        })
    }
}

fn wait(answer: &reqwest::Response) -> Duration {
    let seconds =
        answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}
