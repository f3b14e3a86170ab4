//! The database did what was asked, and the reply was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orch_core::flow::Disposition;
use orch_core::handler::Registration;
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::runtime::Runtime;
use orch_core::store::{ConnectionType, HookFn};
use orch_core::words::{Command, Phase, Waited};
use orch_testkit::{Fault, FaultStore, Verb};

use crate::world::{Provider, accept, builder, config, finished, handler, operation};

#[tokio::test]
async fn a_lost_reply_of_accept_is_no_replay_and_no_second_operation() {
    let provider = Arc::new(Provider::default());
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    store.plan(Verb::Accept, 1, Fault::ReplyLost);
    let runtime = builder(store, &provider, handler()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(accepted.disposition, Disposition::Created);
    finished(runtime.orchestrator(), &accepted).await;
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_lost_reply_of_settle_stores_one_outcome_and_calls_nobody() {
    let provider = Arc::new(Provider::default());
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    store.plan(Verb::Settle, 1, Fault::ReplyLost);
    let runtime = builder(store, &provider, handler()).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    assert_eq!((history.len(), provider.calls()), (1, 1));
}

#[tokio::test]
async fn a_lost_reply_of_claim_is_a_lost_attempt_and_no_lost_operation() {
    let provider = Arc::new(Provider::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let producer = Runtime::on_shared(store.clone()).without_worker().start().await.unwrap();
    let accepted = accept(producer.orchestrator(), 1).await;
    store.plan(Verb::Claim, 1, Fault::ReplyLost);
    let short = config().lease(Duration::from_millis(200)).reap_every(Duration::from_millis(10));
    let worker = Runtime::on_shared(store).config(short).state(Arc::clone(&provider));
    let worker = worker.register(handler()).start().await.unwrap();
    assert_eq!(finished(worker.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(worker.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, operation.lost_attempts, provider.calls()), (2, 1, 1));
}

#[tokio::test]
async fn lost_replies_of_log_and_finalize_run_the_hook_once_and_call_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, _| {
            RUNS.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        },
    };
    let provider = Arc::new(Provider::default());
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    store.plan(Verb::Log, 1, Fault::ReplyLost);
    store.plan(Verb::Finalize, 1, Fault::ReplyLost);
    let hooked = Registration { finalize: Some(hook), ..handler() };
    let runtime = builder(store, &provider, hooked).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    assert_eq!((history.len(), provider.calls(), RUNS.load(Ordering::SeqCst)), (1, 1, 1));
}

#[tokio::test]
async fn a_lost_reply_of_release_gives_back_once_and_counts_no_attempt() {
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    store.plan(Verb::Release, 1, Fault::ReplyLost);
    let runtime = builder(store, &Arc::default(), handler()).start().await.unwrap();
    let odd = Command::new("PAYMENT", "CHARGE", "b", "k", "not the command").unwrap();
    let orchestrator = runtime.orchestrator();
    let op_id = orchestrator.start(odd, Duration::from_secs(300)).await.unwrap();
    let given_back = loop {
        let operation = orchestrator.get(op_id).await.unwrap().unwrap();
        if operation.phase == Some(Phase::Waiting) {
            break operation;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(given_back.attempt, 0);
}
