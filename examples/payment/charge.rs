//! What an application writes: a command, an error that says how each case ends, and one function
//! that calls the gateway.

use orch::http::{HttpOutcome, ending_of_reqwest};
use orch::prelude::*;
use reqwest::{StatusCode, redirect};

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

    /// By the status: 429 is a retry, and waits as long as the gateway says; 503 may come from
    /// a proxy that has passed the call on.
    #[outcome(from = HttpOutcome::ending)]
    #[error("the gateway gives no receipt")]
    NoReceipt(#[from] HttpOutcome),

    /// Not sent: a retry. Sent, so that nobody knows: orch runs it again, with the same key.
    #[outcome(from = ending_of_reqwest)]
    #[error("the gateway does not answer")]
    NoAnswer(#[from] reqwest::Error),
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
    if answer.status() == StatusCode::PAYMENT_REQUIRED {
        return Err(ChargeError::Declined(answer.text().await?));
    }
    HttpOutcome::check(answer.status(), answer.headers())?;
    Ok(answer.json().await?)
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
    /// Shorter still, so that "not connected" is told apart from "not answered".
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(Self::CONNECT_TIMEOUT)
            .timeout(Self::TIMEOUT)
            .build()?;
        Ok(Self { client, url: format!("{url}/charges") })
    }

    async fn post(&self, cmd: &Charge, ctx: &Context) -> reqwest::Result<reqwest::Response> {
        self.client
            .post(&self.url)
            .header("Idempotency-Key", ctx.provider_key().as_str())
            .header("Attempt", ctx.attempt())
            .header("Worker", std::process::id())
            .json(cmd)
            .send()
            .await
    }
}
