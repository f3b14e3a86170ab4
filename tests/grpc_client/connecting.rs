//! Before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use orch_testkit::{SocketProvider, SocketStep};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tonic::Code;
use tonic::client::Grpc;
use tower::service_fn;

use crate::rows::{name, row};
use crate::world::{ATTEMPT, KEY, charge, client, ours, request, send};

#[tokio::test]
async fn a_refused_connection() {
    let provider = SocketProvider::start([]).await;
    let result = charge(&ours(&SocketProvider::refused_url().await)).await;
    row("the connection is refused", &provider, &result).await;
    assert_eq!(result.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_name_that_is_not_known() {
    let provider = SocketProvider::start([]).await;
    let result = charge(&ours("http://gateway.invalid")).await;
    row("the name of the host is not known", &provider, &result).await;
}

/// A listener whose queue is full does not answer.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_is_silent() {
    let provider = SocketProvider::start([]).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let silent = listener.local_addr().unwrap();
    let _first = TcpStream::connect(silent).await.unwrap();

    let ours_to_silent = ours(&format!("http://{silent}"));
    let result = tokio::time::timeout(ATTEMPT, charge(&ours_to_silent)).await.unwrap();
    row("connecting takes longer than connect_timeout", &provider, &result).await;

    // `timeout` alone does not run while the channel connects.
    let without = tonic::transport::Endpoint::from_shared(format!("http://{silent}")).unwrap();
    let without = without.timeout(Duration::from_millis(50));
    let waited = tokio::time::timeout(Duration::from_secs(1), charge(&without)).await;
    assert!(waited.is_err(), "{waited:?}");

    // With a connector of the caller's own, the time limit is one error among others.
    let connector = service_fn(|_| std::future::pending::<std::io::Result<TokioIo<TcpStream>>>());
    let channel = ours("http://gateway.invalid").connect_with_connector_lazy(connector);
    let result = send(Grpc::new(channel), request(KEY)).await;
    row("connecting with an own connector takes longer than connect_timeout", &provider, &result)
        .await;
    assert_eq!(result.unwrap_err().code(), Code::Unknown);
}

#[tokio::test]
async fn a_connection_that_closes_before_the_request_is_written() {
    let provider = SocketProvider::start([]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closed = Arc::new(Semaphore::new(0));
    let close = Arc::clone(&closed);
    tokio::spawn(async move {
        while let Ok(connection) = listener.accept().await {
            drop(connection);
            close.add_permits(1);
        }
    });
    // The client has the connection only once the server has closed it, and this host knows it.
    let late = service_fn(move |_| {
        let closed = Arc::clone(&closed);
        async move {
            let connected = TcpStream::connect(address).await?;
            closed.acquire().await.unwrap().forget();
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, std::io::Error>(TokioIo::new(connected))
        }
    });
    let channel = ours("http://gateway.invalid").connect_with_connector_lazy(late);
    let result = send(Grpc::new(channel), request(KEY)).await;
    row("the connection closes before the request is written", &provider, &result).await;
}

#[tokio::test]
async fn a_connection_that_closes_unread() {
    let provider = SocketProvider::start([SocketStep::HangUpUnread]).await;
    let result = charge(&ours(&provider.url(""))).await;
    row("the connection closes unread", &provider, &result).await;
}

/// The error of one call is not that of the next.
#[tokio::test]
async fn a_channel_connects_again_for_the_next_call() {
    let provider = SocketProvider::start([SocketStep::HangUp, SocketStep::HangUpUnread]).await;
    let client = client(&ours(&provider.url("")));
    let mut endings = Vec::new();
    for call in 0..4 {
        let result = send(client.clone(), request(&format!("key-{call}"))).await;
        endings.push(name(&result));
    }
    assert_eq!(endings[0], "in doubt");
    assert_eq!(provider.arrivals_of("key-3"), 1, "{endings:?}");
}

#[test]
fn a_uri_that_is_none_is_refused() {
    assert!(orch::grpc::endpoint("no uri at all", Duration::from_secs(30)).is_err());
}
