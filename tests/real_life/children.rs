//! An operation that waits for others and holds no slot meanwhile, beside one that does.

use std::convert::Infallible;

use orch::prelude::*;
use orch::{AcceptError, Orchestrator, Phase, QueryError};

/// A report to one recipient.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "REPORT-{report}/{recipient}")]
struct Send {
    #[command(idem_key)]
    report: u64,
    recipient: u32,
}

#[orchestrated(domain = "REPORT", event = "SEND")]
async fn send(cmd: Send, _ctx: Context) -> Result<u32, Infallible> {
    tokio::time::sleep(Duration::from_millis(20)).await; // the mail server
    Ok(cmd.recipient)
}

/// A report to all recipients: done when each of them has it.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "REPORT-{report}")]
struct SendAll {
    #[command(idem_key)]
    report: u64,
    recipients: u32,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum NotSent {
    #[outcome(retry)]
    #[error("{0} are under way")]
    UnderWay(usize),
    #[outcome(fail, code = "NOT_ALL_SENT")]
    #[error("{0} could not be sent")]
    Failed(usize),
    #[outcome(retry)]
    #[error("cannot accept")]
    Accept(#[from] AcceptError),
    #[outcome(retry)]
    #[error("cannot look")]
    Look(#[from] QueryError),
}

/// It accepts and looks, and asks to be run again: between two looks it holds no slot.
#[orchestrated(
    domain = "REPORT",
    event = "SEND_ALL",
    effect = "idempotent",
    time_budget = "1h",
    max_attempts = 1000,
    backoff(base = "500ms", cap = "10s")
)]
async fn send_all(cmd: SendAll, desk: State<Orchestrator>) -> Result<u32, NotSent> {
    let (mut under_way, mut failed) = (0, 0);
    for recipient in 0..cmd.recipients {
        // The first time this accepts it; from then on the same command finds the same operation.
        let sent = desk.accept(Send { report: cmd.report, recipient }).await?;
        match desk.wait(&sent, Duration::ZERO).await? {
            Waited::Ok(_) => {}
            Waited::Failed(_) => failed += 1,
            Waited::Pending(_) => under_way += 1,
        }
    }
    match (under_way, failed) {
        (0, 0) => Ok(cmd.recipients),
        (0, failed) => Err(NotSent::Failed(failed)),
        (under_way, _) => Err(NotSent::UnderWay(under_way)),
    }
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "REPORT-{report}")]
struct SendAndWait {
    #[command(idem_key)]
    report: u64,
}

/// How not to do it: the slot is held until the mail is sent, which needs a slot.
#[orchestrated(
    domain = "REPORT",
    event = "SEND_AND_WAIT",
    effect = "idempotent",
    attempt_timeout = "1s",
    in_doubt = "park"
)]
async fn send_and_wait(cmd: SendAndWait, desk: State<Orchestrator>) -> Result<bool, NotSent> {
    let sent = desk.accept(Send { report: cmd.report, recipient: 0 }).await?;
    let waited = desk.wait(&sent, Duration::from_secs(30)).await?;
    Ok(matches!(waited, Waited::Ok(_)))
}

/// One worker with one slot.
async fn one_slot() -> Result<(Runtime, Orchestrator), orch::StartError> {
    let store = orch::memory::MemoryStore::new();
    // A runtime that only accepts, for the orchestrator that the handlers take.
    let front = Runtime::on(store.clone()).without_worker().start().await?;
    let runtime = Runtime::on(store)
        .only([("REPORT", "SEND"), ("REPORT", "SEND_ALL"), ("REPORT", "SEND_AND_WAIT")])
        .config(Config::default().concurrency(1))
        .state(front.orchestrator().clone())
        .start()
        .await?;
    let desk = runtime.orchestrator().clone();
    Ok((runtime, desk))
}

#[tokio::test]
async fn four_that_wait_for_three_each_need_one_slot_in_all() {
    let (_runtime, desk) = one_slot().await.unwrap();
    let mut all = Vec::new();
    for report in 0..4 {
        all.push(desk.accept(SendAll { report, recipients: 3 }).await.unwrap());
    }
    for accepted in all {
        let waited = desk.wait(&accepted, Duration::from_secs(60)).await.unwrap();
        assert_eq!(waited, Waited::Ok(3));
        let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
        assert_eq!(operation.lost_attempts, 0);
        assert!(operation.retries >= 1 && operation.attempt == operation.retries + 1);
    }
}

#[tokio::test]
async fn a_handler_that_waits_holds_its_slot() {
    let (_runtime, desk) = one_slot().await.unwrap();
    let accepted = desk.accept(SendAndWait { report: 9 }).await.unwrap();
    let parked = async {
        loop {
            let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
            if operation.phase == Some(Phase::Parked) {
                break operation;
            }
            tokio::task::yield_now().await;
        }
    };
    let parked = tokio::time::timeout(Duration::from_secs(20), parked).await.unwrap();
    assert_eq!(parked.reason.unwrap(), "no answer within the attempt timeout of 1s");
}
