use orch::prelude::*;
use orch::{KeyAlphabet, KeyForm, KeyLifetime, Provider};

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
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_FORM: KeyForm = KeyForm::ANY.of(KeyAlphabet::of("0123456789abcdefa"));
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Acme)]
async fn charge(_cmd: Charge, _ctx: Context<Acme>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
