use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use orch_core::flow::{HeldLease, LeaseKeeper};
use orch_core::memory::MemoryStore;
use orch_core::store::{Claim, ClaimParams, Claimed, RenewParams, Renewed, Store, StoreError};
use orch_core::words::{Fence, OpId, Waited};
use orch_testkit::fixture::{acceptance, claim_params, policy};
use orch_testkit::{Fault, FaultStore, Layered, StoreLayer, Verb};

use crate::world::{Answer, Provider, accept, builder, config, finished, handler, operation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_every_thread_lose_no_lease() {
    let blocks = vec![Answer::Block(Duration::from_millis(900)); 8];
    let provider = Arc::new(Provider::default()).answers(blocks);
    let short = config().lease(Duration::from_millis(300)).reap_every(Duration::from_millis(10));
    let store = MemoryStore::new();
    // Another process's reaper, on a runtime of its own that nobody blocks.
    let (other_store, idle) = (store.clone(), Arc::clone(&provider));
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reaping = config().reap_every(Duration::from_millis(10));
            let other = orch_core::runtime::Runtime::on(other_store).config(reaping).state(idle);
            let other = other.start().await.unwrap();
            stopped.cancelled().await;
            let _ = other.shutdown().await;
        });
    });
    let runtime = builder(store, &provider, handler()).config(short).start().await.unwrap();
    let mut all = Vec::new();
    for order in 0..8 {
        all.push(accept(runtime.orchestrator(), order).await);
    }
    for accepted in &all {
        finished(runtime.orchestrator(), accepted).await;
        let operation = operation(runtime.orchestrator(), accepted).await;
        assert_eq!((operation.attempt, operation.lost_attempts), (1, 0));
    }
    stop.cancel();
    other.join().unwrap();
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_cancels_its_attempt() {
    let provider = Arc::new(Provider::default()).answers([Answer::Hang]);
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    for call in 1..1000 {
        store.plan(Verb::Renew, call, Fault::NotSent);
    }
    let short = config().lease(Duration::from_millis(200)).reap_every(Duration::from_millis(10));
    let runtime = builder(store, &provider, handler()).config(short).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, operation.lost_attempts), (2, 1));
}

/// A keeper over a store in which an operation is claimed for this lease.
async fn claimed(span: Duration) -> (Arc<FaultStore>, LeaseKeeper, Claim) {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    store.accept(vec![acceptance("key")]).await.unwrap();
    let params = ClaimParams { lease: span, ..claim_params([policy()]) };
    let claimed = store.claim(params).await.unwrap();
    let [Claimed::Operation(attempt)] = claimed.as_slice() else { panic!("{claimed:?}") };
    let claim = Claim { op_id: attempt.envelope.op_id, fence: attempt.envelope.fence };
    (store.clone(), LeaseKeeper::start(store, span).unwrap(), claim)
}

#[tokio::test]
async fn a_handler_that_hangs_is_not_kept_alive() {
    let (store, keeper, claim) = claimed(Duration::from_millis(300)).await;
    let held = keeper.hold(claim, Instant::now(), Duration::ZERO);
    let lost = tokio::time::timeout(Duration::from_secs(20), held.lost().cancelled()).await;
    assert!(lost.is_ok() && store.calls(Verb::Renew) == 0);
}

#[tokio::test]
async fn an_outcome_that_waits_to_be_stored_keeps_its_lease() {
    let (store, keeper, claim) = claimed(Duration::from_millis(300)).await;
    let held = keeper.hold(claim, Instant::now(), Duration::ZERO);
    held.handler_returned();
    let renewed = async {
        // Three fit into a lease.
        while store.calls(Verb::Renew) < 7 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("it is not renewed");
    assert!(!held.lost().is_cancelled());
}

/// Refuses to renew what has this fence, and counts what it has renewed.
struct RefusesOne {
    bad: Fence,
    renewed: AtomicUsize,
}

#[async_trait]
impl StoreLayer for RefusesOne {
    async fn renew(
        &self,
        next: &dyn Store,
        params: RenewParams,
    ) -> Result<Vec<Renewed>, StoreError> {
        if params.claims.iter().any(|claim| claim.fence == self.bad) {
            return Err(StoreError::fatal("not this one"));
        }
        self.renewed.fetch_add(params.claims.len(), Ordering::SeqCst);
        next.renew(params).await
    }
}

#[tokio::test]
async fn a_lease_that_the_database_refuses_to_renew_costs_no_other_its_own() {
    let bad = Fence::new(100);
    let layer = RefusesOne { bad, renewed: AtomicUsize::new(0) };
    let store = Arc::new(Layered::over(Arc::new(MemoryStore::new()), layer));
    let keeper = LeaseKeeper::start(store.clone(), Duration::from_millis(300)).unwrap();
    let held: Vec<_> = (98..104)
        .map(|fence| Claim { op_id: OpId::generate(), fence: Fence::new(fence) })
        .map(|claim| keeper.hold(claim, Instant::now(), Duration::from_secs(60)))
        .collect();
    // Renewed from here on however late this machine is.
    held.iter().for_each(HeldLease::handler_returned);
    let renewed = async {
        while store.renewed.load(Ordering::SeqCst) < 10 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("they are not renewed");
}

#[tokio::test]
async fn a_lease_that_was_taken_over_cancels_its_attempt_at_the_next_renewal() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keeper = LeaseKeeper::start(store, Duration::from_millis(100)).unwrap();
    // Nobody's, so that its renewal is stale; it would be safe for an hour by this host's clock.
    let claim = Claim { op_id: OpId::generate(), fence: Fence::new(1) };
    let hour = Duration::from_secs(60 * 60);
    let held = keeper.hold(claim, Instant::now() + hour, hour);
    let lost = tokio::time::timeout(Duration::from_secs(20), held.lost().cancelled()).await;
    assert!(lost.is_ok());
}

#[tokio::test]
async fn an_outcome_that_outlasts_its_lease_in_an_outage_is_renewed_again() {
    let (store, keeper, claim) = claimed(Duration::from_millis(300)).await;
    let long_ago = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let held = keeper.hold(claim, long_ago, Duration::from_secs(60));
    held.handler_returned();
    let renewed = async {
        while store.calls(Verb::Renew) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("it is not renewed");
    assert!(!held.lost().is_cancelled());
}
