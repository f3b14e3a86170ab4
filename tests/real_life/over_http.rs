//! A handler that calls over HTTP, and a provider on a real socket that counts what arrives.

use orch::http::{AnswerError, answer, client};
use orch::prelude::*;
use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: u64,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    receipt: u64,
}

struct Gateway {
    client: reqwest::Client,
    url: String,
}

#[orchestrated(
    domain = "OVER_HTTP",
    event = "CHARGE",
    attempt_timeout = "10s",
    backoff(base = "10ms", cap = "10ms")
)]
async fn charge(
    cmd: Charge,
    ctx: Context,
    gateway: State<Gateway>,
) -> Result<Receipt, AnswerError> {
    let request = gateway
        .client
        .post(&gateway.url)
        .header("Idempotency-Key", ctx.provider_key().as_str())
        .json(&cmd);
    answer(request.send().await?).await
}

/// Runs one charge, with HTTP/2 as with a provider behind TLS. The receipt, and how many attempts it
/// took.
async fn charged(provider: &SocketProvider) -> (u64, usize) {
    let client = client(Duration::from_secs(10)).no_proxy().http2_prior_knowledge();
    let gateway = Gateway { client: client.build().unwrap(), url: provider.url("/charges") };
    let runtime = Runtime::connect("memory:")
        .only([("OVER_HTTP", "CHARGE")])
        .state(gateway)
        .start()
        .await
        .unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Charge { order: 1 }).await.unwrap();
    let waited = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let Waited::Ok(found) = waited else { panic!("not charged") };
    let attempts = orchestrator.history(accepted.op_id).await.unwrap().len();
    let _ = runtime.shutdown().await;
    (found.receipt, attempts)
}

#[tokio::test]
async fn each_attempt_arrives_once() {
    let provider = SocketProvider::start([
        SocketStep::RefuseStream, // not processed: a retry
        SocketStep::HangUp,       // charged, and the answer is lost: in doubt
    ])
    .await;
    let (receipt, attempts) = charged(&provider).await;

    let arrivals = provider.arrivals();
    assert_eq!(arrivals.len(), attempts, "{arrivals:?}");
    assert!(arrivals.iter().all(|arrival| arrival.key == arrivals[0].key));
    assert_eq!((receipt, provider.acts()), (1, 1));
}

#[tokio::test]
async fn a_login_page_is_no_receipt() {
    let page = SocketAnswer::new(200).header("content-type", "text/html").body("<html>");
    let provider = SocketProvider::start([page.into()]).await;
    assert_eq!(charged(&provider).await, (1, 2));
}
