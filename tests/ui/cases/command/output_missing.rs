use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", domain = "PAYMENT", event = "CHARGE")]
struct Charge {
    order_id: u64,
}

fn main() {}
