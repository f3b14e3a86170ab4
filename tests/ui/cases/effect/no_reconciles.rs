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

async fn ask(_cmd: Charge) -> Reconciled<()> {
    Reconciled::NotHappened
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", reconcile = ask, max_reconciles = 0)]
async fn charge(_cmd: Charge) -> Result<(), Down> {
    Ok(())
}

fn main() {}
