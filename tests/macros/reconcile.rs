use std::convert::Infallible;

use orch::internals::handler::States;
use orch::internals::policies::{HandlerEnd, InDoubt};
use orch::internals::words::{AttemptEnd, Failure, Outcome as End, Payload, code};
use orch::prelude::*;

use crate::world::{call, registration};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Send {
    id: u32,
}

struct Provider(Reconciled<u32>);
struct Unused;

#[orchestrated(domain = "RECONCILE", event = "SEND", reconcile = ask)]
async fn send(cmd: Send, _unused: State<Unused>) -> Result<u32, Infallible> {
    Ok(cmd.id)
}

async fn ask(cmd: Send, provider: State<Provider>) -> Result<Reconciled<u32>, &'static str> {
    if cmd.id == 0 { Err("503") } else { Ok(provider.0.clone()) }
}

async fn answer(id: u32, answer: Reconciled<u32>) -> AttemptEnd {
    answer_to_end(id, answer).await.end
}

async fn answer_to_end(id: u32, answer: Reconciled<u32>) -> HandlerEnd {
    let states = States::default().with(Provider(answer));
    let reconcile = registration::<Send>().reconcile.expect("it has one");
    reconcile(&call(&Send { id }, states)).unwrap().await
}

#[test]
fn a_reconcile_function_declares_what_follows_doubt() {
    let registration = registration::<Send>();
    assert_eq!(registration.descriptor.in_doubt, InDoubt::Reconcile);
    let names: Vec<&str> = (registration.needs)().iter().map(|need| need.name).collect();
    assert_eq!(names, ["macros::reconcile::Unused", "macros::reconcile::Provider"]);
}

#[tokio::test]
async fn what_happened_is_the_outcome() {
    let output = Payload::from("41");
    assert_eq!(answer(1, Reconciled::Happened(41)).await, AttemptEnd::Outcome(End::Ok { output }));
}

#[tokio::test]
async fn what_did_not_happen_may_run_again() {
    assert_eq!(answer(1, Reconciled::NotHappened).await, AttemptEnd::NotHappened);
}

#[tokio::test]
async fn what_is_refused_is_over_for_certain() {
    let refused = |code: &str, message: &str| Reconciled::Refused {
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let failure = |code: &str, message: &str| HandlerEnd {
        clears_doubt: true,
        ..AttemptEnd::Outcome(End::Fail(Failure::new(code, message))).into()
    };
    let end = answer_to_end(1, refused("EXPIRED", "the link has expired")).await;
    assert_eq!(end, failure("EXPIRED", "the link has expired"));
    let end = answer_to_end(1, refused(" ", "")).await;
    let silent = "the provider says that it has not happened and is over";
    assert_eq!(end, failure(code::REFUSED, silent));
}

#[tokio::test]
async fn no_answer_and_an_error_both_stay_in_doubt() {
    assert!(matches!(answer(1, Reconciled::Unanswered).await, AttemptEnd::InDoubt { .. }));
    let reason = "the provider could not be asked: 503".to_owned();
    assert_eq!(answer(0, Reconciled::NotHappened).await, AttemptEnd::InDoubt { reason });
}

#[tokio::test]
async fn the_plain_answer_needs_no_result() {
    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "{id}")]
    struct Ping {
        id: u32,
    }
    async fn never(_cmd: Ping) -> Reconciled<()> {
        Reconciled::NotHappened
    }
    #[orchestrated(domain = "RECONCILE", event = "PING", reconcile = never)]
    async fn ping(_cmd: Ping) -> Result<(), Infallible> {
        Ok(())
    }
    assert_eq!(ping(Ping { id: 1 }).await, Ok(()));
    let reconcile = registration::<Ping>().reconcile.unwrap();
    let end = reconcile(&call(&Ping { id: 1 }, States::default())).unwrap().await.end;
    assert_eq!(end, AttemptEnd::NotHappened);
}
