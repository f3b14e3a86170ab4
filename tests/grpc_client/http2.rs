//! Streams that are refused, and connections that go away under them.

use std::time::Duration;

use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::raw::RawServer;
use crate::rows::{name, row, row_seen};
use crate::world::{ATTEMPT, KEY, case, charge, charged, client, ours, receipt, request, send};

#[tokio::test]
async fn a_stream_that_is_refused() {
    let _ = case("REFUSED_STREAM", SocketStep::RefuseStream).await;
}

#[tokio::test]
async fn a_stream_that_is_reset() {
    let _ = case("the stream is reset for another reason", SocketStep::ResetStream).await;
}

#[tokio::test]
async fn a_connection_that_goes_away_below_the_stream() {
    let _ = case("GOAWAY below the stream", SocketStep::GoAwayBelow).await;
}

#[tokio::test]
async fn a_connection_that_goes_away_at_the_stream() {
    let _ = case("GOAWAY at the stream, then the connection closes", SocketStep::GoAway).await;
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let _ = case("the connection closes after the request", SocketStep::HangUp).await;
    let _ = case("the connection is reset", SocketStep::Reset).await;
    let _ = case("the answer is no HTTP/2", SocketStep::NoHttp).await;
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let kind = "no answer comes before Endpoint::timeout";
    let result = case(kind, SocketStep::Silent).await;
    assert_eq!(result.unwrap_err().code(), Code::Cancelled);

    let provider = SocketProvider::start([SocketStep::Silent]).await;
    let mut request = request(KEY);
    request.set_timeout(Duration::from_millis(200));
    let result = send(client(&ours(&provider.url(""))), request).await;
    row("no answer comes before Request::set_timeout", &provider, &result).await;
    assert_eq!(result.unwrap_err().code(), Code::Cancelled);
    let told = provider.arrivals()[0].headers.get("grpc-timeout").cloned();
    assert!(told.is_some(), "the server is told: {told:?}");
}

/// The server has answered, so it may have acted.
#[tokio::test]
async fn a_stream_that_is_reset_after_the_head_of_its_answer() {
    for reason in [h2::Reason::REFUSED_STREAM, h2::Reason::CANCEL, h2::Reason::NO_ERROR] {
        let server = RawServer::start(("x", "y"), move |body| body.send_reset(reason)).await;
        let result = charge(&ours(&server.url())).await;
        let kind = "the stream is reset after the head of the answer, as REFUSED_STREAM too";
        row_seen(kind, server.seen(), &result);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_in_the_message() {
    let half = charged().body(receipt()).cut(6);
    let _ = case("the stream breaks in the message", half).await;
}

/// The provider has room for one stream. The second request waits in the client, and its timeout does
/// not say so.
#[tokio::test]
async fn a_request_that_waits_for_its_turn() {
    let provider = SocketProvider::start([charged().into(), SocketStep::Silent]).await;
    provider.max_streams(1);
    let client = client(&Endpoint::from_shared(provider.url("")).unwrap());
    // The client knows the limit once the first answer is there.
    send(client.clone(), request(KEY)).await.unwrap();
    let first = tokio::spawn(send(client.clone(), request(KEY)));
    provider.arrived(2).await;

    let mut second = request("key-2");
    second.set_timeout(ATTEMPT / 8);
    let result = send(client, second).await;
    let seen = SocketProvider::start([]).await; // What arrived of the second: nothing.
    assert_eq!(provider.arrivals().len(), 2);
    row("the request waits behind MAX_CONCURRENT_STREAMS", &seen, &result).await;
    first.abort();
}

#[tokio::test]
async fn nothing_is_sent_again() {
    for step in [SocketStep::RefuseStream, SocketStep::GoAwayBelow, SocketStep::HangUp] {
        let provider = SocketProvider::start(vec![step.clone(); 9]).await;
        // Whoever calls without orch's endpoint sees the same.
        for (calls, endpoint) in
            [(1, ours(&provider.url(""))), (2, Endpoint::from_shared(provider.url("")).unwrap())]
        {
            let result = charge(&endpoint).await;
            assert_ne!(name(&result), "done");
            assert_eq!(provider.arrivals().len(), calls, "{step:?}");
        }
    }
    let busy = SocketAnswer::new(503).header("grpc-retry-pushback-ms", "1");
    let provider = SocketProvider::start([busy.into()]).await;
    charge(&ours(&provider.url(""))).await.unwrap_err();
    assert_eq!(provider.arrivals().len(), 1);
}
