//! A call as a handler makes it, with the client that orch builds.

use std::net::SocketAddr;
use std::time::Duration;

use orch::http::{AnswerError, answer, client};
use orch_testkit::{KEY_HEADER, SocketAnswer, SocketProvider, SocketStep};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, RequestBuilder};
use serde::Deserialize;

use crate::rows::row;

/// Long enough for a handshake on a busy host, short enough to wait for.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
pub(crate) const KEY: &str = "key-1";

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) receipt: u64,
}

/// The client of orch. A proxy of the machine's own is none of these tests' business.
pub(crate) fn ours() -> ClientBuilder {
    client(ATTEMPT).no_proxy()
}

/// A client as reqwest builds it, with a time limit.
pub(crate) fn theirs() -> ClientBuilder {
    reqwest::Client::builder().no_proxy().timeout(ATTEMPT)
}

pub(crate) fn request(client: &reqwest::Client, url: &str) -> RequestBuilder {
    client.post(url).header(KEY_HEADER, KEY).body(r#"{"amount":5}"#)
}

/// One call.
pub(crate) async fn charge(client: ClientBuilder, url: &str) -> Result<Receipt, AnswerError> {
    answer(request(&client.build()?, url).send().await?).await
}

/// A call of a provider that does this, as a row of the table.
pub(crate) async fn case(kind: &str, step: impl Into<SocketStep>) {
    case_with(ours(), kind, step).await;
}

pub(crate) async fn case_with(client: ClientBuilder, kind: &str, step: impl Into<SocketStep>) {
    let provider = SocketProvider::start([step.into()]).await;
    let result = charge(client, &provider.url("/charges")).await;
    row(kind, &provider, result).await;
}

/// A JSON answer of a provider that has acted.
pub(crate) fn acted(status: u16) -> SocketAnswer {
    SocketAnswer::new(status).acting().header("content-type", "application/json")
}

/// A resolver for the name `gateway.example`.
pub(crate) enum Resolver {
    /// Finds these, in this order.
    Finds(Vec<SocketAddr>),
    /// Finds nothing.
    Empty,
    /// Takes for ever.
    Slow,
}

impl Resolve for Resolver {
    fn resolve(&self, _: Name) -> Resolving {
        match self {
            Self::Finds(addresses) => {
                let addresses: Addrs = Box::new(addresses.clone().into_iter());
                Box::pin(async { Ok(addresses) })
            }
            Self::Empty => Box::pin(async { Err("no such host".into()) }),
            Self::Slow => Box::pin(std::future::pending()),
        }
    }
}
