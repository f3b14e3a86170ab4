use orch::Stripe;
use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Stripe)]
async fn charge(_cmd: Charge, _ctx: Context) -> Result<(), Down> {
    Ok(())
}

fn main() {}
