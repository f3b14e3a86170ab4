use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::{Equipment, Handlers, Watch};
use orch_core::handler::Registration;
use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::store::{Clock, ManualClock};
use orch_core::upkeep::{Pruner, Report, Upkeep};
use orch_core::words::Operation;

use crate::world::{
    Answer, Provider, accept, builder, config, finished, handler, handler_with, operation,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Two operations, COMPLETED and FAILED, of a worker with this handler whose settings say an hour
/// and two.
async fn ended(store: MemoryStore, handler: Registration) -> [Operation; 2] {
    let no = Answer::Error("no", Ending::fail("NO", false));
    let provider = Arc::<Provider>::default().answers([Answer::Charge, no]);
    let config = config().completed_retention(HOUR).failed_retention(2 * HOUR);
    let runtime = builder(store, &provider, handler).config(config).start().await.unwrap();
    let desk = runtime.orchestrator();
    let mut ended = Vec::new();
    for order in 1..=2 {
        let accepted = accept(desk, order).await;
        finished(desk, &accepted).await;
        ended.push(operation(desk, &accepted).await);
    }
    let _ = runtime.shutdown().await;
    ended.try_into().unwrap()
}

fn kept(ended: &[Operation; 2]) -> [Duration; 2] {
    ended.each_ref().map(|it| it.expires_at.unwrap().since(it.finished_at.unwrap()))
}

#[tokio::test]
async fn the_handler_says_how_long_or_else_the_settings_of_its_worker() {
    let by_settings = ended(MemoryStore::new(), handler()).await;
    assert_eq!(kept(&by_settings), [HOUR, 2 * HOUR]);
    let completed = handler_with(|handler| handler.completed_retention = Some(3 * HOUR));
    assert_eq!(kept(&ended(MemoryStore::new(), completed).await), [3 * HOUR, 2 * HOUR]);
    let failed = handler_with(|handler| handler.failed_retention = Some(3 * HOUR));
    assert_eq!(kept(&ended(MemoryStore::new(), failed).await), [HOUR, 3 * HOUR]);
}

#[tokio::test]
async fn a_pruner_without_any_handler_removes_what_has_expired() {
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    ended(store.clone(), handler()).await;
    let equipment = Equipment {
        store: Arc::new(store),
        handlers: Handlers::default(),
        watch: Watch::default(),
    };
    let pruner = Pruner::new(equipment);
    let pass = |moved| Report { moved, failed: 0, more: false };
    assert_eq!(pruner.run_once().await.unwrap(), pass(0));
    for _ in 0..2 {
        clock.advance(HOUR);
        assert_eq!(pruner.run_once().await.unwrap(), pass(1));
    }
}
