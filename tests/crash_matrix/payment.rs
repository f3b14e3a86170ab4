//! The test that the README shows for copying, with the handler that it tests.

use std::sync::Arc;

use orch::prelude::*;
use orch_testkit::{Reply, ScriptedProvider, crash_matrix};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    amount: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED")]
    #[error("card declined")]
    Declined,
    #[outcome(retry)]
    #[error("the gateway is busy")]
    Busy,
}

/// Stands for your client; here it talks to a fake.
struct Gateway(Arc<ScriptedProvider>);

impl Gateway {
    async fn charge(&self, cmd: &Charge, key: &str) -> Result<u64, ChargeError> {
        match self.0.call(key, &cmd.amount.to_be_bytes()).await {
            Reply::Charged { receipt } => Ok(receipt),
            Reply::Declined | Reply::KeyReused => Err(ChargeError::Declined),
            Reply::Unavailable | Reply::RateLimited { .. } => Err(ChargeError::Busy),
        }
    }
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Result<u64, ChargeError> {
    gateway.charge(&cmd, ctx.provider_key().as_str()).await
}

/// Kills the process at every boundary in turn: each time the customer is charged once.
#[tokio::test]
async fn whatever_crashes_the_customer_is_charged_once() {
    crash_matrix(charge, Charge { order_id: 123, amount: 50_000 })
        .against(ScriptedProvider::default)
        .state(|provider| Gateway(provider.clone()))
        .run()
        .await
        .assert_safe();
}
