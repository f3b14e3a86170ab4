use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(bizkey = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

fn main() {}
