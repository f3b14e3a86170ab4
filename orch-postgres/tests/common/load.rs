//! Accepting and settling through trouble, as the runtime does: transient errors are tried
//! again, lost claims are taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orch_core::policies::KindPolicy;
use orch_core::store::{
    Admitted, Claim, ClaimParams, Claimed, EndedAttempt, Finalized, Store, StoreError,
};
use orch_core::words::{OpId, Status};
use orch_testkit::fixture::{acceptance, claim_params, ended, kind, ok, owner};

/// Short, so that a claim whose answer was lost comes back soon.
const LEASE: Duration = Duration::from_millis(400);

/// Tries until the database answers.
pub async fn patiently<T, F>(mut verb: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match verb().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Accepts `count` operations one by one from four callers and settles them by two workers,
/// while `trouble` goes on. Then every operation is there once and COMPLETED.
pub async fn survives(
    stores: [Arc<dyn Store>; 2],
    count: usize,
    trouble: impl Future<Output = ()>,
) {
    let done = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4 {
        let store = stores[caller % 2].clone();
        callers.spawn(async move {
            let mut accepted = Vec::new();
            for n in (caller..count).step_by(4) {
                let item = acceptance(&format!("key-{n}"));
                let admitted = patiently(|| store.accept(vec![item.clone()])).await;
                // An accept whose answer was lost is the same accept again.
                assert_eq!(admitted, [Admitted::Created { op_id: item.op_id }]);
                accepted.push(item.op_id);
            }
            accepted
        });
    }
    let mut workers = tokio::task::JoinSet::new();
    for store in stores.clone() {
        let done = done.clone();
        workers.spawn(async move {
            while done.load(Ordering::SeqCst) < count {
                work(store.as_ref(), &done).await;
            }
        });
    }
    trouble.await;
    let accepted: Vec<OpId> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(accepted.len(), count);
    let finished = tokio::time::timeout(Duration::from_secs(60), workers.join_all()).await;
    assert!(finished.is_ok(), "only {} of {count} were finished", done.load(Ordering::SeqCst));
    for op_id in accepted {
        check(stores[0].as_ref(), op_id).await;
    }
}

async fn work(store: &dyn Store, done: &AtomicUsize) {
    patiently(|| store.sweep_expired(10)).await;
    let params = ClaimParams { lease: LEASE, limit: 8, ..claim_params([lenient()]) };
    let claimed = patiently(|| store.claim(params.clone())).await;
    if claimed.is_empty() {
        store.wait_for_work(Duration::from_millis(50)).await;
    }
    let batch: Vec<EndedAttempt> = claimed.iter().map(finished).collect();
    for to in patiently(|| store.settle(batch.clone())).await {
        match to {
            // A settle whose answer was lost is told of its own end.
            Finalized::Finished(_) | Finalized::AlreadyFinal(_) => {
                done.fetch_add(1, Ordering::SeqCst);
            }
            Finalized::Stale => {}
            other => panic!("{other:?}"),
        }
    }
}

fn finished(claimed: &Claimed) -> EndedAttempt {
    let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
    let envelope = &attempt.envelope;
    ended(Claim { op_id: envelope.op_id, fence: envelope.fence }, ok("done"))
}

/// A policy under which no number of lost claims ends an operation.
fn lenient() -> KindPolicy {
    let backoff = orch_core::policies::Backoff::from_millis(1, 10);
    KindPolicy { max_attempts: 1000, backoff, ..KindPolicy::new(kind()) }
}

async fn check(store: &dyn Store, op_id: OpId) {
    let owner = owner();
    let operation = patiently(|| store.get(&owner, op_id)).await.unwrap();
    assert_eq!(operation.status, Status::Completed);
    let history = patiently(|| store.history(&owner, op_id)).await;
    let outcomes = history.iter().filter(|entry| !entry.late && entry.end == ok("done")).count();
    assert_eq!(outcomes, 1, "{history:?}");
}
