//! Answers that are no success. The whole table is tested beside it, in `orch-core`.

use std::time::Duration;

use orch::Ending;
use orch::http::{HttpOutcome, ending_of_reqwest};
use orch_testkit::{SocketAnswer, SocketProvider};

use crate::rows::row;
use crate::world::{case, charge, ours, request};

#[tokio::test]
async fn each_status_has_its_ending() {
    case("101, to another protocol", SocketAnswer::new(101).header("upgrade", "other")).await;
    case("404", SocketAnswer::new(404)).await;
    case("409, the key is still being worked on", SocketAnswer::new(409).acting()).await;
    case("412, as after a lost answer", SocketAnswer::new(412).acting()).await;
    case("429", SocketAnswer::new(429)).await;
    case("500", SocketAnswer::new(500).acting()).await;
    case("502, 503, 504 of a proxy", SocketAnswer::new(502).acting()).await;
    case("503 with Retry-After", SocketAnswer::new(503).header("retry-after", "7")).await;
}

#[tokio::test]
async fn a_wait_is_as_long_as_the_provider_says() {
    let busy = SocketAnswer::new(503).header("retry-after", "7");
    let provider = SocketProvider::start([busy.clone().into(), busy.into()]).await;
    let error = charge(ours(), &provider.url("/")).await.unwrap_err();
    assert_eq!(error.ending(), Ending::Retry { after: Some(Duration::from_secs(7)) });

    // The client drops the headers.
    let response = request(&ours().build().unwrap(), &provider.url("/")).send().await.unwrap();
    let error = response.error_for_status().unwrap_err();
    assert_eq!(ending_of_reqwest(&error), Ending::InDoubt);
}

#[tokio::test]
async fn a_refusal_has_its_status_in_its_code() {
    let provider = SocketProvider::start([SocketAnswer::new(404).into()]).await;
    let result = charge(ours(), &provider.url("/")).await;
    assert_eq!(result.as_ref().unwrap_err().ending(), Ending::fail("HTTP_404", false));
    assert_eq!(result.as_ref().unwrap_err().status(), Some(http::StatusCode::NOT_FOUND));
    row("404", &provider, result).await;
}

#[tokio::test]
async fn a_handler_may_look_at_the_status_alone() {
    let provider = SocketProvider::start([SocketAnswer::new(502).into()]).await;
    let response = request(&ours().build().unwrap(), &provider.url("/")).send().await.unwrap();
    let outcome = HttpOutcome::from_status(response.status(), response.headers()).unwrap();
    assert_eq!(outcome.ending(), Ending::InDoubt);
}
