//! What the test that users copy is about: a command, its client, its handler.

use std::sync::Arc;

use orch::prelude::*;
use orch_testkit::{Reply, ScriptedProvider};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
pub struct Charge {
    pub order_id: u64,
    pub amount: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
pub enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", clears_doubt)]
    #[error("card declined")]
    Declined,
    #[outcome(fail, code = "REFUSED")]
    #[error("the gateway does not take this call")]
    Refused,
    #[outcome(retry)]
    #[error("the gateway is busy")]
    Busy,
}

/// Stands for your client; here it talks to a fake.
pub struct Gateway(pub Arc<ScriptedProvider>);

impl Gateway {
    pub async fn charge(&self, cmd: &Charge, key: &str) -> Result<u64, ChargeError> {
        match self.0.call(key, &cmd.amount.to_be_bytes()).await {
            Reply::Charged { receipt } => Ok(receipt),
            Reply::Declined => Err(ChargeError::Declined),
            Reply::Refused | Reply::KeyReused => Err(ChargeError::Refused),
            _ => Err(ChargeError::Busy),
        }
    }
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
pub async fn charge(
    cmd: Charge,
    ctx: Context,
    gateway: State<Gateway>,
) -> Result<u64, ChargeError> {
    gateway.charge(&cmd, ctx.provider_key().as_str()).await
}
