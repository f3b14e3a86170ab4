use orch::Square;
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

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Square, in_doubt = "park")]
async fn charge(_cmd: Charge, ctx: Context<Square>) -> Result<(), Down> {
    let _header = ctx.provider_key().header();
    Ok(())
}

fn main() {}
