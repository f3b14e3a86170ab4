use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER")]
enum Charge {
    Card { order_id: u64 },
}

fn main() {}
