use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", version = 0)]
struct Charge {
    order_id: u64,
}

fn main() {}
