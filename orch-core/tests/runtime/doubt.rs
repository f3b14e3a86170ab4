use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::{Reconciled, Registration};
use orch_core::memory::MemoryConnection;
use orch_core::policies::Ending;
use orch_core::policies::{Effect, InDoubt};
use orch_core::runtime::Runtime;
use orch_core::store::{ConnectionType, HookError, HookFn, Resolution};
use orch_core::words::{Failure, FinalOutcome, Phase, Source, Waited, code};

use crate::world::{
    Answer, Provider, accept, finished, handler, handler_with, operation, reconciling, runtime,
    until,
};

fn no_answer() -> Answer {
    Answer::Error("sent, but no answer", Ending::InDoubt)
}

/// The API key was revoked: the provider never looks at the provider key.
fn refused() -> Answer {
    Answer::Error("no such API key", Ending::fail("HTTP_401", false))
}

/// The provider looks at the provider key before it looks at the card.
fn declined() -> Answer {
    Answer::Error("declined", Ending::fail_clearing_doubt("CARD_DECLINED"))
}

/// How the one operation of this handler fails, when its calls are answered so.
async fn failure(handler: Registration, answers: [Answer; 2]) -> Failure {
    let provider = Arc::new(Provider::default()).answers(answers);
    let runtime = runtime(&provider, handler).await;
    let failure = failed(&runtime).await;
    assert_eq!(provider.calls(), 2);
    failure
}

async fn failed(runtime: &Runtime) -> Failure {
    let accepted = accept(runtime.orchestrator(), 1).await;
    let finished = finished(runtime.orchestrator(), &accepted).await;
    let Waited::Failed(failure) = finished else { panic!("{finished:?}") };
    let letter = runtime.orchestrator().dead_letter(accepted.op_id).await.unwrap().unwrap();
    assert_eq!(letter.failure, failure);
    failure
}

#[tokio::test]
async fn a_hang_ends_in_doubt_at_the_attempt_timeout_and_runs_again() {
    let provider = Arc::new(Provider::default()).answers([Answer::Hang]);
    let quick = handler_with(|handler| handler.attempt_timeout = Duration::from_millis(20));
    let runtime = runtime(&provider, quick).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
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
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(77));
    assert_eq!(provider.calls(), 1);
    assert_eq!(*provider.reconciles.lock().unwrap(), 2);
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
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn a_provider_that_cannot_say_is_asked_until_a_person_is_needed() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let runtime = runtime(&provider, reconciling()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    assert_eq!(provider.calls(), 1, "it never falls through to a run");
    assert_eq!(*provider.reconciles.lock().unwrap(), 10);
}

#[tokio::test]
async fn declared_fail_is_uncertain() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let runtime = runtime(&provider, handler_with(|h| h.in_doubt = InDoubt::Fail)).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let Waited::Failed(failure) = finished(runtime.orchestrator(), &accepted).await else {
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
    let Waited::Failed(failure) = finished(runtime.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert!(failure.uncertain && failure.code == code::ATTEMPTS_EXHAUSTED);
    assert_eq!(provider.calls(), 3);
}

#[tokio::test]
async fn a_refusal_does_not_clear_the_doubt_about_an_earlier_call() {
    let failure = failure(handler(), [no_answer(), refused()]).await;
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("HTTP_401", "no such API key"));
    assert!(failure.uncertain && failure.called);
}

#[tokio::test]
async fn an_attempt_that_was_lost_leaves_the_same_doubt() {
    for lost in [Answer::Panic, Answer::Hang] {
        let quick = handler_with(|handler| handler.attempt_timeout = Duration::from_millis(20));
        assert!(failure(quick, [lost, refused()]).await.uncertain);
    }
}

#[tokio::test]
async fn an_answer_to_the_key_clears_doubt() {
    let failure = failure(handler(), [no_answer(), declined()]).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("CARD_DECLINED", false));
}

#[tokio::test]
async fn a_refusal_after_a_definite_error_is_certain() {
    let busy = Answer::Error("busy", Ending::Retry { after: None });
    assert!(!failure(handler(), [busy, refused()]).await.uncertain);
}

#[tokio::test]
async fn doubt_outlives_a_retry() {
    let busy = Answer::Error("busy", Ending::Retry { after: None });
    let provider = Arc::new(Provider::default()).answers([no_answer(), busy, refused()]);
    let runtime = runtime(&provider, handler()).await;
    assert!(failed(&runtime).await.uncertain);
}

#[tokio::test]
async fn about_a_read_there_is_no_doubt_that_matters() {
    for (effect, uncertain) in [(Effect::Read, false), (Effect::Idempotent, true)] {
        let handler = handler_with(|handler| handler.effect = effect);
        assert_eq!(failure(handler, [no_answer(), refused()]).await.uncertain, uncertain);
    }
}

#[tokio::test]
async fn a_refusal_after_not_happened_is_certain() {
    let provider = Arc::new(Provider::default())
        .answers([no_answer(), refused()])
        .says([Reconciled::NotHappened]);
    let runtime = runtime(&provider, reconciling()).await;
    assert!(!failed(&runtime).await.uncertain);
}

#[tokio::test]
async fn a_refusal_after_a_persons_word_is_certain() {
    let provider = Arc::new(Provider::default()).answers([no_answer(), refused()]);
    let runtime = runtime(&provider, handler_with(|h| h.in_doubt = InDoubt::Park)).await;
    let orchestrator = runtime.orchestrator();
    let accepted = accept(orchestrator, 1).await;
    until(orchestrator, &accepted, |op| op.phase == Some(Phase::Parked)).await;
    orchestrator.resolve(accepted.op_id, Resolution::RunAgain, "kim", "not there").await.unwrap();
    let finished = finished(orchestrator, &accepted).await;
    assert!(matches!(finished, Waited::Failed(Failure { uncertain: false, .. })), "{finished:?}");
}

#[tokio::test]
async fn the_hook_and_the_log_say_that_it_is_uncertain() {
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, outcome, _| {
            // A hook that fails is tried again: an operation that finishes has shown this one.
            let uncertain = matches!(outcome, FinalOutcome::Failed(f) if f.uncertain);
            let seen = uncertain.then_some(()).ok_or_else(|| HookError::new("not uncertain"));
            Box::pin(async { seen })
        },
    };
    let with_hook = Registration { finalize: Some(hook), ..handler() };
    assert!(failure(with_hook, [no_answer(), refused()]).await.uncertain);
}
