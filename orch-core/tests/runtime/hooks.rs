use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orch_core::handler::Registration;
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::runtime::StartError;
use orch_core::store::{ConnectionType, FinalizeHook, HookError, ManualClock};
use orch_core::words::{Status, Waited};

use crate::world::{
    Charge, Provider, accept, builder, finished, handler, operation, runtime, until,
};

fn with_hook(finalize: FinalizeHook) -> Registration {
    Registration { finalize: Some(finalize), ..handler() }
}

#[tokio::test]
async fn a_failing_hook_is_run_again_without_another_call() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let hook = FinalizeHook {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, _| {
            Box::pin(async {
                match RUNS.fetch_add(1, Ordering::SeqCst) {
                    0 => Err(HookError::new("the table is locked")),
                    _ => Ok(()),
                }
            })
        },
    };
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let store = MemoryStore::with_clock(clock.clone());
    let runtime = builder(store, &provider, with_hook(hook)).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |_| RUNS.load(Ordering::SeqCst) == 1).await;
    assert_eq!(operation(runtime.orchestrator(), &accepted).await.status, Status::InProgress);
    clock.advance(Duration::from_secs(10));
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!((RUNS.load(Ordering::SeqCst), provider.calls()), (2, 1));
}

#[tokio::test]
async fn the_hook_sees_the_outcome_and_whose_it_is() {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    let hook = FinalizeHook {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |connection, outcome, of| {
            Box::pin(async move {
                orch_core::store::connection::<MemoryConnection>(connection)?;
                let charge: Charge = of.command.payload().decode().map_err(HookError::new)?;
                let whose = (charge.order, of.command.idem_key().as_str(), of.attempt);
                if outcome.status() == Status::Completed && whose == (1, "key-1", 1) {
                    SEEN.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            })
        },
    };
    let runtime = runtime(&Arc::default(), with_hook(hook)).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    finished(runtime.orchestrator(), &accepted).await;
    assert_eq!(SEEN.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_hook_for_another_backend_stops_the_start_and_names_both() {
    struct OtherConnection;
    let hook = FinalizeHook {
        connection: ConnectionType::of::<OtherConnection>,
        run: |_, _, _| Box::pin(async { Ok(()) }),
    };
    let starting = builder(MemoryStore::new(), &Arc::default(), with_hook(hook)).start();
    let error = starting.await.unwrap_err();
    assert!(matches!(error, StartError::HookConnection { .. }));
    let text = error.to_string();
    assert!(text.contains("OtherConnection") && text.contains("MemoryConnection"), "{text}");
}
