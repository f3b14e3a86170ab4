use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{0}")]
struct Charge(u64);

fn main() {}
