use orch::prelude::*;
use orch::{KeyPlace, Provider};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

enum Acme {}

impl Provider for Acme {
    const NAME: &'static str = "Acme";
    const KEY_PLACE: KeyPlace = KeyPlace::Query("request_id");
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme)]
async fn charge(_cmd: Charge, ctx: Context<Acme>) -> Result<(), Down> {
    let _ = ctx.provider_key().header();
    Ok(())
}

fn main() {}
