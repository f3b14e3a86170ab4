use orch::prelude::*;
use orch::{Says, Provider, Word};

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
    const WORDS: &'static [Word] = &[Word::of(400, "ALREADY_PAID", Says::Done)];
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme, effect = "idempotent", in_doubt = "retry")]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
