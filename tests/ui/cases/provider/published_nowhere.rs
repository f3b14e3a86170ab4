use orch::prelude::*;
use orch::{Provider, Published};

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
    const PUBLISHED: Option<Published> = Some(Published::new("", (2026, 11, 28)));
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme)]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
