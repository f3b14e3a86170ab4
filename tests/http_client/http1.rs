//! HTTP/1.1: the connection breaks, or the request's own body.

use std::error::Error;

use futures_util::stream;
use http_body_util::StreamBody;
use orch::http::{answer, ending_of_reqwest};
use orch_testkit::{KEY_HEADER, SocketProvider, SocketStep};
use reqwest::Body;

use crate::rows::row;
use crate::world::{KEY, Receipt, case, charge, ours, request};

#[tokio::test]
async fn an_answer_that_arrives_whole() {
    let provider = SocketProvider::start([]).await;
    let result = charge(ours(), &provider.url("/charges")).await;
    assert_eq!(result.as_ref().unwrap(), &Receipt { receipt: 1 });
    let arrival = &provider.arrivals()[0];
    assert_eq!((arrival.key.as_deref(), arrival.whole), (Some(KEY), true));
    row("nothing", &provider, result).await;
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    case("the connection closes after the request", SocketStep::HangUp).await;
}

#[tokio::test]
async fn a_server_that_resets() {
    case("the connection is reset in the middle of the answer", SocketStep::Reset).await;
}

#[tokio::test]
async fn a_server_that_never_answers() {
    case("no answer comes before the timeout", SocketStep::Silent).await;
}

#[tokio::test]
async fn an_answer_that_is_no_http() {
    case("the answer is no HTTP", SocketStep::NoHttp).await;
}

#[tokio::test]
async fn a_connection_kept_from_an_earlier_call() {
    let warm = SocketProvider::start([SocketStep::Charge, SocketStep::HangUp]).await;
    let client = ours().build().unwrap();
    let first: Receipt =
        answer(request(&client, &warm.url("/")).send().await.unwrap()).await.unwrap();
    assert_eq!(first, Receipt { receipt: 1 });
    let second = request(&client, &warm.url("/")).send().await.unwrap_err();
    assert_eq!(ending_of_reqwest(&second), orch::Ending::InDoubt);
    assert_eq!(warm.arrivals().len(), 2);
}

/// The stream that makes the body makes a call of its own, which is refused: the provider has the
/// key already, and `is_connect()` is true all the same.
#[tokio::test]
async fn a_request_whose_body_breaks() {
    let provider = SocketProvider::start([]).await;
    let elsewhere = SocketProvider::refused_url().await;
    let chunks = stream::unfold(0, move |n| {
        let elsewhere = elsewhere.clone();
        async move {
            let chunk: Result<_, Box<dyn Error + Send + Sync>> = match n {
                0 => Ok(http_body::Frame::data(bytes::Bytes::from_static(b"{\"amount\":"))),
                _ => match ours().build().unwrap().get(elsewhere).send().await {
                    Ok(_) => unreachable!("no one listens there"),
                    Err(error) => Err(error.into()),
                },
            };
            Some((chunk, n + 1))
        }
    });
    let body = Body::wrap(StreamBody::new(Box::pin(chunks)));
    let request = ours().build().unwrap().post(provider.url("/")).header(KEY_HEADER, KEY);
    let error = request.body(body).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    row::<()>("the request's own body breaks", &provider, Err(error.into())).await;
    assert!(!provider.arrivals()[0].whole);
}
