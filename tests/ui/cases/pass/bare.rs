//! The example of the design, with the two-argument attribute.
#![forbid(unsafe_code)]

use std::time::Duration;

use orch::prelude::*;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    amount: u64,
    currency: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    id: String,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED")]
    #[error("card declined: {0}")]
    Declined(String),
    #[outcome(retry)]
    #[error("could not reach the gateway")]
    Unreachable(#[source] std::io::Error),
    #[outcome(retry, after = wait)]
    #[error("gateway says wait {wait:?}")]
    RateLimited { wait: Duration },
    #[outcome(in_doubt)]
    #[error("sent, but no answer")]
    NoAnswer,
}

struct Gateway;

impl Gateway {
    async fn charge(&self, command: &Charge, key: &str) -> Result<Receipt, ChargeError> {
        match command.amount {
            0 => Err(ChargeError::Declined(command.currency.clone())),
            1 => Err(ChargeError::Unreachable(std::io::Error::other("down"))),
            2 => Err(ChargeError::RateLimited { wait: Duration::from_secs(1) }),
            3 => Err(ChargeError::NoAnswer),
            _ => Ok(Receipt { id: key.to_owned() }),
        }
    }
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(
    cmd: Charge,
    ctx: Context,
    gateway: State<Gateway>,
) -> Result<Receipt, ChargeError> {
    gateway.charge(&cmd, ctx.provider_key().as_str()).await
}

fn main() {}
