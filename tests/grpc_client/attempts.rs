//! The bound `calls <= 1 + retries + lost attempts`, counted where the calls arrive; and a status as the error
//! of a handler.

use orch::grpc::CallError;
use orch::prelude::*;
use orch_testkit::{KEY_HEADER, SocketProvider, SocketStep};

use crate::world::{self, Client, client, head, ours};

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Refund {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = CallError::ending)]
    #[error("the gateway gives no receipt")]
    NoReceipt(#[from] CallError),
}

async fn call(client: &Client, ctx: &Context) -> Result<u64, tonic::Status> {
    let mut request = world::request("");
    let key = ctx.provider_key().as_str().parse().unwrap();
    request.metadata_mut().insert(KEY_HEADER, key);
    Ok(world::send(client.clone(), request).await?.receipt)
}

#[orchestrated(
    domain = "GRPC_CLIENT",
    event = "CHARGE",
    attempt_timeout = "4s",
    backoff(base = "10ms", cap = "10ms")
)]
async fn charge(_cmd: Charge, ctx: Context, client: State<Client>) -> Result<u64, ChargeError> {
    Ok(call(&client, &ctx).await.map_err(CallError::from)?)
}

/// A handler may return a status as it is.
#[orchestrated(domain = "GRPC_CLIENT", event = "REFUND", attempt_timeout = "1s", in_doubt = "fail")]
async fn refund(_cmd: Refund, ctx: Context, client: State<Client>) -> Result<u64, tonic::Status> {
    call(&client, &ctx).await
}

async fn runtime(provider: &SocketProvider) -> Runtime {
    Runtime::connect("memory:")
        .only([("GRPC_CLIENT", "CHARGE"), ("GRPC_CLIENT", "REFUND")])
        .state(client(&ours(&provider.url(""))))
        .start()
        .await
        .unwrap()
}

/// How an operation ends whose provider does this, and how often it was called.
async fn charged(script: Vec<SocketStep>) -> (Waited<u64>, usize) {
    let provider = SocketProvider::start(script).await;
    let runtime = runtime(&provider).await;
    let orchestrator = runtime.orchestrator();
    let accepted =
        orchestrator.accept(Charge { order_id: 1 }).idem_key("a").unwrap().await.unwrap();
    let ended = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let _ = runtime.shutdown().await;
    let arrivals = provider.arrivals();
    assert!(arrivals.iter().all(|arrival| arrival.key == arrivals[0].key), "one key");
    (ended, arrivals.len())
}

#[tokio::test]
async fn three_attempts_are_three_arrivals() {
    for step in [SocketStep::RefuseStream, SocketStep::GoAwayBelow] {
        let (ended, arrivals) = charged(vec![step; 9]).await;
        let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
        assert_eq!((failure.code.as_str(), failure.uncertain), ("ATTEMPTS_EXHAUSTED", false));
        assert_eq!(arrivals, 3);
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let script = vec![SocketStep::HangUp, world::charged().into()];
    assert_eq!(charged(script).await, (Waited::Ok(1), 2));
}

#[tokio::test]
async fn a_lost_answer_is_never_plainly_failed() {
    let refused = head().header("grpc-status", "5");
    let (ended, arrivals) = charged(vec![SocketStep::HangUp, refused.into()]).await;
    let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
    assert_eq!((failure.code.as_str(), failure.uncertain), ("GRPC_NOT_FOUND", true));
    assert_eq!(arrivals, 2);
}

#[tokio::test]
async fn an_answer_of_which_only_the_head_comes_ends_with_the_attempt() {
    let server = crate::raw::RawServer::start(("x", "y"), |_| {}).await;
    let runtime = Runtime::connect("memory:")
        .only([("GRPC_CLIENT", "REFUND")])
        .state(client(&ours(&server.url())))
        .start()
        .await
        .unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted =
        orchestrator.accept(Refund { order_id: 1 }).idem_key("a").unwrap().await.unwrap();
    let ended = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let _ = runtime.shutdown().await;
    let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
    assert!(failure.uncertain, "{failure:?}");
    assert_eq!(server.seen().0, 1);
}
