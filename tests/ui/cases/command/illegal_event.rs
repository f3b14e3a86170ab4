use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", domain = "PAYMENT", event = "charge", output = u64)]
struct Charge {
    order_id: u64,
}

fn main() {}
