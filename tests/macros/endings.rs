use std::num::IntErrorKind;
use std::time::Duration;

use orch::Submitted;
use orch::http::HttpOutcome;
use orch::internals::handler::{HandlerError, States};
use orch::internals::policies::Ending;
use orch::internals::words::{AttemptEnd, Outcome as End, Payload};
use orch::prelude::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::world;

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "{card}")]
struct Charge {
    card: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    card: String,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", clears_doubt)]
    #[error("card declined: {0}")]
    Declined(String),
    #[outcome(fail, code = "NO_ACCOUNT")]
    #[error("no such account")]
    Locked,
    #[outcome(fail, code = "GATEWAY_CONFUSED", uncertain)]
    #[error("the gateway contradicts itself")]
    Confused,
    #[outcome(retry)]
    #[error("could not reach the gateway")]
    Unreachable(#[source] std::num::ParseIntError),
    #[outcome(retry, after = wait)]
    #[error("gateway says wait {wait:?}")]
    RateLimited { wait: Duration, _bucket: u8 },
    #[outcome(retry, after = 1)]
    #[error("gateway is busy")]
    Busy(u8, Option<Duration>),
    #[outcome(in_doubt)]
    #[error("sent, but no answer")]
    NoAnswer,
    #[outcome(still_running)]
    #[error("the gateway is at work")]
    AtWork,
    #[outcome(still_running, after = wait)]
    #[error("the gateway is at work for {wait:?}")]
    InProgress { wait: Duration },
    #[outcome(already_done)]
    #[error("the order is paid")]
    Paid,
    #[outcome(submitted)]
    #[error("the bank has taken it")]
    Accepted,
    #[outcome(submitted, reference = 0, account = 1, after = 2)]
    #[error("the bank has taken it as {0}")]
    AcceptedAs(u64, &'static str, Duration),
    #[outcome(from = ending_of_parsing)]
    #[error("the gateway says {text}")]
    Illegible {
        text: &'static str,
        #[source]
        error: std::num::ParseIntError,
    },
    #[outcome(from = HttpOutcome::ending)]
    #[error(transparent)]
    Answer(#[from] HttpOutcome),
}

fn ending_of_parsing(error: &std::num::ParseIntError) -> Ending {
    match error.kind() {
        IntErrorKind::Empty => Ending::Retry { after: Some(Duration::from_secs(3)) },
        IntErrorKind::InvalidDigit => Ending::fail("ILLEGIBLE", true),
        _ => Ending::InDoubt,
    }
}

fn illegible(text: &'static str) -> ChargeError {
    ChargeError::Illegible { text, error: text.parse::<u8>().unwrap_err() }
}

fn answer(status: u16) -> ChargeError {
    let status = StatusCode::from_u16(status).unwrap();
    HttpOutcome::from_status(status, &HeaderMap::new()).unwrap().into()
}

#[orchestrated(domain = "ENDINGS", event = "CHARGE")]
async fn charge(Charge { card }: Charge) -> Result<Receipt, ChargeError> {
    Err(match card.as_str() {
        "declined" => ChargeError::Declined("no money".into()),
        "locked" => ChargeError::Locked,
        "confused" => ChargeError::Confused,
        "unreachable" => ChargeError::Unreachable("x".parse::<u8>().unwrap_err()),
        "limited" => ChargeError::RateLimited { wait: Duration::from_secs(7), _bucket: 1 },
        "busy" => ChargeError::Busy(1, Some(Duration::from_secs(9))),
        "idle" => ChargeError::Busy(1, None),
        "silent" => ChargeError::NoAnswer,
        "at_work" => ChargeError::AtWork,
        "in_progress" => ChargeError::InProgress { wait: Duration::from_secs(4) },
        "paid" => ChargeError::Paid,
        "accepted" => ChargeError::Accepted,
        "accepted_as" => ChargeError::AcceptedAs(42, "acct_1", Duration::from_secs(60)),
        "empty" => illegible(""),
        "letters" => illegible("x"),
        "large" => illegible("1000"),
        "not_there" => answer(404),
        "broken" => answer(500),
        _ => return Ok(Receipt { card }),
    })
}

async fn run(card: &str) -> AttemptEnd {
    world::run(&Charge { card: card.into() }, States::default()).await
}

async fn clears_doubt(card: &str) -> bool {
    world::run_to_end(&Charge { card: card.into() }, States::default()).await.clears_doubt
}

fn retry(reason: &str, after: Option<Duration>) -> AttemptEnd {
    AttemptEnd::Outcome(End::Retry { reason: reason.into(), after })
}

#[tokio::test]
async fn ok_carries_the_encoded_result() {
    let output = Payload::from(r#"{"card":"good"}"#);
    assert_eq!(run("good").await, AttemptEnd::Outcome(End::Ok { output }));
}

#[tokio::test]
async fn fail_carries_code_message_and_certainty() {
    let AttemptEnd::Outcome(End::Fail(failure)) = run("declined").await else { panic!() };
    assert_eq!(failure.code, "CARD_DECLINED");
    assert_eq!(failure.message, "card declined: no money");
    assert!(!failure.uncertain && failure.called);
    let AttemptEnd::Outcome(End::Fail(failure)) = run("confused").await else { panic!() };
    assert!(failure.uncertain);
}

#[tokio::test]
async fn only_a_failure_that_is_marked_clears_doubt() {
    assert!(clears_doubt("declined").await);
    for other in ["locked", "confused", "letters", "not_there", "busy", "silent", "good"] {
        assert!(!clears_doubt(other).await, "{other}");
    }
}

#[tokio::test]
async fn retry_carries_the_reason_with_its_causes() {
    let reason = "could not reach the gateway: invalid digit found in string";
    assert_eq!(run("unreachable").await, retry(reason, None));
}

#[tokio::test]
async fn after_is_read_from_a_named_field() {
    let wait = Duration::from_secs(7);
    assert_eq!(run("limited").await, retry("gateway says wait 7s", Some(wait)));
}

#[tokio::test]
async fn after_is_read_from_a_tuple_and_may_be_missing() {
    assert_eq!(run("busy").await, retry("gateway is busy", Some(Duration::from_secs(9))));
    assert_eq!(run("idle").await, retry("gateway is busy", None));
}

#[tokio::test]
async fn in_doubt_is_the_absence_of_an_outcome() {
    let reason = "sent, but no answer".to_owned();
    assert_eq!(run("silent").await, AttemptEnd::InDoubt { reason });
}

#[tokio::test]
async fn still_running_may_say_for_how_long() {
    let reason = "the gateway is at work".to_owned();
    assert_eq!(run("at_work").await, AttemptEnd::StillRunning { reason, after: None });
    let (reason, wait) = ("the gateway is at work for 4s".to_owned(), Duration::from_secs(4));
    assert_eq!(run("in_progress").await, AttemptEnd::StillRunning { reason, after: Some(wait) });
}

#[tokio::test]
async fn already_done_keeps_what_the_provider_says() {
    let reason = "the order is paid".to_owned();
    assert_eq!(run("paid").await, AttemptEnd::AlreadyDone { reason });
}

#[tokio::test]
async fn submitted_may_say_as_what() {
    let run = |card: &str| {
        let charge = Charge { card: card.into() };
        async move { world::run_to_end(&charge, States::default()).await }
    };
    let end = run("accepted").await;
    let reason = "the bank has taken it".to_owned();
    assert_eq!(end.end, AttemptEnd::Submitted { reason, after: None });
    assert_eq!(end.submitted, Some(Submitted::without_reference()));
    let (end, wait) = (run("accepted_as").await, Duration::from_secs(60));
    let reason = "the bank has taken it as 42".to_owned();
    assert_eq!(end.end, AttemptEnd::Submitted { reason, after: Some(wait) });
    assert_eq!(end.submitted, Some(Submitted::with(42).account("acct_1").after(wait)));
}

#[tokio::test]
async fn a_function_says_how_the_error_underneath_ends_it() {
    let after = Some(Duration::from_secs(3));
    let reason = "the gateway says : cannot parse integer from empty string";
    assert_eq!(run("empty").await, retry(reason, after));
    let AttemptEnd::Outcome(End::Fail(failure)) = run("letters").await else { panic!() };
    assert_eq!(failure.code, "ILLEGIBLE");
    assert_eq!(failure.message, "the gateway says x");
    assert_eq!(failure.cause.as_deref(), Some("invalid digit found in string"));
    assert!(failure.uncertain);
    assert!(matches!(run("large").await, AttemptEnd::InDoubt { .. }));
}

#[tokio::test]
async fn an_http_answer_ends_it_by_its_status() {
    let AttemptEnd::Outcome(End::Fail(failure)) = run("not_there").await else { panic!() };
    assert_eq!(failure.code, "HTTP_404");
    assert_eq!(failure.message, "the provider answered 404 Not Found");
    let reason = "the provider answered 500 Internal Server Error".to_owned();
    assert_eq!(run("broken").await, AttemptEnd::InDoubt { reason });
}

#[test]
fn an_error_with_an_ending_of_its_own_is_passed_on() {
    #[derive(Debug, thiserror::Error, Outcome)]
    #[outcome(from = HandlerError::ending)]
    #[error("could not charge")]
    struct Outer(#[from] ChargeError);
    let ending = Outer(ChargeError::Busy(1, None)).ending();
    assert_eq!(ending, Ending::Retry { after: None });
}

#[tokio::test]
async fn an_http_outcome_may_be_the_error_of_a_handler() {
    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "{status}")]
    struct Ask {
        status: u16,
    }

    #[orchestrated(domain = "ENDINGS", event = "ASK")]
    async fn ask(cmd: Ask) -> Result<u16, HttpOutcome> {
        HttpOutcome::check(StatusCode::from_u16(cmd.status).unwrap(), &HeaderMap::new())?;
        Ok(cmd.status)
    }

    let end = world::run(&Ask { status: 429 }, States::default()).await;
    assert_eq!(end, retry("the provider answered 429 Too Many Requests", None));
}

#[test]
fn a_struct_has_one_ending() {
    #[derive(Debug, thiserror::Error, Outcome)]
    #[outcome(retry, after = 0)]
    #[error("later")]
    struct Later(Duration);
    let after = Some(Duration::from_secs(1));
    assert_eq!(Later(Duration::from_secs(1)).ending(), Ending::Retry { after });
}

#[test]
fn an_error_that_cannot_happen_needs_no_variant() {
    #[derive(Debug, thiserror::Error, Outcome)]
    enum Never {}
    fn ends<E: HandlerError>() {}
    ends::<Never>();
}

#[test]
fn the_macro_knows_the_codes_that_are_orchs_own() {
    use orch::internals::words::code;
    // The macro cannot depend on core; it holds the same list.
    let known = include_str!("../../orch-macros/src/values/code.rs");
    for code in [
        code::TIME_BUDGET_EXCEEDED,
        code::ATTEMPTS_EXHAUSTED,
        code::IN_DOUBT,
        code::OUTPUT_NOT_ENCODABLE,
    ] {
        assert!(known.contains(&format!("{code:?}")), "{code}");
    }
}
