use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Before {
    order_id: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", version = 2, upgrade = from_before)]
struct Charge {
    order_id: u64,
}

fn from_before(before: Before, shift: u64) -> Charge {
    Charge { order_id: before.order_id + shift }
}

fn main() {}
