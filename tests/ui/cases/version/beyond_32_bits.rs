use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", version = 20260101000000)]
struct Charge {
    order_id: u64,
}

fn main() {}
