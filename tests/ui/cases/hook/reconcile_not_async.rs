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

fn ask(_cmd: Charge) -> Reconciled<u64> {
    Reconciled::NotHappened
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", reconcile = ask)]
async fn charge(_cmd: Charge) -> Result<u64, Down> {
    Ok(1)
}

fn main() {}
