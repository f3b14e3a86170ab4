//! A call as the client that `tonic-prost-build` generates makes it, on the connection that orch builds.

use std::time::Duration;

use http::uri::PathAndQuery;
use orch::grpc::endpoint;
use orch_testkit::{KEY_HEADER, SocketAnswer, SocketProvider, SocketStep};
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::rows::row;

/// Long enough for a handshake on a busy host, short enough to wait for.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
pub(crate) const KEY: &str = "key-1";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Charge {
    #[prost(uint64, tag = "1")]
    pub(crate) amount: u64,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Receipt {
    #[prost(uint64, tag = "1")]
    pub(crate) receipt: u64,
}

pub(crate) type Client = Grpc<tonic::transport::Channel>;

pub(crate) fn ours(url: &str) -> Endpoint {
    endpoint(url, ATTEMPT).unwrap()
}

pub(crate) fn client(endpoint: &Endpoint) -> Client {
    Grpc::new(endpoint.connect_lazy())
}

pub(crate) fn request(key: &str) -> Request<Charge> {
    let mut request = Request::new(Charge { amount: 5, text: String::new() });
    request.metadata_mut().insert(KEY_HEADER, key.parse().unwrap());
    request
}

pub(crate) async fn send(mut client: Client, request: Request<Charge>) -> Result<Receipt, Status> {
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_static("/gateway.Gateway/Charge");
    let codec = ProstCodec::<Charge, Receipt>::default();
    Ok(client.unary(request, path, codec).await?.into_inner())
}

/// One call.
pub(crate) async fn charge(endpoint: &Endpoint) -> Result<Receipt, Status> {
    send(client(endpoint), request(KEY)).await
}

/// A call of a provider that does this, as a row of the table.
pub(crate) async fn case(kind: &str, step: impl Into<SocketStep>) -> Result<Receipt, Status> {
    let provider = SocketProvider::start([step.into()]).await;
    let result = charge(&ours(&provider.url(""))).await;
    row(kind, &provider, &result).await;
    result
}

/// A message as gRPC frames it: not compressed, and its length.
pub(crate) fn framed(message: &[u8]) -> String {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    String::from_utf8([&[0][..], &length, message].concat()).unwrap()
}

pub(crate) fn receipt() -> String {
    framed(&Receipt { receipt: 1 }.encode_to_vec())
}

/// The head of an answer.
pub(crate) fn head() -> SocketAnswer {
    SocketAnswer::new(200).header("content-type", "application/grpc")
}

/// A receipt of a provider that has acted.
pub(crate) fn charged() -> SocketAnswer {
    head().acting().body(receipt()).trailer("grpc-status", "0")
}
