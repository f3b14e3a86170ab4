//! A handler that holds something whose `Drop` panics, and is dropped before it has answered.

use orch::prelude::*;
use orch::{HistoryEntry, Orchestrator, Phase};

struct Grumpy;

impl Drop for Grumpy {
    fn drop(&mut self) {
        panic!("not like this");
    }
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(in_doubt)]
#[error("no answer")]
struct NoAnswer;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Call {
    #[command(idem_key)]
    id: u32,
}

#[orchestrated(
    domain = "PANICKING_DROP",
    event = "CALL",
    attempt_timeout = "100ms",
    in_doubt = "park"
)]
async fn call(_cmd: Call) -> Result<(), NoAnswer> {
    let _grumpy = Grumpy;
    std::future::pending().await
}

/// What the history says once the operation is parked; long before its lease ends.
async fn parked(orchestrator: &Orchestrator, id: u32) -> Vec<HistoryEntry> {
    let accepted = orchestrator.accept(Call { id }).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let operation = orchestrator.get(accepted.op_id).await.unwrap().unwrap();
        if operation.phase == Some(Phase::Parked) {
            return orchestrator.history(accepted.op_id).await.unwrap();
        }
    }
    panic!("its end was not recorded")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_recorded_and_the_worker_goes_on() {
    let runtime = Runtime::connect("memory:").only([("PANICKING_DROP", "CALL")]);
    let running = runtime.start().await.unwrap();
    for id in [1, 2] {
        let history = parked(running.orchestrator(), id).await;
        let end = format!("{:?}", history.last().unwrap().entry.end);
        assert!(end.contains("no answer within the attempt timeout of 100ms"), "{end}");
    }
    let _ = running.shutdown().await;
}
