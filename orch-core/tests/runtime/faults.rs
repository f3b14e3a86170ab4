use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::AcceptError;
use orch_core::memory::MemoryStore;
use orch_core::runtime::Runtime;
use orch_core::store::{ManualClock, Store};
use orch_core::words::{Command, Kind, Waited};
use orch_testkit::{Fault, FaultStore, Verb};

use crate::world::{
    Answer, Charge, FORM, Provider, accept, builder, config, finished, handler, operation,
};

#[tokio::test]
async fn an_outage_while_outcomes_are_stored_loses_none() {
    let provider = Arc::new(Provider::default());
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    for call in 1..=5 {
        store.plan(Verb::Settle, call, Fault::NotSent);
        store.plan(Verb::Claim, call, Fault::NotSent);
    }
    let runtime = builder(store, &provider, handler()).start().await.unwrap();
    let mut all = Vec::new();
    for order in 0..20 {
        all.push(accept(runtime.orchestrator(), order).await);
    }
    for accepted in &all {
        finished(runtime.orchestrator(), accepted).await;
        assert_eq!(operation(runtime.orchestrator(), accepted).await.attempt, 1);
    }
    assert_eq!(provider.calls(), 20);
}

#[tokio::test]
async fn accept_gives_up_when_its_patience_ends_and_says_that_it_is_unknown() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let hasty = config().accept_patience(Duration::from_millis(30));
    let runtime = Runtime::on_shared(store.clone()).config(hasty).without_worker();
    let runtime = runtime.start().await.unwrap();
    store.go_down();
    let command = || Command::new("A", "B", "c", "d", "{}").unwrap();
    let budget = Duration::from_secs(1);
    let error = runtime.orchestrator().start(command(), budget).await.unwrap_err();
    assert!(matches!(error, AcceptError::Store(_)), "{error}");
    store.come_back();
    assert!(runtime.orchestrator().start(command(), budget).await.is_ok());
}

#[tokio::test]
async fn a_refused_batch_falls_back_to_its_items() {
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    store.identify(&Kind::new("PAYMENT", "CHARGE").unwrap(), FORM).await.unwrap();
    store.plan(Verb::Accept, 1, Fault::Refused);
    store.plan(Verb::Accept, 2, Fault::Refused);
    let store = Arc::new(store);
    let runtime = Runtime::on_shared(store.clone()).config(config()).without_worker();
    let runtime = runtime.start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepting = (0..8).map(|order| {
        let charge = Charge { order, amount: 1 };
        orchestrator.accept(charge).idem_key(format!("key-{order}")).unwrap()
    });
    let answers = futures_util::future::join_all(accepting).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(store.calls(Verb::Accept), 5, "8 and 4 are refused; then 2, 2 and 4");
}

#[tokio::test]
async fn what_the_database_refuses_by_itself_fails_its_own_caller_only() {
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    // Of four: the whole, the first half and, after the second half, its first item.
    for call in [1, 2, 4] {
        store.plan(Verb::Accept, call, Fault::Refused);
    }
    let runtime = Runtime::on(store).config(config()).without_worker().start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepting = (0..4).map(|order| {
        let charge = Charge { order, amount: 1 };
        orchestrator.accept(charge).idem_key(format!("key-{order}")).unwrap()
    });
    let answers = futures_util::future::join_all(accepting).await;
    let refused: Vec<bool> = answers.iter().map(Result::is_err).collect();
    assert_eq!(refused, [true, false, false, false]);
}

/// A rotated password, a restore under way: nothing that says so is about this answer.
#[tokio::test]
async fn a_definite_answer_is_kept_while_the_database_refuses_everything() {
    let provider = Arc::new(Provider::default()).answers([Answer::Gate]);
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    for call in 1..=4 {
        store.plan(Verb::Settle, call, Fault::Refused);
    }
    let runtime = Runtime::on_shared(store.clone()).config(config()).state(Arc::clone(&provider));
    let runtime = runtime.register(handler()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    provider.called.notified().await;
    provider.gate.notify_one();
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, provider.calls(), store.calls(Verb::Settle)), (1, 1, 5));
}

