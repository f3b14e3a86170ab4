use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER")]
struct Charge {
    order_id: u64,
}

fn main() {}
