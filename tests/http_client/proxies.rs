//! A proxy in between: the provider here is the proxy, or sits behind it.

use orch_testkit::{SocketAnswer, SocketProvider};
use reqwest::{ClientBuilder, Proxy};

use crate::rows::row;
use crate::world::{ATTEMPT, charge};

const HTTP: &str = "http://gateway.example/charges";
/// Reached through a tunnel.
const HTTPS: &str = "https://gateway.example/charges";

fn through(proxy: &str) -> ClientBuilder {
    orch::http::client(ATTEMPT).proxy(Proxy::all(proxy).unwrap())
}

/// A call through a proxy that answers this, and what the provider behind it sees: nothing.
async fn case(kind: &str, url: &str, answer: SocketAnswer) {
    let (proxy, behind) =
        (SocketProvider::start([answer.into()]).await, SocketProvider::start([]).await);
    let result = charge(through(&proxy.url("")), url).await;
    assert_eq!(proxy.arrivals().len(), 1);
    row(kind, &behind, result).await;
}

#[tokio::test]
async fn a_proxy_that_wants_credentials() {
    for url in [HTTP, HTTPS] {
        case("a proxy answers 407, over http or CONNECT", url, SocketAnswer::new(407)).await;
    }
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel() {
    for status in [403, 502, 503] {
        case("a proxy refuses the tunnel", HTTPS, SocketAnswer::new(status)).await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_down() {
    let behind = SocketProvider::start([]).await;
    for url in [HTTP, HTTPS] {
        let result = charge(through(&SocketProvider::refused_url().await), url).await;
        row("the proxy is down", &behind, result).await;
    }
}

#[tokio::test]
async fn a_proxy_that_passes_the_call_on() {
    let behind = SocketProvider::start([]).await;
    let result = charge(through(&behind.url("")), HTTP).await;
    assert_eq!(behind.arrivals()[0].target, HTTP);
    row("nothing, through a proxy", &behind, result).await;
}
