use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_core::flow::LeaseKeeper;
use orch_core::memory::MemoryStore;
use orch_core::runtime::Config;
use orch_core::seams::{Lease, Store};
use orch_core::words::{Fence, OpId, Settled};
use orch_testkit::{Fault, FaultStore, Verb};

use crate::world::{Answer, Provider, accept, builder, config, handler, operation, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_every_thread_lose_no_lease() {
    let blocks = vec![Answer::Block(Duration::from_millis(900)); 8];
    let provider = Arc::new(Provider::default()).answers(blocks);
    let short = Config {
        lease: Duration::from_millis(300),
        reap_every: Duration::from_millis(10),
        ..config()
    };
    let store = MemoryStore::new();
    // Another process's reaper, on a runtime of its own that nobody blocks.
    let (other_store, idle) = (store.clone(), Arc::clone(&provider));
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reaping = Config { reap_every: Duration::from_millis(10), ..config() };
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
        settled(runtime.orchestrator(), accepted).await;
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
    let short = Config {
        lease: Duration::from_millis(200),
        reap_every: Duration::from_millis(10),
        ..config()
    };
    let runtime = builder(store, &provider, handler()).config(short).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(settled(runtime.orchestrator(), &accepted).await, Settled::Ok(501));
    let operation = operation(runtime.orchestrator(), &accepted).await;
    assert_eq!((operation.attempt, operation.lost_attempts), (2, 1));
}

#[tokio::test]
async fn a_handler_that_hangs_is_not_kept_alive() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keeper = LeaseKeeper::start(store, Duration::from_millis(100)).unwrap();
    let lease = Lease { op_id: OpId::generate(), fence: Fence::new(1) };
    let held = keeper.hold(lease, Instant::now(), Duration::ZERO);
    held.lost().cancelled().await;
}
