use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::runtime::{Orchestrator, Runtime};
use orch_core::store::{ManualClock, Store};
use orch_core::words::{AttemptEnd, Command, OpId, Operation, Phase, Status, Waited, code};

use crate::world::{
    Answer, Charge, Provider, accept, builder, config, finished, handler, handler_with, operation,
    runtime, until,
};

fn retry() -> Answer {
    Answer::Error("busy", Ending::Retry { after: None })
}

#[tokio::test]
async fn a_charge_completes_with_the_handlers_own_type() {
    let runtime = runtime(&Provider::default().into(), handler()).await;
    let accepted = accept(runtime.orchestrator(), 7).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(507));
}

#[tokio::test]
async fn retries_see_one_provider_key_and_are_counted() {
    let provider = Arc::new(Provider::default()).answers([retry(), retry()]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, operation.retries, operation.lost_attempts), (3, 2, 0));
    let keys = provider.keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1);
}

#[tokio::test]
async fn the_last_retry_fails_and_leaves_a_dead_letter() {
    let provider = Arc::new(Provider::default()).answers([retry(), retry(), retry()]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let Waited::Failed(failure) = finished(runtime.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
    assert_eq!(failure.cause.as_deref(), Some("busy"));
    let letter = runtime.orchestrator().dead_letter(accepted.op_id).await.unwrap().unwrap();
    assert_eq!(letter.failure, failure);
    assert_eq!(provider.calls(), 3);
}

#[tokio::test]
async fn a_failure_keeps_its_code_and_is_not_repeated() {
    let ending = Ending::fail("CARD_DECLINED", false);
    let provider = Arc::new(Provider::default()).answers([Answer::Error("declined", ending)]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    let Waited::Failed(failure) = finished(runtime.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("CARD_DECLINED", "declined"));
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_panic_is_recorded_with_its_place_and_the_worker_goes_on() {
    let provider = Arc::new(Provider::default()).answers([Answer::Panic]);
    let runtime = runtime(&provider, handler()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    let AttemptEnd::InDoubt { reason } = &history[0].end else { panic!("{:?}", history[0]) };
    assert!(reason.contains("world.rs:") && reason.ends_with("the handler broke"), "{reason}");
    let next = accept(runtime.orchestrator(), 2).await;
    assert_eq!(finished(runtime.orchestrator(), &next).await, Waited::Ok(502));
}

#[tokio::test]
async fn panics_in_every_slot_free_every_slot() {
    let provider = Arc::new(Provider::default()).answers(vec![Answer::Panic; 16]);
    let runtime = runtime(&provider, handler()).await;
    let mut all = Vec::new();
    for order in 0..40 {
        all.push(accept(runtime.orchestrator(), order).await);
    }
    for accepted in &all {
        finished(runtime.orchestrator(), accepted).await;
    }
}

#[tokio::test]
async fn the_time_budget_ends_an_operation_that_was_never_called() {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let store = MemoryStore::with_clock(clock.clone());
    let producer = builder(store.clone(), &provider, handler()).without_worker();
    let producer = producer.start().await.unwrap();
    let accepted = accept(producer.orchestrator(), 1).await;
    clock.advance(Duration::from_secs(300));
    let worker = builder(store, &provider, handler()).start().await.unwrap();
    let Waited::Failed(failure) = finished(worker.orchestrator(), &accepted).await else {
        panic!("not failed")
    };
    assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
    assert!(!failure.called && !failure.uncertain);
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn a_kind_without_a_handler_waits_while_others_run() {
    let (store, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    let runtime = builder(store, &provider, handler()).start().await.unwrap();
    let unknown = Command::new("PAYMENT", "REFUND", "b", "k", "{}").unwrap();
    let budget = Duration::from_secs(300);
    let unknown = runtime.orchestrator().start(unknown, budget).await.unwrap();
    let known = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &known).await;
    let waiting = runtime.orchestrator().get(unknown).await.unwrap().unwrap();
    assert_eq!((waiting.status, waiting.attempt), (Status::Pending, 0));
}

#[tokio::test]
async fn a_payload_that_is_not_the_command_is_given_back_and_counts_no_attempt() {
    let provider = Arc::new(Provider::default());
    let runtime = runtime(&provider, handler()).await;
    let odd = Command::new("PAYMENT", "CHARGE", "b", "k", r#"{"order":"4242"}"#).unwrap();
    let budget = Duration::from_secs(300);
    let op_id = runtime.orchestrator().start(odd, budget).await.unwrap();
    let next = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &next).await;
    let given_back = until_given_back(runtime.orchestrator(), op_id).await;
    assert_eq!(given_back.attempt, 0);
    let reason = given_back.reason.unwrap();
    assert!(reason.contains("does not fit the type") && !reason.contains("4242"), "{reason}");
}

async fn until_given_back(orchestrator: &Orchestrator, op_id: OpId) -> Operation {
    let look = async {
        loop {
            let operation = orchestrator.get(op_id).await.unwrap().unwrap();
            if operation.phase == Some(Phase::Waiting) {
                return operation;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("not given back in 20 s")
}

#[tokio::test]
async fn a_wake_up_does_not_wait_for_the_poll() {
    let provider = Arc::new(Provider::default());
    let patient = config().poll_every(Duration::from_secs(60));
    let runtime =
        builder(MemoryStore::new(), &provider, handler()).config(patient).start().await.unwrap();
    for order in 0..20 {
        let accepted = accept(runtime.orchestrator(), order).await;
        finished(runtime.orchestrator(), &accepted).await;
    }
}

/// The clock is moved behind the store's back, as another connection's commit is: what is due by then
/// is seen by a poll, which is a minute away, or after a wake-up.
#[tokio::test]
async fn a_wake_up_by_the_caller_does_not_wait_for_the_poll() {
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(60 * 60));
    let later = Answer::Error("busy", Ending::Retry { after: Some(hour) });
    let provider = Arc::new(Provider::default()).answers([later]);
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(clock.clone());
    // A pass of the Reaper wakes workers as well.
    let patient = config().poll_every(minute).lease(minute).reap_every(minute);
    let runtime = builder(store, &provider, handler()).config(patient).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let charge = Charge { order: 1, amount: 501 };
    let accept = orchestrator.accept(charge).idem_key("key-1").unwrap().time_budget(2 * hour);
    let accepted = accept.await.unwrap();
    until(orchestrator, &accepted, |operation| operation.phase == Some(Phase::Waiting)).await;
    // The worker looks once more, finds nothing, and waits: all of it is on this thread.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    clock.advance(hour);
    orchestrator.wake();
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
}

#[tokio::test]
async fn two_workers_share_the_queue_and_run_nothing_twice() {
    let (store, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    let one = builder(store.clone(), &provider, handler()).start().await.unwrap();
    let two = builder(store, &provider, handler()).start().await.unwrap();
    let mut all = Vec::new();
    for order in 0..200 {
        all.push(accept(one.orchestrator(), order).await);
    }
    for accepted in &all {
        finished(two.orchestrator(), accepted).await;
    }
    assert_eq!(provider.calls(), 200);
}

#[tokio::test]
async fn no_more_handlers_run_than_there_are_slots_and_nothing_is_prefetched() {
    let provider = Arc::new(Provider::default()).answers(vec![Answer::Gate; 8]);
    let store = MemoryStore::new();
    let runtime = builder(store.clone(), &provider, handler()).start().await.unwrap();
    let mut all = Vec::new();
    for order in 0..20 {
        all.push(accept(runtime.orchestrator(), order).await);
    }
    while provider.calls() < 8 {
        provider.called.notified().await;
    }
    let params = orch_core::store::ListParams::default().limit(100);
    let pending = store.list(params).await.unwrap().items.into_iter().filter(|item| {
        matches!(item, orch_core::store::Listed::Operation(op) if op.status == Status::Pending)
    });
    assert_eq!(pending.count(), 12);
    for accepted in &all {
        provider.gate.notify_waiters();
        provider.gate.notify_one();
        finished(runtime.orchestrator(), accepted).await;
    }
    assert_eq!(provider.calls(), 20);
}

#[tokio::test]
async fn one_kinds_backlog_does_not_starve_the_other_kind() {
    let (store, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    let producer = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let orchestrator = producer.orchestrator();
    let mut kinds = [Vec::new(), Vec::new()];
    for n in 0..20 {
        for (event, ids) in ["CHARGE", "OTHER"].into_iter().zip(&mut kinds) {
            let body = r#"{"order":1,"amount":1}"#;
            let command = Command::new("PAYMENT", event, "b", &n.to_string(), body).unwrap();
            ids.push(orchestrator.start(command, Duration::from_secs(300)).await.unwrap());
        }
    }
    let narrow = config().concurrency(1);
    let other = handler_with(|handler| handler.event_type = "OTHER");
    let worker = builder(store, &provider, handler()).register(other).config(narrow);
    let worker = worker.start().await.unwrap();
    let mut spans = Vec::new();
    for ids in kinds {
        let mut finished = Vec::new();
        for op_id in ids {
            worker.orchestrator().wait_for(op_id, Duration::from_secs(20)).await.unwrap();
            let operation = worker.orchestrator().get(op_id).await.unwrap().unwrap();
            finished.push(operation.finished_at.unwrap());
        }
        spans.push((finished.iter().min().copied(), finished.iter().max().copied()));
    }
    assert!(spans[0].0 < spans[1].1 && spans[1].0 < spans[0].1, "they take turns: {spans:?}");
}
