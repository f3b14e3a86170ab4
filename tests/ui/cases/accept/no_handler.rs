use orch::Orchestrator;
use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

async fn request(orchestrator: Orchestrator) {
    let _ = orchestrator.accept(Charge { order_id: 1 });
}

fn main() {}
