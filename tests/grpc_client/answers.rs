//! Answers that cannot be read.

use std::time::Duration;

use orch::grpc::CallError;
use orch::{Effect, Ending};
use orch_testkit::{KEY_HEADER, SocketAnswer, SocketProvider};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};

use crate::raw::RawServer;
use crate::rows::{row, row_seen};
use crate::world::{
    Charge, KEY, case, charged, client, framed, head, ours, receipt, request, send,
};

#[tokio::test]
async fn an_answer_that_arrives_whole() {
    let result = case("nothing", charged()).await;
    assert_eq!(result.unwrap().receipt, 1);
}

#[tokio::test]
async fn an_answer_without_its_end() {
    let result = case("the answer has no grpc-status", head().acting().body(receipt())).await;
    assert_eq!(result.unwrap_err().code(), Code::Unknown);
    let cut = head().acting().body(&receipt()[..6]).trailer("grpc-status", "0");
    let _ = case("the message is shorter than its length", cut).await;
}

/// tonic's limits end with the head, so that only the attempt's ends it.
#[tokio::test]
async fn a_head_and_nothing_more() {
    let server = RawServer::start(("x", "y"), |_| {}).await;
    let soon = Duration::from_millis(50);
    let mut request = request(KEY);
    request.set_timeout(soon);
    let call = send(client(&ours(&server.url()).timeout(soon)), request);
    let waited = tokio::time::timeout(soon * 20, call).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(server.seen(), (1, 1));
}

#[tokio::test]
async fn a_message_that_is_another() {
    let other = charged().body(framed(b"\x0a\x05later"));
    let result = case("the message does not decode", other).await;
    assert_eq!(result.unwrap_err().code(), Code::Internal);
    let long = charged().body(framed("x".repeat(4 * 1024 * 1024 + 1).as_bytes()));
    let result = case("the message is longer than 4 MiB", long).await;
    assert_eq!(result.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn an_answer_that_is_compressed() {
    let other = charged().header("grpc-encoding", "zstd");
    let kind = "the answer is compressed in a way that the client does not read";
    let result = case(kind, other).await;
    assert_eq!(result.as_ref().unwrap_err().code(), Code::Unimplemented);
    let read = CallError::from(result.unwrap_err()).for_effect(Effect::Read);
    assert_eq!(read.ending(), Ending::fail("GRPC_UNIMPLEMENTED", false));
}

/// 1000 zeros, in gzip.
const ZEROS: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 99, 96, 24, 5, 163, 96, 20, 12, 119, 0, 0, 128, 23, 11, 6,
    232, 3, 0, 0,
];

#[tokio::test]
async fn an_answer_that_is_longer_than_it_looks() {
    let server = RawServer::start(("grpc-encoding", "gzip"), |body| {
        let length = u8::try_from(ZEROS.len()).unwrap();
        let message = [&[1, 0, 0, 0, length], ZEROS].concat();
        body.send_data(message.into(), false).unwrap();
    })
    .await;
    let client = client(&ours(&server.url()));
    let client = client.accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(100);
    let result = send(client, request(KEY)).await;
    row_seen("the message is too long once decompressed", server.seen(), &result);
    assert_eq!(result.unwrap_err().code(), Code::ResourceExhausted);
}

/// The head of the request has arrived, with the key.
#[tokio::test]
async fn a_request_that_is_too_long() {
    let provider = SocketProvider::start([SocketAnswer::new(200).into()]).await;
    let client = client(&ours(&provider.url(""))).max_encoding_message_size(10);
    let mut request = Request::new(Charge { amount: 5, text: "x".repeat(100) });
    request.metadata_mut().insert(KEY_HEADER, KEY.parse().unwrap());
    let result = send(client, request).await;
    row("the request is longer than max_encoding_message_size", &provider, &result).await;
}
