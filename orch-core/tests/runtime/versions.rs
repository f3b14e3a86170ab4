//! Two versions of a worker on one database, and a deploy that adds a part.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use orch_core::handler::{Reconciled, Registration, Unrunnable};
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::policies::{Ending, InDoubt, UNHANDLED_MAX_PAUSE, UNHANDLED_PARKED_AFTER};
use orch_core::runtime::{Accepted, Orchestrator};
use orch_core::store::{ConnectionType, HookFn, ManualClock, Resolution};
use orch_core::words::{Command, Phase, Waited};

use crate::world::{
    Answer, Charge, Provider, accept, builder, finished, handler, handler_with, operation,
    reconciling, until,
};

/// One that cannot read the command.
fn before() -> Registration {
    let cannot = |_: &orch_core::handler::Call| {
        Err(Unrunnable { reason: "the payload cannot be decoded".to_owned() })
    };
    Registration { attempt: cannot, ..handler() }
}

fn with_hook() -> Registration {
    Registration { finalize: Some(HOOK), ..handler() }
}

/// The entities whose ends the hook has booked.
static BOOKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn booked(order: u64) -> usize {
    let wanted = format!("ORDER-{order}");
    BOOKED.lock().unwrap().iter().filter(|booked| **booked == wanted).count()
}

const HOOK: HookFn = HookFn {
    connection: ConnectionType::of::<MemoryConnection>,
    run: |_, _, of| {
        Box::pin(async move {
            BOOKED.lock().unwrap().push(of.command.biz_key().to_string());
            Ok(())
        })
    },
};

/// Lets time pass for the pauses until the operation has ended.
async fn in_time(
    clock: &ManualClock,
    orchestrator: &Orchestrator,
    accepted: &Accepted<Charge>,
) -> Waited<u64> {
    loop {
        clock.advance(Duration::from_secs(1));
        let waited = orchestrator.wait(accepted, Duration::from_millis(20)).await.unwrap();
        if !matches!(waited, Waited::Pending(_)) {
            return waited;
        }
    }
}

#[tokio::test]
async fn what_one_version_cannot_read_the_other_runs() {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let store = MemoryStore::with_clock(clock.clone());
    let old = builder(store.clone(), &provider, before()).start().await.unwrap();
    let accepted = accept(old.orchestrator(), 1).await;
    let given_back = until(old.orchestrator(), &accepted, |op| op.reason.is_some()).await;
    assert_eq!((given_back.phase, given_back.attempt), (Some(Phase::Waiting), 0));
    let new = builder(store, &provider, handler()).start().await.unwrap();
    assert_eq!(in_time(&clock, new.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn an_unhandled_operation_is_parked_and_then_run_by_a_worker_that_can() {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let store = MemoryStore::with_clock(clock.clone());
    let old = builder(store.clone(), &provider, before()).start().await.unwrap();
    let charge = Charge { order: 1, amount: 501 };
    let orchestrator = old.orchestrator();
    let accepting = orchestrator.accept(charge).idem_key("k").unwrap();
    let accepted = accepting.time_budget(UNHANDLED_PARKED_AFTER * 4).await.unwrap();
    until(orchestrator, &accepted, |op| op.reason.is_some()).await;
    clock.advance(UNHANDLED_PARKED_AFTER);
    until(orchestrator, &accepted, |op| op.phase == Some(Phase::Parked)).await;
    assert_eq!(orchestrator.parked(None).await.unwrap().items.len(), 1);
    let _ = old.shutdown().await;
    let new = builder(store, &provider, handler()).start().await.unwrap();
    clock.advance(UNHANDLED_MAX_PAUSE);
    assert_eq!(finished(new.orchestrator(), &accepted).await, Waited::Ok(501));
}

#[tokio::test]
async fn a_field_that_a_version_does_not_know_is_not_dropped() {
    let provider = Arc::new(Provider::default());
    let runtime = builder(MemoryStore::new(), &provider, handler()).start().await.unwrap();
    let start = |body: &'static str, key: &'static str| {
        let command = Command::new("PAYMENT", "CHARGE", key, key, body).unwrap();
        runtime.orchestrator().start(command, Duration::from_secs(300))
    };
    let says = start(r#"{"order":1,"amount":5,"coupon":"SPRING"}"#, "a").await.unwrap();
    let nothing = start(r#"{"order":2,"amount":5,"coupon":null}"#, "b").await.unwrap();
    let orchestrator = runtime.orchestrator();
    let get = |op_id| async move { orchestrator.get(op_id).await.unwrap().unwrap() };
    loop {
        let (says, nothing) = (get(says).await, get(nothing).await);
        if let Some(reason) = says.reason.filter(|_| nothing.status.is_terminal()) {
            assert!(reason.contains("does not have the field, `coupon`"), "{reason}");
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_worker_without_the_hook_leaves_the_outcome_to_one_that_has_it() {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let store = MemoryStore::with_clock(clock.clone());
    let new = builder(store.clone(), &provider, with_hook()).start().await.unwrap();
    let accepted = accept(new.orchestrator(), 7).await;
    until(new.orchestrator(), &accepted, |op| op.lost_attempts == 1).await;
    let _ = new.shutdown().await;
    let old = builder(store.clone(), &provider, handler()).start().await.unwrap();
    clock.advance(Duration::from_secs(1));
    let given_back = until(old.orchestrator(), &accepted, |op| {
        op.reason.as_deref().is_some_and(|reason| reason.contains("no finalize hook"))
    });
    given_back.await;
    let new = builder(store, &provider, with_hook()).start().await.unwrap();
    assert_eq!(in_time(&clock, new.orchestrator(), &accepted).await, Waited::Ok(507));
    assert_eq!((booked(7), provider.calls()), (1, 2));
}

#[tokio::test]
async fn a_reconcile_is_left_to_a_version_that_has_one() {
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let store = MemoryStore::with_clock(clock.clone());
    let new = builder(store.clone(), &provider, reconciling()).start().await.unwrap();
    let accepted = accept(new.orchestrator(), 1).await;
    until(new.orchestrator(), &accepted, |op| op.lost_attempts == 1).await;
    let _ = new.shutdown().await;
    let old = builder(store.clone(), &provider, handler()).start().await.unwrap();
    clock.advance(Duration::from_secs(60));
    until(old.orchestrator(), &accepted, |op| {
        op.reason.as_deref().is_some_and(|reason| reason.contains("has no reconcile"))
    })
    .await;
    let provider = provider.says([Reconciled::Happened(77)]);
    let new = builder(store, &provider, reconciling()).start().await.unwrap();
    assert_eq!(in_time(&clock, new.orchestrator(), &accepted).await, Waited::Ok(77));
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_hook_that_was_added_while_it_was_parked_runs_for_the_decision() {
    let provider = Arc::new(Provider::default());
    let provider = provider.answers([Answer::Error("no answer", Ending::InDoubt)]);
    let store = MemoryStore::new();
    let parks = handler_with(|handler| handler.in_doubt = InDoubt::Park);
    let old = builder(store.clone(), &provider, parks).start().await.unwrap();
    let accepted = accept(old.orchestrator(), 8).await;
    until(old.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    let _ = old.shutdown().await;
    let new = builder(store, &provider, with_hook()).start().await.unwrap();
    let orchestrator = new.orchestrator();
    let paid = Resolution::ok(&501).unwrap();
    orchestrator.resolve(accepted.op_id, paid, "kim", "on the statement").await.unwrap();
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
    assert_eq!(booked(8), 1);
    assert_eq!(operation(orchestrator, &accepted).await.attempt, 1);
}
