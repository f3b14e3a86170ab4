//! The bound `calls <= 1 + retries + lost attempts`, counted where the calls arrive.

use std::time::Duration;

use orch::http::{AnswerError, answer, client};
use orch::prelude::*;
use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};

use crate::world::Receipt as Arrived;

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

struct Gateway {
    client: reqwest::Client,
    url: String,
}

#[orchestrated(
    domain = "HTTP_CLIENT",
    event = "CHARGE",
    attempt_timeout = "4s",
    backoff(base = "10ms", cap = "10ms")
)]
async fn charge(cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Result<u64, AnswerError> {
    let request = gateway.client.post(&gateway.url).json(&cmd);
    let request = request.header("idempotency-key", ctx.provider_key().as_str());
    let receipt: Arrived = answer(request.send().await?).await?;
    Ok(receipt.receipt)
}

/// How an operation ends whose provider does this, and how often it was called.
async fn run(client: reqwest::ClientBuilder, script: Vec<SocketStep>) -> (Waited<u64>, usize) {
    let provider = SocketProvider::start(script).await;
    let gateway = Gateway { client: client.build().unwrap(), url: provider.url("/charges") };
    let runtime = Runtime::connect("memory:")
        .only([("HTTP_CLIENT", "CHARGE")])
        .state(gateway)
        .start()
        .await
        .unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted =
        orchestrator.accept(Charge { order_id: 1 }).idem_key("a").unwrap().await.unwrap();
    let ended = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let _ = runtime.shutdown().await;
    let arrivals = provider.arrivals();
    assert!(arrivals.iter().all(|arrival| arrival.key == arrivals[0].key), "one key");
    (ended, arrivals.len())
}

fn ours() -> reqwest::ClientBuilder {
    client(Duration::from_secs(4)).no_proxy()
}

#[tokio::test]
async fn three_attempts_are_three_arrivals() {
    for step in [SocketStep::RefuseStream, SocketStep::GoAwayBelow] {
        let (ended, arrivals) = run(ours().http2_prior_knowledge(), vec![step; 9]).await;
        let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
        assert_eq!((failure.code.as_str(), failure.uncertain), ("ATTEMPTS_EXHAUSTED", false));
        assert_eq!(arrivals, 3);
    }
}

#[tokio::test]
async fn a_303_to_a_host_that_is_down_is_never_plainly_failed() {
    let to = SocketProvider::refused_url().await;
    let answer = SocketAnswer::new(303).acting().header("location", to);
    let (ended, arrivals) = run(ours(), vec![answer.into(); 3]).await;
    let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
    assert!(failure.uncertain, "{failure:?}");
    assert_eq!(arrivals, 3);
}

#[tokio::test]
async fn half_a_receipt_is_asked_for_again_with_the_same_key() {
    let half = SocketAnswer::new(200).acting().body(r#"{"receipt":1}"#).without_length().cut(9);
    let (ended, arrivals) = run(ours(), vec![half.into()]).await;
    assert_eq!((ended, arrivals), (Waited::Ok(1), 2));
}
