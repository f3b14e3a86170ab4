//! Before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use orch::Ending;
use orch::http::{AnswerError, REQUEST_NOT_BUILT, ending_of_reqwest};
use orch_testkit::{SocketProvider, SocketStep};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::util::MapFutureLayer;

use crate::rows::{name, row};
use crate::world::{Resolver, charge, ours, request, theirs};

const URL: &str = "http://gateway.example/charges";

#[tokio::test]
async fn a_refused_connection() {
    let provider = SocketProvider::start([]).await;
    let result = charge(ours(), &SocketProvider::refused_url().await).await;
    row("the connection is refused", &provider, result).await;
}

#[tokio::test]
async fn a_name_that_is_not_known() {
    let provider = SocketProvider::start([]).await;
    let result = charge(ours().dns_resolver(Resolver::Empty), URL).await;
    row("the name of the host is not known", &provider, result).await;
}

#[tokio::test]
async fn a_name_that_takes_for_ever() {
    let provider = SocketProvider::start([]).await;
    let result = charge(ours().dns_resolver(Resolver::Slow), URL).await;
    row("connecting takes longer than connect_timeout", &provider, result).await;
}

/// Without `connect_timeout` the same is in doubt.
#[tokio::test]
async fn another_timeout_does_not_say_how_far_the_call_came() {
    let soon = Duration::from_millis(100);
    for client in [theirs().timeout(soon), theirs().read_timeout(soon)] {
        let result = charge(client.dns_resolver(Resolver::Slow), URL).await;
        assert_eq!(name(&result), "in doubt");
    }
}

/// The first address does not answer: its listener takes no more connections.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_second_address_of_a_host_is_tried() {
    use tokio::net::{TcpSocket, TcpStream};

    let provider = SocketProvider::start([]).await;
    let port = provider.address().port();
    let full = ([127, 0, 0, 2], port).into();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(full).unwrap();
    let _listener = socket.listen(0).unwrap();
    let _first = TcpStream::connect(full).await.unwrap();

    let both = || Resolver::Finds(vec![full, provider.address()]);
    let url = format!("http://gateway.example:{port}/charges");
    let without = charge(theirs().timeout(Duration::from_secs(1)).dns_resolver(both()), &url).await;
    assert_eq!(name(&without), "in doubt", "without connect_timeout: {without:?}");
    assert_eq!(provider.arrivals().len(), 0);

    let result = charge(ours().dns_resolver(both()), &url).await;
    row("the first address of a host is silent, the second answers", &provider, result).await;
}

#[tokio::test]
async fn a_connection_that_closes_before_the_request_is_written() {
    let provider = SocketProvider::start([]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/charges", listener.local_addr().unwrap());
    let closed = Arc::new(Semaphore::new(0));
    let close = Arc::clone(&closed);
    tokio::spawn(async move {
        while let Ok(connection) = listener.accept().await {
            drop(connection);
            close.add_permits(1);
        }
    });
    // The client has the connection only once the server has closed it, and this host knows it.
    let late = MapFutureLayer::new(move |connecting| {
        let closed = Arc::clone(&closed);
        async move {
            let connected = connecting.await;
            closed.acquire().await.unwrap().forget();
            tokio::time::sleep(Duration::from_millis(20)).await;
            connected
        }
    });
    for (client, kind) in [
        (ours(), "the connection closes before the request is written"),
        (
            ours().http2_prior_knowledge(),
            "HTTP/2: the connection closes before the request is written",
        ),
    ] {
        let result = charge(client.connector_layer(late.clone()), &url).await;
        row(kind, &provider, result).await;
    }
}

#[tokio::test]
async fn a_connection_that_closes_unread() {
    let provider = SocketProvider::start([SocketStep::HangUpUnread]).await;
    let result = charge(ours(), &provider.url("/")).await;
    row("the connection closes unread", &provider, result).await;
}

#[tokio::test]
async fn a_request_that_cannot_be_built() {
    let provider = SocketProvider::start([]).await;
    let result = charge(ours(), "gateway/charges").await;
    let ending = result.as_ref().unwrap_err().ending();
    assert_eq!(ending, Ending::fail(REQUEST_NOT_BUILT, false));
    row("the request cannot be built", &provider, result).await;

    let odd_header = request(&ours().build().unwrap(), URL).header("Odd", "\n");
    let error = odd_header.send().await.unwrap_err();
    assert_eq!(ending_of_reqwest(&error), Ending::fail(REQUEST_NOT_BUILT, false));
}

#[tokio::test]
async fn the_text_of_an_error_has_no_more_of_the_url_than_the_host() {
    let secret = "http://user:hunter2@127.0.0.1:1/bot-hunter2/send?key=hunter2#hunter2";
    let error: AnswerError = charge(ours(), secret).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("http://127.0.0.1:1/") && !text.contains("hunter2"), "{text}");
}
