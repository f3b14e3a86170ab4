//! The fault store fails exactly where it is told to.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_core::memory::MemoryStore;
use orch_core::store::{Acceptance, Admitted, Store, StoreError};
use orch_testkit::fixture::{acceptance, owner};
use orch_testkit::{Fault, FaultStore, Verb};

fn store() -> FaultStore {
    FaultStore::new(Arc::new(MemoryStore::new()))
}

async fn is_there(store: &FaultStore, item: &Acceptance) -> bool {
    store.get(&owner(), item.op_id).await.unwrap().is_some()
}

#[tokio::test]
async fn without_a_plan_it_does_as_the_store_behind_it() {
    let (store, item) = (store(), acceptance("k"));
    let op_id = item.op_id;
    assert_eq!(store.accept(vec![item]).await.unwrap(), [Admitted::Created { op_id }]);
    assert_eq!(store.calls(Verb::Accept), 1);
    assert_eq!(store.calls(Verb::Claim), 0);
}

#[tokio::test]
async fn only_the_planned_call_of_the_planned_verb_fails() {
    let (store, item) = (store(), acceptance("k"));
    store.plan(Verb::Accept, 2, Fault::NotSent);
    store.accept(vec![item.clone()]).await.unwrap();
    store.now().await.unwrap();
    assert!(store.accept(vec![item.clone()]).await.unwrap_err().is_transient());
    store.accept(vec![item]).await.unwrap();
    assert_eq!(store.calls(Verb::Accept), 3);
}

#[tokio::test]
async fn what_is_not_sent_is_not_carried_out() {
    let (store, item) = (store(), acceptance("k"));
    store.plan(Verb::Accept, 1, Fault::NotSent);
    assert!(store.accept(vec![item.clone()]).await.unwrap_err().is_transient());
    assert!(!is_there(&store, &item).await);
}

#[tokio::test]
async fn a_lost_reply_is_carried_out() {
    let (store, item) = (store(), acceptance("k"));
    store.plan(Verb::Accept, 1, Fault::ReplyLost);
    assert!(store.accept(vec![item.clone()]).await.unwrap_err().is_transient());
    assert!(is_there(&store, &item).await);
}

#[tokio::test]
async fn what_is_refused_is_fatal() {
    let (store, item) = (store(), acceptance("k"));
    store.plan(Verb::Accept, 1, Fault::Refused);
    let error = store.accept(vec![item.clone()]).await.unwrap_err();
    assert!(matches!(error, StoreError::Fatal(_)));
    assert!(!is_there(&store, &item).await);
}

#[tokio::test]
async fn after_a_kill_nothing_comes_through() {
    for (fault, carried_out) in [(Fault::KillBefore, false), (Fault::KillAfter, true)] {
        let memory = MemoryStore::new();
        let (store, item) = (FaultStore::new(Arc::new(memory.clone())), acceptance("k"));
        store.plan(Verb::Accept, 1, fault);
        assert!(!store.is_dead());
        assert!(!store.accept(vec![item.clone()]).await.unwrap_err().is_transient());
        store.killed().await;
        assert!(!store.get(&owner(), item.op_id).await.unwrap_err().is_transient());
        assert_eq!(memory.get(&owner(), item.op_id).await.unwrap().is_some(), carried_out);
    }
}

#[tokio::test]
async fn a_stalled_call_is_carried_out_in_the_end() {
    let (store, item) = (store(), acceptance("k"));
    let (began, span) = (Instant::now(), Duration::from_millis(50));
    store.plan(Verb::Accept, 1, Fault::Stall(span));
    store.accept(vec![item.clone()]).await.unwrap();
    store.came_to_pass().await;
    assert!(began.elapsed() >= span && is_there(&store, &item).await);
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_over() {
    let (store, item) = (store(), acceptance("k"));
    store.go_down();
    for _ in 0..3 {
        assert!(store.accept(vec![item.clone()]).await.unwrap_err().is_transient());
        assert!(store.now().await.unwrap_err().is_transient());
    }
    store.come_back();
    assert!(!is_there(&store, &item).await);
    store.accept(vec![item.clone()]).await.unwrap();
    assert!(is_there(&store, &item).await);
}

#[tokio::test]
async fn of_two_in_a_row_each_fails_by_its_own_plan() {
    let behind = Arc::new(store());
    let (before, item) = (FaultStore::new(behind.clone()), acceptance("k"));
    before.plan(Verb::Accept, 1, Fault::NotSent);
    behind.plan(Verb::Accept, 1, Fault::Refused);
    assert!(before.accept(vec![item.clone()]).await.unwrap_err().is_transient());
    assert_eq!(behind.calls(Verb::Accept), 0);
    assert!(!before.accept(vec![item.clone()]).await.unwrap_err().is_transient());
    before.accept(vec![item.clone()]).await.unwrap();
    assert!(is_there(&before, &item).await);
    assert_eq!((before.calls(Verb::Accept), behind.calls(Verb::Accept)), (3, 2));
}
