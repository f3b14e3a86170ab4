//! An answer that breaks, or is not what it should be, after the provider has acted.

use orch::http::{ANSWER_LIMIT, AnswerError, answer, answer_with};
use orch::internals::policies::Effect;
use orch::{Ending, HandlerError};
use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};

use crate::rows::row;
use crate::world::{acted, case, case_with, ours, request};

const RECEIPT: &str = r#"{"receipt":1}"#;

#[tokio::test]
async fn a_body_that_is_cut() {
    case("the body is shorter than its length", acted(200).body(RECEIPT).cut(12)).await;
    case("the body ends in the middle of a chunk", acted(200).body(RECEIPT).chunked().cut(6)).await;
    let whole = acted(200).body(RECEIPT).without_length();
    case("the body has no length, and is whole", whole.clone()).await;
    case("the body has no length, and is cut", whole.cut(12)).await;
    case("the body is empty", acted(201)).await;
    let h2 = || ours().http2_prior_knowledge();
    case_with(h2(), "HTTP/2: the stream breaks in the body", acted(200).body(RECEIPT).cut(6)).await;
}

#[tokio::test]
async fn a_number_without_a_length_may_be_the_half_of_one() {
    let provider = SocketProvider::start([
        acted(200).body("12345").without_length().cut(3).into(),
        acted(200).body("12345").without_length().header("transfer-encoding", "identity").into(),
        acted(200).body("12345").into(),
        acted(200).body("12345").chunked().into(),
    ])
    .await;
    let result = read::<u64>(&provider).await;
    row("the body has no length, and is a number", &provider, result).await;
    assert_eq!(read::<u64>(&provider).await.unwrap_err().ending(), Ending::InDoubt);
    assert_eq!(read::<u64>(&provider).await.unwrap(), 12345);
    assert_eq!(read::<u64>(&provider).await.unwrap(), 12345);
}

#[tokio::test]
async fn a_body_of_another_kind() {
    let login = "<html>your session has ended</html>";
    let login = SocketAnswer::new(200).header("content-type", "text/html").body(login);
    case("a 200 is a login page", login).await;
    let plain = SocketAnswer::new(200).header("content-type", "text/plain").acting().body(RECEIPT);
    case("a 200 is of another content type than JSON", plain).await;
    case("a 200 has no content type", SocketAnswer::new(200).acting().body(RECEIPT)).await;
    case("a 200 is another JSON", acted(200).body(r#"{"error":"later"}"#)).await;
    case("a 200 goes on after its JSON", acted(200).body(format!("{RECEIPT}{RECEIPT}"))).await;
    case("206, a part of an answer", acted(206).body(RECEIPT)).await;
    let long = format!(r#"{{"receipt":1,"pad":"{}"}}"#, "x".repeat(ANSWER_LIMIT));
    case("a 200 is longer than 1 MiB", acted(200).body(long)).await;
}

#[tokio::test]
async fn an_answer_without_a_body_is_null() {
    let no_content = || SocketStep::from(acted(204));
    let provider = SocketProvider::start([no_content(), no_content(), no_content()]).await;
    read::<()>(&provider).await.unwrap();
    assert_eq!(read::<Option<u64>>(&provider).await.unwrap(), None);
    assert_eq!(read::<u64>(&provider).await.unwrap_err().ending(), Ending::InDoubt);
}

#[tokio::test]
async fn json_has_several_content_types() {
    let types = ["application/json; charset=utf-8", "Application/Problem+JSON", "text/json"];
    let answer = |kind: &str| SocketAnswer::new(200).header("content-type", kind).body("7").into();
    let provider = SocketProvider::start(types.map(answer)).await;
    for kind in types {
        assert_eq!(read::<u64>(&provider).await.unwrap(), 7, "{kind}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_read_by_a_function() {
    let xml = |body: &str| SocketAnswer::new(200).without_length().body(body).into();
    let provider = SocketProvider::start([xml("<id>7</id>"), xml("<id>7</i")]).await;
    let parse = |body: &[u8]| {
        let text = std::str::from_utf8(body).ok()?;
        text.strip_prefix("<id>")?.strip_suffix("</id>")?.parse::<u64>().ok()
    };
    for expected in [Ok(7), Err(Ending::InDoubt)] {
        let response = request(&ours().build().unwrap(), &provider.url("/")).send().await.unwrap();
        let read = answer_with(response, parse).await;
        assert_eq!(read.map_err(|error| error.ending()), expected);
    }
}

#[tokio::test]
async fn no_text_of_an_error_holds_a_part_of_the_body() {
    for (status, body) in [
        (200, r#"{"receipt":"hunter2"}"#),
        (200, r#"{"hunter2":1}"#),
        (200, "hunter2"),
        (402, r#"{"card":"hunter2"}"#),
    ] {
        let provider = SocketProvider::start([acted(status).body(body).into()]).await;
        let error = read::<crate::world::Receipt>(&provider).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
        if status == 402 {
            assert_eq!(error.body(), Some(body.as_bytes()));
        }
    }
}

/// The body of a refusal may say that the call was done already.
#[tokio::test]
async fn a_refusal_whose_body_breaks_off_is_in_doubt() {
    let refusal = || SocketAnswer::new(400).body(r#"{"code":"refused"}"#);
    case("a refusal whose body breaks off", refusal().cut(5)).await;
    let busy = SocketAnswer::new(429).header("retry-after", "7").body("wait a while").cut(5);
    let provider = SocketProvider::start([busy.into()]).await;
    let error = read::<()>(&provider).await.unwrap_err();
    assert_eq!(error.ending(), Ending::Retry { after: Some(std::time::Duration::from_secs(7)) });
}

#[tokio::test]
async fn a_read_is_made_again() {
    let provider = SocketProvider::start([acted(200).body("4").cut(0).into()]).await;
    let error = read::<u64>(&provider).await.unwrap_err().for_effect(Effect::Read);
    assert_eq!(HandlerError::ending(&error), Ending::Retry { after: None });
}

async fn read<T: serde::de::DeserializeOwned>(provider: &SocketProvider) -> Result<T, AnswerError> {
    answer(request(&ours().build().unwrap(), &provider.url("/")).send().await?).await
}
