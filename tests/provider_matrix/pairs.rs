//! A handler's answer and the webhook about the same call, at the same instant.

use std::sync::Arc;
use std::time::Duration;

use orch::internals::words::Status;
use orch::prelude::*;
use orch::{Config, Orchestrator, Recorded, Reference, Submitted, Unkeyed};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::stores::Kind;

/// So many pairs; `ORCH_PAIRS` may say another number.
const PAIRS: u64 = 300;
const LONG: Duration = Duration::from_secs(600);

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "PAYOUT-{payout}")]
struct Payout {
    #[command(idem_key)]
    payout: u64,
}

/// Tells the webhook that the bank has taken a payout.
type Taken = mpsc::UnboundedSender<u64>;

#[orchestrated(
    domain = "PAIRS",
    event = "PAYOUT",
    provider = Unkeyed,
    effect = "unsafe",
    in_doubt = "park"
)]
async fn pay_out(cmd: Payout, taken: State<Taken>) -> Result<u64, Submitted> {
    taken.send(cmd.payout).unwrap();
    tokio::time::sleep(Duration::from_micros(fastrand::u64(..3000))).await;
    Err(Submitted::with(cmd.payout))
}

/// A webhook as the provider sends it: again until it was taken.
async fn webhook(desk: Orchestrator, payout: u64) -> Recorded {
    tokio::time::sleep(Duration::from_micros(fastrand::u64(..3000))).await;
    let about = Reference::at::<Unkeyed>("", &payout.to_string()).unwrap();
    loop {
        let paid = Reconciled::Happened(payout);
        match desk.record_answer::<Payout>(about.clone(), paid, "webhook").await {
            Ok(recorded) => return recorded,
            Err(error) => eprintln!("sent again: {error}"),
        }
    }
}

async fn none_is_missed(kind: Kind) {
    let pairs = std::env::var("ORCH_PAIRS").map_or(PAIRS, |pairs| pairs.parse().unwrap());
    let database = kind.create().await;
    let (taken, mut webhooks) = mpsc::unbounded_channel();
    let config = Config::default().poll_every(Duration::from_millis(10)).concurrency(64);
    let runtime =
        Runtime::on_shared(Arc::clone(&database.store)).config(config).state::<Taken>(taken);
    let runtime = runtime.only([("PAIRS", "PAYOUT")]).start().await.unwrap();
    let desk = runtime.orchestrator();
    let began = std::time::Instant::now();
    let mut accepted = JoinSet::new();
    for payout in 0..pairs {
        let desk = desk.clone();
        accepted.spawn(async move { desk.accept(Payout { payout }).await.unwrap().op_id });
        if accepted.len() == 256 {
            accepted.join_next().await;
        }
    }
    let mut told = JoinSet::new();
    for _ in 0..pairs {
        let payout = tokio::time::timeout(LONG, webhooks.recv()).await.unwrap().unwrap();
        told.spawn(webhook(desk.clone(), payout));
    }
    let told = told.join_all().await;
    let first = told.iter().filter(|told| **told == Recorded::Kept).count();
    accepted.join_all().await;
    for payout in 0..pairs {
        let again = desk.accept(Payout { payout }).await.unwrap();
        let waited = tokio::time::timeout(LONG, desk.wait(&again, LONG)).await.unwrap().unwrap();
        assert_eq!(waited, Waited::Ok(payout), "of {pairs}");
        let operation = desk.get(again.op_id).await.unwrap().unwrap();
        assert_eq!((operation.status, operation.attempt), (Status::Completed, 1));
    }
    assert_eq!(desk.unmatched(None).await.unwrap(), []);
    println!("{pairs} pairs in {:?}: {first} webhooks came first", began.elapsed());
    let _ = runtime.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_missed_in_memory() {
    none_is_missed(Kind::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_missed_on_sqlite() {
    none_is_missed(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_missed_on_postgres() {
    none_is_missed(Kind::Postgres).await;
}
