use orch::prelude::*;
use orch::{ProviderKey, Qonto, Stripe};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

fn send(_key: &ProviderKey<Qonto>) {}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Stripe)]
async fn charge(_cmd: Charge, ctx: Context<Stripe>) -> Result<(), Down> {
    send(ctx.provider_key());
    Ok(())
}

fn main() {}
