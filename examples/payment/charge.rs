//! What an application writes: a command, an error that says how each case ends, and one function
//! that calls the gateway.

use orch::http::{self, AnswerError};
use orch::prelude::*;
use reqwest::StatusCode;

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
    /// The gateway looks at the key before it looks at the card: a key that has charged gets its
    /// receipt, and a call that comes after a later attempt is turned away.
    #[outcome(fail, code = "CARD_DECLINED", clears_doubt)]
    #[error("card declined: {0}")]
    Declined(String),

    /// Not sent, or refused for a while: a retry. Sent, and no receipt came back whole: in doubt, so
    /// orch runs it again, with the same key.
    #[outcome(from = AnswerError::ending)]
    #[error("the gateway gives no receipt")]
    NoReceipt(#[from] AnswerError),
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
    match gateway.charge(&cmd, &ctx).await {
        Err(answer) if answer.status() == Some(StatusCode::PAYMENT_REQUIRED) => {
            let reason = answer.body().unwrap_or_default();
            Err(ChargeError::Declined(String::from_utf8_lossy(reason).into_owned()))
        }
        receipt => Ok(receipt?),
    }
}

/// The client of the gateway; a `State` of the handler.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: reqwest::Client,
    url: String,
}

impl Gateway {
    /// The handler's `attempt_timeout`. The client's own are shorter, so that it is the client that
    /// says what is known.
    const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        let client = http::client(Self::ATTEMPT_TIMEOUT).build()?;
        Ok(Self { client, url: format!("{url}/charges") })
    }

    async fn charge(&self, cmd: &Charge, ctx: &Context) -> Result<Receipt, AnswerError> {
        let request = self
            .client
            .post(&self.url)
            .header("Idempotency-Key", ctx.provider_key().as_str())
            .header("Attempt", ctx.attempt())
            .header("Worker", std::process::id())
            .json(cmd);
        http::answer(request.send().await?).await
    }
}
