use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
struct Charge {
    order_id: u64,
}

fn main() {}
