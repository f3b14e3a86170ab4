use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use orch_core::flow::AcceptError;
use orch_core::handler::Registration;
use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::runtime::{Orchestrator, RedriveError, ResolveError, StartError};
use orch_core::store::{ConnectionType, HookError, HookFn, ManualClock, Resolution, StoreError};
use orch_core::words::{Command, Operation, Phase, Status, Waited};

use crate::world::{
    Charge, Provider, accept, builder, finished, handler, operation, runtime, until,
};

fn with_hook(finalize: HookFn) -> Registration {
    Registration { finalize: Some(finalize), ..handler() }
}

#[tokio::test]
async fn a_failing_hook_is_run_again_without_another_call() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let hook = HookFn {
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
    let hook = HookFn {
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

/// The Finalizer has the states too: it is the one that runs the hook again.
#[tokio::test]
async fn a_hook_gets_the_states_of_its_runtime_also_from_the_finalizer() {
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, of| {
            let runs = of.states.get::<Arc<AtomicU32>>().expect("it is given");
            Box::pin(async move {
                match runs.fetch_add(1, Ordering::SeqCst) {
                    0 => Err(HookError::new("the table is locked")),
                    _ => Ok(()),
                }
            })
        },
    };
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(clock.clone());
    let builder = builder(store, &Arc::default(), with_hook(hook));
    let runs = Arc::new(AtomicU32::new(0));
    let runtime = builder.state(Arc::clone(&runs)).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |_| runs.load(Ordering::SeqCst) == 1).await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_hook_for_another_backend_stops_the_start_and_names_both() {
    struct OtherConnection;
    let hook = HookFn {
        connection: ConnectionType::of::<OtherConnection>,
        run: |_, _, _| Box::pin(async { Ok(()) }),
    };
    let starting = builder(MemoryStore::new(), &Arc::default(), with_hook(hook)).start();
    let error = starting.await.unwrap_err();
    assert!(matches!(error, StartError::HookConnection { .. }));
    let text = error.to_string();
    assert!(text.contains("OtherConnection") && text.contains("MemoryConnection"), "{text}");
}

/// Core has no sqlx, and only names the release that the stores have.
#[test]
fn the_release_of_sqlx_is_that_of_the_workspace() {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest = std::fs::read_to_string(workspace).unwrap();
    let version = manifest.split("\nsqlx = { version = \"").nth(1).unwrap();
    let release: Vec<&str> = version.split(['.', '"']).take(2).collect();
    assert_eq!(orch_core::store::SQLX, format!("sqlx {}", release.join(".")));
}

#[tokio::test]
async fn a_hook_that_fails_for_good_is_parked_and_decided() {
    static HEALED: AtomicU32 = AtomicU32::new(0);
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, _| {
            Box::pin(async {
                match HEALED.load(Ordering::SeqCst) {
                    0 => Err(HookError::new("there is no such table")),
                    _ => Ok(()),
                }
            })
        },
    };
    let (clock, provider) = (Arc::new(ManualClock::default()), Arc::new(Provider::default()));
    let store = MemoryStore::with_clock(clock.clone());
    let runtime = builder(store, &provider, with_hook(hook)).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = accept(orchestrator, 1).await;
    let logged = |op: &Operation| op.attempt == 1 && op.lease_expires_at.is_none();
    until(orchestrator, &accepted, logged).await;
    let parked = async {
        while operation(orchestrator, &accepted).await.phase != Some(Phase::Parked) {
            clock.advance(Duration::from_secs(300));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), parked).await.unwrap();
    let page = orchestrator.parked(None).await.unwrap().items;
    let why = "its finalize hook has failed 20 times: finalize hook failed: there is no such table";
    assert_eq!(page[0].reason, why);
    let op_id = accepted.op_id;
    let error = orchestrator.resolve(op_id, Resolution::RunAgain, "kim", "x").await.unwrap_err();
    assert!(matches!(error, ResolveError::Unfit { for_hook: true, .. }), "{error:?}");
    HEALED.store(1, Ordering::SeqCst);
    orchestrator.resolve(op_id, Resolution::RunHook, "kim", "table restored").await.unwrap();
    clock.advance(Duration::from_secs(2));
    assert_eq!(finished(orchestrator, &accepted).await, Waited::Ok(501));
    assert_eq!(provider.calls(), 1);
}

/// What a hook that calls orch was told.
type Told = Mutex<Option<String>>;

#[tokio::test]
async fn what_would_wait_for_the_hooks_own_transaction_is_refused() {
    static DESK: OnceLock<Orchestrator> = OnceLock::new();
    static TOLD: Told = Mutex::new(None);
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, of| {
            let op_id = of.op_id;
            Box::pin(async move {
                let desk = DESK.get().unwrap();
                let command = Command::new("MAIL", "SEND", "ORDER-1", "k", "{}").unwrap();
                let accepted = desk.start(command, Duration::from_secs(60)).await;
                let resolved = desk.resolve(op_id, Resolution::RunAgain, "kim", "x").await;
                let redriven = desk.redrive(op_id).await;
                let refused = matches!(accepted, Err(AcceptError::Store(StoreError::InsideHook)))
                    && matches!(resolved, Err(ResolveError::Store(StoreError::InsideHook)))
                    && matches!(redriven, Err(RedriveError::Store(StoreError::InsideHook)));
                *TOLD.lock().unwrap() = Some(format!("{refused}: {}", accepted.unwrap_err()));
                // Reading is no matter.
                desk.get(op_id).await.map(drop).map_err(HookError::new)
            })
        },
    };
    let runtime = runtime(&Arc::default(), with_hook(hook)).await;
    DESK.set(runtime.orchestrator().clone()).unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let told = TOLD.lock().unwrap().clone().unwrap();
    assert_eq!(told, "true: nothing was accepted");
    // Outside of it nothing is refused.
    let command = Command::new("MAIL", "SEND", "ORDER-1", "k", "{}").unwrap();
    runtime.orchestrator().start(command, Duration::from_secs(60)).await.unwrap();
}
