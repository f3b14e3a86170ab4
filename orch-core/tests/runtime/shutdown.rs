use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_core::memory::MemoryStore;
use orch_core::runtime::{Drained, Runtime};
use orch_core::words::{Phase, Status, Waited};
use orch_testkit::{Fault, FaultStore, Verb};

use crate::world::{Answer, Provider, accept, builder, config, finished, handler, operation};

#[tokio::test]
async fn a_shutdown_waits_for_handlers_and_stores_their_outcomes() {
    let (store, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    provider.answers([Answer::Gate]);
    let runtime = builder(store, &provider, handler()).start().await.unwrap();
    let orchestrator = runtime.orchestrator().clone();
    let running = accept(&orchestrator, 1).await;
    provider.called.notified().await;
    let shutdown = tokio::spawn(runtime.shutdown());
    provider.gate.notify_one();
    assert_eq!(shutdown.await.unwrap(), Drained { cancelled: 0, unstored: 0 });
    assert_eq!(operation(&orchestrator, &running).await.status, Status::Completed);
    let later = accept(&orchestrator, 2).await;
    assert_eq!(operation(&orchestrator, &later).await.status, Status::Pending);
}

#[tokio::test]
async fn a_handler_that_outlasts_the_drain_ends_in_doubt_at_once() {
    let (store, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    provider.answers([Answer::Hang]);
    let hasty = config().drain_timeout(Duration::from_millis(20));
    let runtime = builder(store, &provider, handler()).config(hasty).start().await.unwrap();
    let orchestrator = runtime.orchestrator().clone();
    let running = accept(&orchestrator, 1).await;
    provider.called.notified().await;
    assert_eq!(runtime.shutdown().await, Drained { cancelled: 1, unstored: 0 });
    let operation = operation(&orchestrator, &running).await;
    assert_eq!((operation.phase, operation.lost_attempts), (Some(Phase::InDoubt), 1));
    assert!(operation.lease_expires_at.is_none(), "the next worker need not wait for the lease");
}

#[tokio::test]
async fn what_is_claimed_and_not_begun_is_given_back_to_the_next_worker() {
    let (memory, provider) = (MemoryStore::new(), Arc::new(Provider::default()));
    let store = Arc::new(FaultStore::new(Arc::new(memory.clone())));
    store.plan(Verb::Claim, 1, Fault::Stall(Duration::from_millis(100)));
    let worker = Runtime::on_shared(store.clone()).config(config()).state(Arc::clone(&provider));
    let worker = worker.register(handler()).start().await.unwrap();
    let claimed = accept(worker.orchestrator(), 1).await;
    while store.calls(Verb::Claim) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(worker.shutdown().await, Drained { cancelled: 0, unstored: 0 });
    store.came_to_pass().await;
    let next = builder(memory, &provider, handler()).start().await.unwrap();
    assert_eq!(finished(next.orchestrator(), &claimed).await, Waited::Ok(501));
    let operation = operation(next.orchestrator(), &claimed).await;
    assert_eq!((operation.attempt, operation.fence.count(), provider.calls()), (1, 2, 1));
}

#[tokio::test]
async fn upkeep_that_hangs_does_not_hold_up_a_hand_over() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    store.plan(Verb::SweepExpired, 1, Fault::Stall(Duration::from_secs(60)));
    let hasty = config().drain_timeout(Duration::from_millis(20));
    let worker = Runtime::on_shared(store.clone()).config(hasty).start().await.unwrap();
    while store.calls(Verb::SweepExpired) == 0 {
        tokio::task::yield_now().await;
    }
    let asked_at = Instant::now();
    assert_eq!(worker.shutdown().await, Drained { cancelled: 0, unstored: 0 });
    assert!(asked_at.elapsed() < Duration::from_secs(20), "{:?}", asked_at.elapsed());
}

#[tokio::test]
async fn a_dropped_runtime_stops_and_lets_go_of_the_store() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let held = Arc::downgrade(&store);
    let provider = Arc::new(Provider::default());
    let runtime = Runtime::on_shared(store).config(config()).state(provider).register(handler());
    drop(runtime.start().await.unwrap());
    let let_go = async {
        while held.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), let_go).await;
    assert!(waited.is_ok(), "a loop or the thread that renews leases goes on");
}
