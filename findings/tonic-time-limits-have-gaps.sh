#!/bin/sh
# tonic 0.14.9.
#
# A client sets both `Endpoint::timeout` and `Request::set_timeout` to 200 ms. One would guess that no call takes much
# longer. Both limits begin once there is a connection, and end with the head of the answer: a call waits on
# while the channel connects, and for the message of a server that has sent its head and nothing more.
#
# Seen: no answer: Cancelled; connecting: waits after 2 s; head only: waits after 2 s
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "shown"
version = "0.0.0"
edition = "2024"

[dependencies]
h2 = "=0.4.20"
http = "=1.5.0"
hyper-util = { version = "=0.1.21", features = ["tokio"] }
prost = "=0.14.6"
tokio = { version = "=1.54.1", features = ["macros", "net", "rt", "time"] }
tonic = { version = "=0.14.9", default-features = false, features = ["channel"] }
tonic-prost = "=0.14.9"
tower = { version = "=0.5.3", features = ["util"] }
TOML
cat >src/main.rs <<'RUST'
use std::future::pending;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::{Channel, Endpoint};

const LIMIT: Duration = Duration::from_millis(200);

async fn call(channel: Channel) -> String {
    let mut client = tonic::client::Grpc::new(channel);
    let mut request = tonic::Request::new(());
    request.set_timeout(LIMIT);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let call = client.unary(request, http::uri::PathAndQuery::from_static("/a.A/B"), codec);
    match tokio::time::timeout(LIMIT * 10, call).await {
        Ok(Ok(_)) => "answered".to_owned(),
        Ok(Err(status)) => format!("{:?}", status.code()),
        Err(_) => "waits after 2 s".to_owned(),
    }
}

/// A server that sends the head of an answer, or nothing.
async fn server(sends_a_head: bool) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let mut open = Vec::new();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let head = http::Response::builder().header("content-type", "application/grpc");
            let head = head.body(()).unwrap();
            let body = sends_a_head.then(|| respond.send_response(head, false).unwrap());
            open.push((respond, body));
        }
    });
    Endpoint::from_shared(url).unwrap().timeout(LIMIT)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let no_answer = call(server(false).await.connect_lazy()).await;
    let head_only = call(server(true).await.connect_lazy()).await;
    let never = tower::service_fn(|_| pending::<std::io::Result<TokioIo<TcpStream>>>());
    let endpoint = Endpoint::from_static("http://gateway.example").timeout(LIMIT);
    let connecting = call(endpoint.connect_with_connector_lazy(never)).await;
    println!("no answer: {no_answer}; connecting: {connecting}; head only: {head_only}");
}
RUST
cargo build --quiet
seen=$(target/debug/shown)
echo "$seen"
[ "$seen" = "no answer: Cancelled; connecting: waits after 2 s; head only: waits after 2 s" ]
