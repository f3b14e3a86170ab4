//! A redirect is an answer: it is not followed.

use orch::Ending;
use orch::http::{REQUEST_NOT_BUILT, ending_of_reqwest};
use orch_testkit::{SocketAnswer, SocketProvider};

use crate::rows::name;
use crate::world::{KEY, case, charge, request, theirs};

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

fn redirect(status: u16, to: &str) -> SocketAnswer {
    SocketAnswer::new(status).header("location", to)
}

#[tokio::test]
async fn a_redirect_to_another_host() {
    let elsewhere = SocketProvider::start([]).await;
    for status in [301, 302, 303] {
        let answer = redirect(status, &elsewhere.url("/login")).acting();
        case("301, 302, 303 to another host", answer).await;
    }
    for status in [307, 308] {
        case("307, 308 to another host", redirect(status, &elsewhere.url("/login"))).await;
    }
    assert_eq!(elsewhere.arrivals().len(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_host_that_is_down() {
    let down = SocketProvider::refused_url().await;
    case("303 to a host that is down", redirect(303, &down).acting()).await;
}

/// What the client of orch prevents.
#[tokio::test]
async fn a_client_that_follows_redirects_hides_what_the_provider_did() {
    let elsewhere = SocketProvider::start([]).await;
    for status in REDIRECTS {
        let answer = redirect(status, &elsewhere.url("/login"));
        let provider = SocketProvider::start([answer.into()]).await;
        charge(theirs(), &provider.url("/")).await.unwrap();
    }
    assert_eq!(elsewhere.arrivals().len(), REDIRECTS.len());
    assert_eq!(elsewhere.arrivals_of(KEY), REDIRECTS.len(), "the key went along");

    let down = SocketProvider::refused_url().await;
    let provider = SocketProvider::start([redirect(303, &down).acting().into()]).await;
    let result = charge(theirs(), &provider.url("/")).await;
    assert_eq!((name(&result), provider.acts()), ("retry", 1), "a false 'not sent'");
}

#[tokio::test]
async fn a_redirect_out_of_http() {
    case("303 out of HTTP", redirect(303, "ftp://127.0.0.1/")).await;
}

#[tokio::test]
async fn an_error_of_a_client_that_follows_redirects_is_not_taken_for_a_call_that_was_not_sent() {
    // To itself, as long as the client follows.
    let provider = SocketProvider::start(vec![redirect(302, "/").into(); 12]).await;
    let client = theirs().build().unwrap();
    let error = request(&client, &provider.url("/")).send().await.unwrap_err();
    assert!(error.is_redirect(), "{error:?}");
    assert_eq!(ending_of_reqwest(&error), Ending::InDoubt);

    let provider = SocketProvider::start([redirect(303, "ftp://127.0.0.1/").into()]).await;
    let error = request(&client, &provider.url("/")).send().await.unwrap_err();
    assert_eq!(ending_of_reqwest(&error), Ending::fail(REQUEST_NOT_BUILT, true));
}
