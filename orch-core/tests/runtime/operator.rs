use std::sync::Arc;

use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::policies::{Bearing, InDoubt};
use orch_core::runtime::{Orchestrator, RedriveError, ResolveError, Runtime};
use orch_core::store::Resolution;
use orch_core::words::{Failure, Owner, Phase, Source, Status, Waited};

use crate::world::{
    Answer, Charge, Provider, accept, builder, finished, handler, handler_with, operation, runtime,
    until,
};
use orch_core::runtime::Accepted;

/// A runtime whose only operation is parked, after one call without an answer.
async fn parked(provider: &Arc<Provider>) -> (Runtime, Accepted<Charge>) {
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let runtime = runtime(&provider, handler_with(|h| h.in_doubt = InDoubt::Park)).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    (runtime, accepted)
}

async fn failed(orchestrator: &Orchestrator) -> Accepted<Charge> {
    let accepted = accept(orchestrator, 1).await;
    assert!(matches!(finished(orchestrator, &accepted).await, Waited::Failed(_)));
    accepted
}

#[tokio::test]
async fn a_person_says_that_it_happened() {
    let (runtime, accepted) = parked(&Arc::default()).await;
    let output = Resolution::ok(&501).unwrap();
    runtime
        .orchestrator()
        .resolve(accepted.op_id, output, "kim", "on the statement")
        .await
        .unwrap();
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let last = runtime.orchestrator().history(accepted.op_id).await.unwrap().pop().unwrap();
    assert_eq!(last.source, Source::Operator);
    assert_eq!(last.note.as_deref(), Some("kim: on the statement"));
}

#[tokio::test]
async fn a_person_sees_what_waits_and_why() {
    let (runtime, accepted) = parked(&Arc::default()).await;
    let orchestrator = runtime.orchestrator();
    let page = orchestrator.parked(None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    let parked = &page.items[0];
    assert_eq!((parked.op_id, parked.reason.as_str()), (accepted.op_id, "no answer"));
    let history = orchestrator.history(accepted.op_id).await.unwrap();
    assert_eq!(parked.since, Some(history[0].logged_at));
    assert_eq!((parked.late.len(), history[0].bearing), (0, Bearing::Counts));
    let operation = parked.operation.as_ref().unwrap();
    assert_eq!(operation.identity.biz_key.as_str(), "ORDER-1");
    orchestrator.resolve(parked.op_id, Resolution::ok(&501).unwrap(), "kim", "seen").await.unwrap();
    assert_eq!(orchestrator.parked(None).await.unwrap().items, []);
}

#[tokio::test]
async fn a_person_does_not_see_what_waits_for_others() {
    let (runtime, _) = parked(&Arc::default()).await;
    let other = runtime.orchestrator().owned_by(Owner::new("tenant-2").unwrap());
    assert_eq!(other.parked(None).await.unwrap().items, []);
}

#[tokio::test]
async fn a_person_says_that_it_failed() {
    let (runtime, accepted) = parked(&Arc::default()).await;
    let failure = Failure::new("NOT_CHARGED", "not on the statement");
    let resolution = Resolution::Fail(failure.clone());
    runtime.orchestrator().resolve(accepted.op_id, resolution, "kim", "looked").await.unwrap();
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Failed(failure));
}

#[tokio::test]
async fn a_person_has_it_run_again_with_the_same_key() {
    let provider = Arc::new(Provider::default());
    let (runtime, accepted) = parked(&provider).await;
    let orchestrator = runtime.orchestrator();
    orchestrator.resolve(accepted.op_id, Resolution::RunAgain, "kim", "not charged").await.unwrap();
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
    let keys = provider.keys.lock().unwrap().clone();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test]
async fn only_what_is_parked_can_be_resolved_and_somebody_signs() {
    let runtime = runtime(&Arc::default(), handler()).await;
    let orchestrator = runtime.orchestrator();
    let accepted = accept(orchestrator, 1).await;
    finished(orchestrator, &accepted).await;
    let error = orchestrator.resolve(accepted.op_id, Resolution::RunAgain, "kim", "x").await;
    assert!(matches!(error, Err(ResolveError::NotParked { status: Status::Completed, .. })));
    let error = orchestrator.resolve(accepted.op_id, Resolution::RunAgain, " ", "x").await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "who is blank; give it at least one visible character"
    );
}