#[tokio::test]
async fn a_database_that_is_down_at_start_is_waited_for() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    store.go_down();
    let starting = tokio::spawn(Runtime::on_shared(store.clone()).config(config()).start());
    while store.calls(Verb::Migrate) < 2 {
        tokio::task::yield_now().await;
    }
    store.come_back();
    assert!(starting.await.unwrap().is_ok());
}

#[tokio::test]
async fn an_outage_in_mid_flight_ends_without_a_restart() {
    let provider = Arc::new(Provider::default()).answers([Answer::Gate]);
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let runtime = Runtime::on_shared(store.clone()).config(config()).state(Arc::clone(&provider));
    let runtime = runtime.register(handler()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    provider.called.notified().await;
    store.go_down();
    provider.gate.notify_one();
    while store.calls(Verb::Settle) < 3 {
        tokio::task::yield_now().await;
    }
    store.come_back();
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, provider.calls()), (1, 1));
}

#[tokio::test]
async fn work_that_ended_in_an_outage_longer_than_its_lease_is_not_run_again() {
    let provider = Arc::new(Provider::default()).answers([Answer::Gate]);
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::with_clock(clock.clone()))));
    let runtime = Runtime::on_shared(store.clone()).config(config()).state(Arc::clone(&provider));
    let runtime = runtime.register(handler()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    provider.called.notified().await;
    store.go_down();
    provider.gate.notify_one();
    // By now the next try to store the outcome is farther away than the Reaper's next pass.
    while store.calls(Verb::Settle) < 5 {
        tokio::task::yield_now().await;
    }
    clock.advance(config().lease);
    store.come_back();
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.lost_attempts, provider.calls()), (0, 1));
}

#[tokio::test]
async fn claiming_pauses_while_too_many_outcomes_wait_to_be_stored() {
    let provider = Arc::new(Provider::default());
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    for call in 1..=6 {
        store.plan(Verb::Settle, call, Fault::NotSent);
    }
    let store = Arc::new(store);
    let narrow = config().concurrency(2);
    let runtime = Runtime::on_shared(store.clone()).config(narrow).state(Arc::clone(&provider));
    let runtime = runtime.register(handler()).start().await.unwrap();
    let mut all = Vec::new();
    for order in 0..20 {
        all.push(accept(runtime.orchestrator(), order).await);
    }
    while store.calls(Verb::Settle) < 6 {
        tokio::task::yield_now().await;
    }
    assert!(provider.calls() <= 4, "two outcomes for each of two slots: {}", provider.calls());
    for accepted in &all {
        finished(runtime.orchestrator(), accepted).await;
    }
    assert_eq!(provider.calls(), 20);
}

/// To store a form holds up other accepts, so of many that miss it one asks, and none for a while after it has
/// failed.
#[tokio::test]
async fn of_accepts_that_miss_a_form_one_stores_it_and_after_a_failure_none_for_a_while() {
    for (fault, is_stored) in [(None, true), (Some(Fault::Refused), false)] {
        let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
        if let Some(fault) = fault {
            store.plan(Verb::Identify, 1, fault);
        }
        let runtime = Runtime::on_shared(store.clone()).config(config()).without_worker();
        let runtime = runtime.start().await.unwrap();
        let orchestrator = runtime.orchestrator();
        let accepting = (0..8).map(|order| async move {
            let charge = Charge { order, amount: 1 };
            orchestrator.accept(charge).idem_key("k").unwrap().await.is_ok()
        });
        let accepted = futures_util::future::join_all(accepting).await;
        assert_eq!(accepted, [is_stored; 8]);
        let asked = store.calls(Verb::Identify);
        assert!(if is_stored { (1..=8).contains(&asked) } else { asked == 1 }, "{asked} calls");
    }
}
