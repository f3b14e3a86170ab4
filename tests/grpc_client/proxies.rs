//! Answers that are no gRPC.

use orch_testkit::{SocketAnswer, SocketProvider};
use tonic::Code;

use crate::rows::name;
use crate::world::{case, charge, ours};

fn html(status: u16) -> SocketAnswer {
    let page = "<html><body>back soon</body></html>";
    SocketAnswer::new(status).header("content-type", "text/html").body(page)
}

#[tokio::test]
async fn a_page_of_a_proxy_that_lost_sight_of_the_call() {
    for status in [502, 503, 504] {
        let result = case("502, 503, 504 of a proxy, with a page of HTML", html(status).acting());
        assert_eq!(result.await.unwrap_err().code(), Code::Internal);
        let empty = SocketAnswer::new(status).acting();
        let result = case("502, 503, 504 of a proxy, without a body", empty).await;
        assert_eq!(result.unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn a_login_page() {
    let _ = case("a 200 is a login page", html(200)).await;
    let other = SocketAnswer::new(200).header("content-type", "application/json").acting();
    let _ =
        case("a 200 is of another content type than gRPC", other.body(r#"{"receipt":1}"#)).await;
}

#[tokio::test]
async fn a_proxy_that_refuses() {
    let kind = "401, 403, 404 of a proxy, without a body";
    for status in [401, 403, 404] {
        let plain = SocketAnswer::new(status).header("content-type", "text/html");
        let _ = case(kind, plain).await;
        let _ = case("401, 403, 404 of a proxy, with a page of HTML", html(status)).await;
    }
    // tonic makes the same code of a 404 without a content type as of its own decision.
    let provider = SocketProvider::start([SocketAnswer::new(404).into()]).await;
    assert_eq!(name(&charge(&ours(&provider.url(""))).await), "in doubt");
}

#[tokio::test]
async fn a_proxy_that_limits() {
    let limited = SocketAnswer::new(429).header("retry-after", "7");
    let result = case("429 of a proxy", limited).await;
    assert_eq!(result.unwrap_err().code(), Code::Unavailable);
}
