use orch::prelude::*;
use orch::{Keeps, KeyLifetime, Says, Provider, Repeat, Word};

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
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const WORDS: &'static [Word] = &[Word::of(400, "ALREADY_PAID", Says::Done)];
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme, in_doubt = "retry")]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
