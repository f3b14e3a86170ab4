use orch::Unkeyed;
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

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Unkeyed, effect = "read")]
async fn charge(_cmd: Charge, ctx: Context<Unkeyed>) -> Result<(), Down> {
    let _ = ctx.provider_key().header_name();
    Ok(())
}

fn main() {}
