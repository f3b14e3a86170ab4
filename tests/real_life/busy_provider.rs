//! A provider that takes so many requests in a second and tells all others when to come again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use orch::prelude::*;
use orch::{Orchestrator, code};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct ChargeByDefault {
    #[command(idem_key)]
    order: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry, after = retry_after)]
#[error("the gateway takes no more requests now")]
struct Limited {
    retry_after: Duration,
}

/// For a gateway that often says *wait*.
#[orchestrated(
    domain = "LIMITED",
    event = "CHARGE",
    max_attempts = 100,
    backoff(base = "1s", cap = "1s"),
    in_doubt = "park"
)]
async fn charge(_cmd: Charge, _ctx: Context, gateway: State<Gateway>) -> Result<(), Limited> {
    gateway.take()
}

#[orchestrated(domain = "LIMITED", event = "BY_DEFAULT", backoff(base = "1s", cap = "5s"))]
async fn by_default(
    _cmd: ChargeByDefault,
    _ctx: Context,
    gateway: State<Gateway>,
) -> Result<(), Limited> {
    gateway.take()
}

/// Takes `limit` requests in each second; `Retry-After: 1` for the others.
struct Gateway {
    limit: u32,
    second: Mutex<(Instant, u32)>,
    refused: AtomicU32,
}

impl Gateway {
    fn new(limit: u32) -> Self {
        Self { limit, second: Mutex::new((Instant::now(), 0)), refused: AtomicU32::new(0) }
    }

    fn take(&self) -> Result<(), Limited> {
        let mut second = self.second.lock().unwrap();
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 += 1;
        if second.1 <= self.limit {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Limited { retry_after: Duration::from_secs(1) })
    }
}

async fn start(limit: u32) -> (Runtime, Orchestrator) {
    let runtime = Runtime::connect("memory:")
        .only([("LIMITED", "CHARGE"), ("LIMITED", "BY_DEFAULT")])
        .state(Gateway::new(limit))
        .start()
        .await
        .unwrap();
    let desk = runtime.orchestrator().clone();
    (runtime, desk)
}

#[tokio::test]
async fn with_attempts_enough_all_get_through() {
    let (_runtime, desk) = start(25).await;
    let mut all = Vec::new();
    for order in 0..100 {
        all.push(desk.accept(Charge { order }).await.unwrap());
    }
    let mut retries = 0;
    for accepted in &all {
        assert_eq!(desk.wait(accepted, Duration::from_secs(60)).await.unwrap(), Waited::Ok(()));
        retries += desk.get(accepted.op_id).await.unwrap().unwrap().retries;
    }
    assert!(retries >= 75, "{retries}");
}

#[tokio::test]
async fn by_default_the_third_refusal_is_the_end() {
    let (_runtime, desk) = start(1).await;
    let mut all = Vec::new();
    for order in 0..30 {
        all.push(desk.accept(ChargeByDefault { order }).await.unwrap());
    }
    let mut failed = 0;
    for accepted in &all {
        if let Waited::Failed(failure) = desk.wait(accepted, Duration::from_secs(60)).await.unwrap()
        {
            assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
            assert!(failure.called && !failure.uncertain);
            assert_eq!(desk.get(accepted.op_id).await.unwrap().unwrap().retries, 3);
            failed += 1;
        }
    }
    assert!(failed >= 20, "{failed}");
}