#[tokio::test]
async fn a_redrive_is_a_new_operation_with_a_new_key() {
    let ending = Ending::fail("DOWN", false);
    let provider = Arc::new(Provider::default()).answers([Answer::Error("down", ending)]);
    let runtime = runtime(&provider, handler()).await;
    let orchestrator = runtime.orchestrator();
    let first = failed(orchestrator).await;
    let second = orchestrator.redrive(first.op_id).await.unwrap();
    assert_eq!(orchestrator.redrive(first.op_id).await.unwrap(), second);
    orchestrator.wait_for(second, std::time::Duration::from_secs(20)).await.unwrap();
    let second = orchestrator.get(second).await.unwrap().unwrap();
    assert_eq!((second.status, second.redrive_of), (Status::Completed, Some(first.op_id)));
    assert_eq!(operation(orchestrator, &first).await.status, Status::Failed);
    let keys = provider.keys.lock().unwrap().clone();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
}

#[tokio::test]
async fn an_uncertain_failure_is_redriven_only_when_said_twice() {
    let answer = Answer::Error("no answer", Ending::InDoubt);
    let provider = Arc::new(Provider::default()).answers([answer]);
    let runtime = runtime(&provider, handler_with(|h| h.in_doubt = InDoubt::Fail)).await;
    let orchestrator = runtime.orchestrator();
    let first = failed(orchestrator).await;
    let error = orchestrator.redrive(first.op_id).await.unwrap_err();
    assert!(matches!(error, RedriveError::Uncertain { .. }), "{error}");
    assert!(orchestrator.redrive_uncertain(first.op_id).await.is_ok());
}

#[tokio::test]
async fn an_output_is_checked_where_the_handler_is_linked() {
    let (runtime, accepted) = parked(&Arc::default()).await;
    let orchestrator = runtime.orchestrator();
    for wrong in [Resolution::ok("ch_42").unwrap(), Resolution::ok(&[501]).unwrap()] {
        let error = orchestrator.resolve(accepted.op_id, wrong, "kim", "seen").await.unwrap_err();
        assert!(matches!(error, ResolveError::Output { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("PAYMENT/CHARGE") && !text.contains("ch_42"), "{text}");
    }
    assert_eq!(orchestrator.history(accepted.op_id).await.unwrap().len(), 1);
    let right = Resolution::ok(&501).unwrap();
    orchestrator.resolve(accepted.op_id, right, "kim", "seen").await.unwrap();
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
}

#[tokio::test]
async fn a_program_without_the_handler_says_that_it_did_not_check() {
    let store = MemoryStore::new();
    let provider = Arc::new(Provider::default());
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let worker = builder(store.clone(), &provider, handler_with(|h| h.in_doubt = InDoubt::Park));
    let worker = worker.start().await.unwrap();
    let accepted = accept(worker.orchestrator(), 1).await;
    until(worker.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;

    let desk = Runtime::on(store).without_worker().start().await.unwrap();
    let (desk, op_id) = (desk.orchestrator(), accepted.op_id);
    let output = || Resolution::ok(&501).unwrap();
    let error = desk.resolve(op_id, output(), "kim", "seen").await.unwrap_err();
    assert!(matches!(error, ResolveError::Unknown { .. }), "{error:?}");
    assert!(error.to_string().contains("resolve_unchecked"), "{error}");
    let error = desk.resolve_unchecked(op_id, output(), "kim", " ").await.unwrap_err();
    assert!(matches!(error, ResolveError::Invalid(_)), "{error:?}");
    desk.resolve_unchecked(op_id, output(), "kim", "seen").await.unwrap();
    let last = desk.history(op_id).await.unwrap().pop().unwrap();
    assert_eq!(last.note.as_deref(), Some("kim: seen (output not checked)"));
    // What has no output needs no check.
    let error = desk.resolve(op_id, Resolution::RunAgain, "kim", "x").await.unwrap_err();
    assert!(matches!(error, ResolveError::NotParked { .. }), "{error:?}");
}

#[tokio::test]
async fn one_unreadable_history_does_not_hide_the_page() {
    let store = MemoryStore::new();
    let provider = Arc::new(Provider::default());
    let lost = Answer::Error("no answer", Ending::InDoubt);
    let provider = provider.answers([lost.clone(), lost]);
    let worker = builder(store.clone(), &provider, handler_with(|h| h.in_doubt = InDoubt::Park));
    let worker = worker.start().await.unwrap();
    let orchestrator = worker.orchestrator();
    let both = [accept(orchestrator, 1).await, accept(orchestrator, 2).await];
    for accepted in &both {
        until(orchestrator, accepted, |op| op.phase == Some(Phase::Parked)).await;
    }
    store.corrupt_log(both[0].op_id);
    let page = orchestrator.parked(None).await.unwrap().items;
    let told = |op_id| page.iter().find(|parked| parked.op_id == op_id).unwrap();
    let (bad, good) = (told(both[0].op_id), told(both[1].op_id));
    assert!(bad.unreadable.is_some() && bad.since.is_none(), "{bad}");
    assert!(good.unreadable.is_none() && good.since.is_some(), "{good}");
    assert!(bad.to_string().contains("history unreadable"), "{bad}");
}
