//! The window itself: a provider that charges 200 times and never answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use orch::prelude::*;
use orch::{ListParams, Listed, Operation, Orchestrator, Payload, Phase, Resolution};
use orch_testkit::{Reply, ScriptedProvider, Step};

use crate::databases::{Kind, Shared};

const OPERATIONS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

type Provider = State<Arc<ScriptedProvider>>;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Ask {
    #[command(idem_key)]
    order_id: u64,
}

#[orchestrated(
    domain = "WINDOW",
    event = "ASK",
    attempt_timeout = "300ms",
    reconcile = look_up,
    reconcile_backoff(base = "10ms", cap = "50ms")
)]
async fn charge_or_ask(cmd: Ask, ctx: Context, provider: Provider) -> Result<u64, Infallible> {
    Ok(charged(provider.call(ctx.provider_key().as_str(), &cmd.order_id.to_be_bytes()).await))
}

async fn look_up(_: Ask, ctx: Context, provider: Provider) -> Reconciled<u64> {
    let happened = provider.happened(ctx.provider_key().as_str());
    happened.map_or(Reconciled::NotHappened, |reply| Reconciled::Happened(charged(reply)))
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Leave {
    #[command(idem_key)]
    order_id: u64,
}

#[orchestrated(domain = "WINDOW", event = "LEAVE", attempt_timeout = "300ms", in_doubt = "park")]
async fn charge_or_park(cmd: Leave, ctx: Context, provider: Provider) -> Result<u64, Infallible> {
    Ok(charged(provider.call(ctx.provider_key().as_str(), &cmd.order_id.to_be_bytes()).await))
}

fn charged(reply: Reply) -> u64 {
    match reply {
        Reply::Charged { receipt } => receipt,
        other => panic!("{other:?}"),
    }
}

/// The provider, and a runtime on an empty store that runs this event, as long as the database
/// is there.
async fn world(kind: Kind, event: &str) -> (Arc<ScriptedProvider>, Runtime, Shared) {
    let steps = vec![Step::ChargeAndNeverAnswer; OPERATIONS as usize];
    let provider = Arc::new(ScriptedProvider::new(steps));
    let quick = Duration::from_millis(10);
    let config = Config::default().poll_every(quick).reap_every(quick);
    let shared = kind.create().await;
    let runtime = Runtime::on_shared(shared.store().await).config(config);
    let runtime = runtime.state(Arc::clone(&provider)).only([("WINDOW", event)]);
    (provider, runtime.start().await.unwrap(), shared)
}

/// The receipt of each order, in the provider's books. No order was called twice.
fn receipts(provider: &ScriptedProvider) -> HashMap<u64, u64> {
    let calls = provider.calls();
    assert_eq!(calls.len() as u64, OPERATIONS, "one call for each operation");
    let receipt = |key: &str| charged(provider.happened(key).unwrap());
    let order = |payload: &[u8]| u64::from_be_bytes(payload.try_into().unwrap());
    let receipts: HashMap<u64, u64> =
        calls.iter().map(|call| (order(&call.payload), receipt(&call.key))).collect();
    assert_eq!(receipts.len() as u64, OPERATIONS, "no operation was called twice");
    receipts
}

async fn every_answer_is_asked_for(kind: Kind) {
    let (provider, runtime, _database) = world(kind, "ASK").await;
    let orchestrator = runtime.orchestrator();
    let mut all = Vec::new();
    for order_id in 0..OPERATIONS {
        all.push((order_id, orchestrator.accept(Ask { order_id }).await.unwrap()));
    }
    let mut answers = HashMap::new();
    for (order_id, accepted) in all {
        let Waited::Ok(receipt) = orchestrator.wait(&accepted, PATIENCE).await.unwrap() else {
            panic!("order {order_id} is not COMPLETED")
        };
        answers.insert(order_id, receipt);
    }
    assert_eq!(answers, receipts(&provider), "each has the provider's own answer");
    let _ = runtime.shutdown().await;
}

async fn parked(orchestrator: &Orchestrator) -> Vec<Operation> {
    let params = ListParams::default().phase(Phase::Parked).limit(1000);
    let items = orchestrator.list(params).await.unwrap().items;
    let operation = |listed| match listed {
        Listed::Operation(operation) => *operation,
        other => panic!("{other:?}"),
    };
    items.into_iter().map(operation).collect()
}

async fn everything_is_left_to_a_person(kind: Kind) {
    let (provider, runtime, _database) = world(kind, "LEAVE").await;
    let orchestrator = runtime.orchestrator();
    let mut all = Vec::new();
    for order_id in 0..OPERATIONS {
        all.push((order_id, orchestrator.accept(Leave { order_id }).await.unwrap()));
    }
    let waiting = async {
        while (parked(orchestrator).await.len() as u64) < OPERATIONS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("not all are parked");

    let receipts = receipts(&provider);
    for operation in parked(orchestrator).await {
        let Leave { order_id } = operation.payload.decode().unwrap();
        let receipt = Payload::json(&receipts[&order_id]).unwrap();
        let resolution = Resolution::Ok(receipt);
        orchestrator
            .resolve(operation.op_id, resolution, "kim", "in the gateway's books")
            .await
            .unwrap();
    }
    for (order_id, accepted) in all {
        let waited = orchestrator.wait(&accepted, PATIENCE).await.unwrap();
        assert_eq!(waited, Waited::Ok(receipts[&order_id]));
    }
    assert_eq!(provider.calls().len() as u64, OPERATIONS, "nothing was called again");
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn in_memory_every_answer_is_asked_for() {
    every_answer_is_asked_for(Kind::Memory).await;
}

#[tokio::test]
async fn in_sqlite_every_answer_is_asked_for() {
    every_answer_is_asked_for(Kind::Sqlite).await;
}

#[tokio::test]
async fn in_postgres_every_answer_is_asked_for() {
    every_answer_is_asked_for(Kind::Postgres).await;
}

#[tokio::test]
async fn in_memory_everything_is_left_to_a_person() {
    everything_is_left_to_a_person(Kind::Memory).await;
}

#[tokio::test]
async fn in_sqlite_everything_is_left_to_a_person() {
    everything_is_left_to_a_person(Kind::Sqlite).await;
}

#[tokio::test]
async fn in_postgres_everything_is_left_to_a_person() {
    everything_is_left_to_a_person(Kind::Postgres).await;
}
