//! Answers that contradict an outcome, noticed while the runtime runs.

use std::sync::Arc;
use std::time::Duration;

use metrics_util::debugging::DebuggingRecorder;
use orch_core::handler::Registration;
use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::policies::{Bearing, InDoubt};
use orch_core::runtime::{Accepted, Runtime};
use orch_core::store::{ManualClock, Resolution};
use orch_core::words::{Status, Waited};

use crate::metrics::counted;
use crate::world::{
    Answer, Charge, Provider, accept, config, finished, handler, handler_with, until,
};

/// Longer than any test: the lease is lost when the store's clock says so, and only then.
const LEASE: Duration = Duration::from_secs(600);

/// A worker whose first call waits at the provider, and whose lease has run out meanwhile.
async fn lost(
    answers: impl IntoIterator<Item = Answer>,
    handler: Registration,
) -> (Runtime, Arc<Provider>, Arc<ManualClock>, Accepted<Charge>) {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    provider.answers(answers);
    let store = MemoryStore::with_clock(clock.clone());
    let config = config().lease(LEASE);
    let builder = Runtime::on(store).config(config).state(Arc::clone(&provider));
    let runtime = builder.register(handler).start().await.unwrap();
    let charge = Charge { order: 1, amount: 501 };
    let budget = Duration::from_secs(3600);
    let accept = runtime.orchestrator().accept(charge).idem_key("key-1").unwrap();
    let accepted = accept.time_budget(budget).await.unwrap();
    provider.called.notified().await;
    clock.advance(LEASE);
    until(runtime.orchestrator(), &accepted, |op| op.lost_attempts == 1).await;
    (runtime, provider, clock, accepted)
}

fn declined() -> Ending {
    Ending::fail("CARD_DECLINED", false)
}

async fn bearings(runtime: &Runtime, accepted: &Accepted<Charge>) -> Vec<Bearing> {
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    history.iter().map(|entry| entry.bearing).collect()
}

/// Waits until so many entries are in the history.
async fn until_logged(runtime: &Runtime, accepted: &Accepted<Charge>, entries: usize) {
    let look = async {
        while bearings(runtime, accepted).await.len() < entries {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("not logged in 20 s");
}

#[tokio::test]
async fn a_success_after_a_failed_end_is_told() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let failing = handler_with(|handler| handler.in_doubt = InDoubt::Fail);
    let (runtime, provider, _, accepted) = lost([Answer::Gate], failing).await;
    provider.gate.notify_one();
    until_logged(&runtime, &accepted, 3).await;
    let all = [Bearing::Counts, Bearing::Counts, Bearing::Diverges];
    assert_eq!(bearings(&runtime, &accepted).await, all);
    let orchestrator = runtime.orchestrator().clone();
    let divergent = orchestrator.divergent(None).await.unwrap();
    assert_eq!((divergent.items.len(), divergent.next), (1, None));
    assert_eq!(divergent.items[0].op_id, accepted.op_id);
    assert_eq!(divergent.items[0].answers.len(), 1);
    let letter = orchestrator.dead_letter(accepted.op_id).await.unwrap().unwrap();
    assert_eq!((letter.divergences, letter.late_outcomes), (1, 1));
    let _ = runtime.shutdown().await;
    let counted = counted(&recorder);
    for name in ["orch_divergences_total", "orch_late_outcomes_total", "orch_leases_lost_total"] {
        assert_eq!(counted.get(name), Some(&1), "{name}: {counted:?}");
    }
}

#[tokio::test]
async fn a_success_before_a_failed_end_is_told_at_the_end() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let answers = [Answer::Gate, Answer::GateError("declined", declined())];
    let (runtime, provider, clock, accepted) = lost(answers, handler()).await;
    clock.advance(Duration::from_secs(1));
    provider.called.notified().await;
    provider.gate.notify_one();
    until_logged(&runtime, &accepted, 2).await;
    assert_eq!(bearings(&runtime, &accepted).await, [Bearing::Counts, Bearing::Kept]);
    assert_eq!(runtime.orchestrator().divergent(None).await.unwrap().items, []);
    provider.gate.notify_one();
    assert!(matches!(finished(runtime.orchestrator(), &accepted).await, Waited::Failed(_)));
    let all = [Bearing::Counts, Bearing::Diverges, Bearing::Counts];
    assert_eq!(bearings(&runtime, &accepted).await, all);
    let _ = runtime.shutdown().await;
    assert_eq!(counted(&recorder).get("orch_divergences_total"), Some(&1));
}

#[tokio::test]
async fn an_equal_answer_is_not_told() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (runtime, provider, clock, accepted) = lost([Answer::Gate], handler()).await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    provider.gate.notify_one();
    until_logged(&runtime, &accepted, 3).await;
    let all = [Bearing::Counts, Bearing::Counts, Bearing::Corroborates];
    assert_eq!(bearings(&runtime, &accepted).await, all);
    assert_eq!(runtime.orchestrator().divergent(None).await.unwrap().items, []);
    let _ = runtime.shutdown().await;
    let counted = counted(&recorder);
    assert_eq!(counted.get("orch_divergences_total"), Some(&0), "{counted:?}");
    assert_eq!(counted.get("orch_late_outcomes_total"), Some(&1), "{counted:?}");
}

#[tokio::test]
async fn a_completed_operation_is_found_by_the_answer_that_contradicts_it() {
    let answers = [Answer::GateError("declined", declined())];
    let (runtime, provider, clock, accepted) = lost(answers, handler()).await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    provider.gate.notify_one();
    until_logged(&runtime, &accepted, 3).await;
    let divergent = runtime.orchestrator().divergent(None).await.unwrap().items.remove(0);
    assert_eq!(divergent.operation.unwrap().status, Status::Completed);
    assert!(divergent.answers[0].late);
    let other = accept(runtime.orchestrator(), 2).await;
    finished(runtime.orchestrator(), &other).await;
    assert_eq!(runtime.orchestrator().divergent(None).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_late_success_is_shown_to_the_person_and_completes_nothing() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let parking = handler_with(|handler| handler.in_doubt = InDoubt::Park);
    let (runtime, provider, _, accepted) = lost([Answer::Gate], parking).await;
    provider.gate.notify_one();
    until_logged(&runtime, &accepted, 2).await;
    let orchestrator = runtime.orchestrator().clone();
    let parked = orchestrator.parked(None).await.unwrap().items.remove(0);
    assert_eq!((parked.op_id, parked.late.len()), (accepted.op_id, 1));
    let refused = Resolution::fail("NOT_CHARGED", "overlooked the late answer");
    orchestrator.resolve(parked.op_id, refused, "kim", "not on the statement").await.unwrap();
    let all = [Bearing::Counts, Bearing::Diverges, Bearing::Counts];
    assert_eq!(bearings(&runtime, &accepted).await, all);
    let _ = runtime.shutdown().await;
    assert_eq!(counted(&recorder).get("orch_divergences_total"), Some(&1));
}
