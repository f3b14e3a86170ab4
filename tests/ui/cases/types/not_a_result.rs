use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Serialize, Deserialize)]
struct Receipt;

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(_cmd: Charge) -> Receipt {
    Receipt
}

fn main() {}
