//! One orch runtime in a static, and a tokio runtime for each test, as `#[tokio::test]` makes them.

use std::error::Error;

use orch::prelude::*;
use orch::{AcceptError, Orchestrator};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{order}", domain = "GONE", event = "CHARGE", output = u64)]
struct Charge {
    #[command(idem_key)]
    order: u64,
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn refusal(desk: &Orchestrator) -> AcceptError {
    let accepting = desk.accept(Charge { order: 2 });
    tokio::time::timeout(Duration::from_secs(5), accepting).await.unwrap().unwrap_err()
}

#[test]
fn a_runtime_whose_tokio_runtime_has_ended_says_so() {
    let shared = tokio().block_on(async {
        let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
        runtime.orchestrator().accept(Charge { order: 1 }).await.unwrap();
        runtime
    });
    let error = tokio().block_on(refusal(shared.orchestrator()));
    assert_eq!(error.to_string(), "nothing was accepted");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("start one in each tokio runtime"), "{cause}");
}
