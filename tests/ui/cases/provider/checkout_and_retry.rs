use orch::CheckoutCom;
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

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = CheckoutCom, in_doubt = "retry")]
async fn charge(_cmd: Charge, _ctx: Context<CheckoutCom>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
