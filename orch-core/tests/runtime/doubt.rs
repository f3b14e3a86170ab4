use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::InDoubt;
use orch_core::seams::{Ending, Reconciled};
use orch_core::words::{Phase, Settled, Source, code};

use crate::world::{
    Answer, Provider, accept, handler, handler_with, operation, reconciling, runtime, settled,
    until,
};

fn no_answer() -> Answer {
    Answer::Error("sent, but no answer", Ending::InDoubt)
}

#[tokio::test]
async fn a_hang_ends_in_doubt_at_the_attempt_timeout_and_runs_again() {
    let provider = Arc::new(Provider::default()).answers([Answer::Hang]);
    let quick = handler_with(|handler| handler.attempt_timeout = Duration::from_millis(20));
    let runtime = runtime(&provider, quick).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(settled(runtime.orchestrator(), &accepted).await, Settled::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, operation.lost_attempts), (2, 1));
}

#[tokio::test]
async fn what_happened_completes_without_another_call() {
    let provider = Arc::new(Provider::default())
        .answers([no_answer()])
        .says([Reconciled::Unanswered, Reconciled::Happened(77)]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(settled(runtime.orchestrator(), &accepted).await, Settled::Ok(77));
    assert_eq!(provider.calls(), 1);
    assert_eq!(*provider.questions.lock().unwrap(), 2);
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    let sources: Vec<Source> = history.iter().map(|entry| entry.source).collect();
    assert_eq!(sources, [Source::Handler, Source::Reconcile, Source::Reconcile]);
}

#[tokio::test]
async fn what_did_not_happen_is_safe_to_run_again() {
    let provider =
        Arc::new(Provider::default()).answers([no_answer()]).says([Reconciled::NotHappened]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(settled(runtime.orchestrator(), &accepted).await, Settled::Ok(501));
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn a_provider_that_cannot_say_is_asked_until_a_person_is_needed() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    assert_eq!(provider.calls(), 1, "it never falls through to a run");
    assert_eq!(*provider.questions.lock().unwrap(), 10);
}

#[tokio::test]
async fn declared_fail_is_uncertain() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let runtime = runtime(&provider, handler_with(|h| h.in_doubt = InDoubt::Fail)).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let Settled::Failed(failure) = settled(runtime.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert!(failure.uncertain && failure.called);
    assert_eq!(failure.code, code::IN_DOUBT);
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn doubt_in_every_attempt_stops_at_the_limit() {
    let provider = Arc::new(Provider::default()).answers(vec![no_answer(); 5]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let Settled::Failed(failure) = settled(runtime.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert!(failure.uncertain && failure.code == code::ATTEMPTS_EXHAUSTED);
    assert_eq!(provider.calls(), 3);
}
