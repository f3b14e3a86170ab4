//! A database that is another one than it was: what is called, and what waits for an operator.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::Registration;
use orch_core::memory::MemoryStore;
use orch_core::policies::{Effect, InDoubt};
use orch_core::runtime::{Accepted, ConfirmError, Runtime};
use orch_core::words::{Confirmation, Phase, Status, Waited};

use crate::world::{
    Charge, Provider, accept, builder, finished, handler, handler_with, operation, until,
};

fn parking() -> Registration {
    handler_with(|handler| {
        handler.effect = Effect::Unsafe;
        handler.in_doubt = InDoubt::Park;
    })
}

/// An operation that was accepted before the database became another one, and a worker since then.
async fn failed_over(
    provider: &Arc<Provider>,
    handler: Registration,
) -> (Runtime, Accepted<Charge>) {
    let store = MemoryStore::new();
    let front = builder(store.clone(), provider, handler).without_worker().start().await.unwrap();
    let accepted = accept(front.orchestrator(), 1).await;
    store.becomes_another();
    (builder(store, provider, handler).start().await.unwrap(), accepted)
}

async fn confirm(runtime: &Runtime, confirmation: Confirmation) {
    let orchestrator = runtime.orchestrator();
    let seen = orchestrator.incarnation().await.unwrap();
    orchestrator.confirm(&seen, confirmation, "kim", "the primary has burnt").await.unwrap();
}

#[tokio::test]
async fn a_keyed_call_goes_on_by_itself() {
    let provider = Arc::new(Provider::default());
    let (runtime, accepted) = failed_over(&provider, handler()).await;
    let orchestrator = runtime.orchestrator();
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
    assert!(!orchestrator.incarnation().await.unwrap().confirmed);
    assert_eq!(operation(orchestrator, &accepted).await.lost_attempts, 1);
}

#[tokio::test]
async fn an_unsafe_call_waits_and_is_parked_once_a_fail_over_is_confirmed() {
    let provider = Arc::new(Provider::default());
    let (runtime, before) = failed_over(&provider, parking()).await;
    let orchestrator = runtime.orchestrator();
    let meanwhile = accept(orchestrator, 2).await;
    // Many polls and passes of the upkeep.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for accepted in [&before, &meanwhile] {
        assert_eq!(operation(orchestrator, accepted).await.status, Status::Pending);
    }
    confirm(&runtime, Confirmation::FailedOver).await;
    for accepted in [&before, &meanwhile] {
        let parked = |op: &orch_core::words::Operation| op.phase == Some(Phase::Parked);
        until(orchestrator, accepted, parked).await;
    }
    assert_eq!(provider.calls(), 0);
    assert_eq!(orchestrator.parked(None).await.unwrap().items.len(), 2);
    let after = accept(orchestrator, 3).await;
    assert_eq!(finished(orchestrator, &after).await, Waited::Ok(503));
}

#[tokio::test]
async fn what_was_only_moved_is_called() {
    let provider = Arc::new(Provider::default());
    let (runtime, accepted) = failed_over(&provider, parking()).await;
    confirm(&runtime, Confirmation::Moved).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
}

#[tokio::test]
async fn a_confirmation_is_about_what_was_seen() {
    let provider = Arc::new(Provider::default());
    let (runtime, _) = failed_over(&provider, parking()).await;
    let orchestrator = runtime.orchestrator();
    let seen = orchestrator.incarnation().await.unwrap();
    let blank = orchestrator.confirm(&seen, Confirmation::Moved, "kim", " ").await.unwrap_err();
    assert!(matches!(blank, ConfirmError::Invalid(_)), "{blank:?}");
    confirm(&runtime, Confirmation::Restored).await;
    let late = orchestrator.confirm(&seen, Confirmation::Moved, "ann", "no").await.unwrap_err();
    assert!(late.to_string().contains("incarnation is 2, which is confirmed"), "{late}");
}
