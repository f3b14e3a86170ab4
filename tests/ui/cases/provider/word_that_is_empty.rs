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
    const WORDS: &'static [Word] = &[Word::of_status(409, Says::StillRunning), Word::of_code("", Says::Done)];
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme)]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
