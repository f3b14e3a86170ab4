//! What the provider has accepted, beside a database that is slow about references.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::handler::Reconciled;
use orch_core::memory::MemoryStore;
use orch_core::policies::{Ending, Submitted};
use orch_core::provider::AnyProvider;
use orch_core::runtime::{Accepted, Orchestrator, Recorded, Runtime};
use orch_core::store::{Store, StoreError};
use orch_core::words::{OpId, Phase, Reference, Waited};
use orch_testkit::{Layered, StoreLayer};

use crate::world::{Answer, Charge, Provider, accept, config, finished, handler, operation};

/// A table of references that somebody has locked, or that this role may not write.
#[derive(Clone, Copy)]
enum References {
    Locked,
    Forbidden,
}

#[async_trait]
impl StoreLayer for References {
    async fn refer(&self, _: &dyn Store, _: Reference, _: OpId) -> Result<(), StoreError> {
        match self {
            Self::Locked => pending().await,
            Self::Forbidden => Err(StoreError::fatal("permission denied for orch_reference")),
        }
    }
}

fn accepted_as(reference: &str) -> Answer {
    Answer::Error("taken", Ending::Submitted(Submitted::with(reference)))
}

async fn until_submitted(orchestrator: &Orchestrator, accepted: &Accepted<Charge>) {
    let is_submitted = async {
        while operation(orchestrator, accepted).await.phase != Some(Phase::Submitted) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_submitted).await.expect("it is held up");
}

async fn holds_up_no_end(references: References) {
    let store = Arc::new(Layered::over(Arc::new(MemoryStore::new()), references));
    let provider = Arc::<Provider>::default().answers([accepted_as("tr_1"), Answer::Charge]);
    let builder = Runtime::on_shared(store).config(config()).register(handler()).state(provider);
    let runtime = builder.start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let submitted = accept(orchestrator, 1).await;
    until_submitted(orchestrator, &submitted).await;
    let other = accept(orchestrator, 2).await;
    assert!(matches!(finished(orchestrator, &other).await, Waited::Ok(_)));
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn a_reference_that_is_not_kept_holds_up_no_end() {
    tokio::join!(holds_up_no_end(References::Locked), holds_up_no_end(References::Forbidden));
}

#[tokio::test]
async fn without_a_provider_a_reference_is_of_its_kind() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let provider = Arc::<Provider>::default().answers([accepted_as("1")]);
    let builder = Runtime::on_shared(Arc::clone(&store)).config(config()).register(handler());
    let runtime = builder.state(provider).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = accept(orchestrator, 1).await;
    until_submitted(orchestrator, &accepted).await;
    // Another kind's provider counts from 1 as well.
    let other = accept(orchestrator, 2).await;
    store.refer(Reference::at::<AnyProvider>("", "1").unwrap(), other.op_id).await.unwrap();
    let about = Reference::at::<AnyProvider>("", "1").unwrap();
    let told = async {
        loop {
            let paid = Reconciled::Happened(7);
            let told = orchestrator.record_answer::<Charge>(about.clone(), paid, "webhook").await;
            if told.unwrap() != Recorded::Kept {
                break;
            }
        }
        finished(orchestrator, &accepted).await
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert_eq!(waited, Waited::Ok(7));
    let _ = runtime.shutdown().await;
}
