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
    const KEY_PLACE: KeyPlace = KeyPlace::Query("");
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme)]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
