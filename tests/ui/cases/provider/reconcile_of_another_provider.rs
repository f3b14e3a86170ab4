use orch::prelude::*;
use orch::{Qonto, Stripe};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

async fn ask(_cmd: Charge, _ctx: Context<Qonto>) -> Reconciled<()> {
    Reconciled::NotHappened
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", provider = Stripe, reconcile = ask)]
async fn charge(_cmd: Charge, _ctx: Context<Stripe>) -> Result<(), Down> {
    Ok(())
}

fn main() {}
