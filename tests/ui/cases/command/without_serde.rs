use orch::prelude::*;

#[derive(Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

fn main() {}
