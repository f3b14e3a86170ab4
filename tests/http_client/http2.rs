//! HTTP/2: streams that are refused, and connections that go away under them.

use orch_testkit::{SocketProvider, SocketStep};
use reqwest::ClientBuilder;

use crate::rows::{name, row};
use crate::world::{ATTEMPT, KEY, case_with, charge, ours, request, theirs};

fn h2() -> ClientBuilder {
    ours().http2_prior_knowledge()
}

async fn case(kind: &str, step: SocketStep) {
    case_with(h2(), kind, step).await;
}

#[tokio::test]
async fn an_answer_that_arrives_whole() {
    case("HTTP/2: nothing", SocketStep::Charge).await;
}

#[tokio::test]
async fn a_stream_that_is_refused() {
    case("HTTP/2: REFUSED_STREAM", SocketStep::RefuseStream).await;
}

#[tokio::test]
async fn a_stream_that_is_reset() {
    case("HTTP/2: the stream is reset for another reason", SocketStep::ResetStream).await;
}

#[tokio::test]
async fn a_connection_that_goes_away_below_the_stream() {
    case("HTTP/2: GOAWAY below the stream", SocketStep::GoAwayBelow).await;
}

#[tokio::test]
async fn a_connection_that_goes_away_at_the_stream() {
    case("HTTP/2: GOAWAY at the stream, then the connection closes", SocketStep::GoAway).await;
}

#[tokio::test]
async fn a_connection_that_breaks() {
    case("HTTP/2: the connection closes after the request", SocketStep::HangUp).await;
    case("HTTP/2: the connection is reset", SocketStep::Reset).await;
    case("HTTP/2: the answer is no HTTP", SocketStep::NoHttp).await;
}

#[tokio::test]
async fn a_server_that_never_answers() {
    case("HTTP/2: no answer comes before the timeout", SocketStep::Silent).await;
}

#[tokio::test]
async fn a_connection_that_closes_unread() {
    case("HTTP/2: the connection closes unread", SocketStep::HangUpUnread).await;
}

/// The provider has room for one stream. The second request waits in the client, and its timeout does
/// not say so.
#[tokio::test]
async fn a_request_that_waits_for_its_turn() {
    let provider = SocketProvider::start([SocketStep::Charge, SocketStep::Silent]).await;
    provider.max_streams(1);
    let client = h2().build().unwrap();
    let url = provider.url("/");
    // The client knows the limit once the first answer is there.
    request(&client, &url).send().await.unwrap();
    // It outlives the second one, which would get its place.
    let first = tokio::spawn(request(&client, &url).timeout(ATTEMPT * 9).send());
    provider.arrived(2).await;

    let second = request(&client, &url).header("idempotency-key", "key-2").send().await;
    let seen = SocketProvider::start([]).await; // What arrived of the second: nothing.
    let result = second.map(drop).map_err(Into::into);
    assert_eq!(provider.arrivals().len(), 2);
    row("HTTP/2: the request waits behind MAX_CONCURRENT_STREAMS", &seen, result).await;
    first.abort();
}

/// Why `retry::never()`: reqwest sends a refused request up to three times by itself.
#[tokio::test]
async fn a_client_that_sends_again_is_seen() {
    for step in [SocketStep::RefuseStream, SocketStep::GoAwayBelow] {
        let provider = SocketProvider::start(vec![step.clone(); 9]).await;
        let url = provider.url("/");
        for _ in 0..3 {
            let result = charge(theirs().http2_prior_knowledge(), &url).await;
            assert_eq!(name(&result), "retry");
        }
        assert_eq!(provider.arrivals_of(KEY), 9, "{step:?}");

        let provider = SocketProvider::start(vec![step.clone(); 9]).await;
        let url = provider.url("/");
        for _ in 0..3 {
            assert_eq!(name(&charge(h2(), &url).await), "retry");
        }
        assert_eq!(provider.arrivals_of(KEY), 3, "{step:?}");
    }
}
