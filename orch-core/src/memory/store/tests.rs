use tokio::sync::Semaphore;

use super::*;
use crate::policies::KindPolicy;
use crate::store::{Claim, HookFn, ManualClock, open};
use crate::words::{
    AttemptEnd, ClaimId, Command, FinalOutcome, Fingerprint, KeySeed, Outcome, Payload, Source,
    Status, WorkerId,
};

const HOUR: Duration = Duration::from_secs(3600);
const DELAY: Duration = Duration::from_millis(50);

/// True if the wait for work ended by itself.
async fn is_woken(store: &MemoryStore, within: Duration) -> bool {
    monotonic::timeout(within, store.wait_for_work(HOUR)).await.is_ok()
}

fn store() -> MemoryStore {
    MemoryStore::with_clock(Arc::new(ManualClock::default()))
}

fn acceptance() -> Acceptance {
    let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", "k", "{}").unwrap();
    let fingerprint = Fingerprint::of(command.payload());
    let (op_id, owner) = (OpId::generate(), Owner::default());
    Acceptance {
        op_id,
        owner,
        command,
        fingerprint,
        time_budget: HOUR,
        key_seed: KeySeed::from_bytes([9; 16]),
        form: None,
        earlier: Vec::new(),
        unique: false,
    }
}

async fn running(store: &MemoryStore) -> Claim {
    let kinds = vec![KindPolicy::new(Kind::new("PAYMENT", "CHARGE").unwrap())];
    let worker = WorkerId::generate("w").unwrap();
    store.accept(vec![acceptance()]).await.unwrap();
    let params = ClaimParams { kinds, worker, id: ClaimId::generate(), limit: 1, lease: HOUR };
    match &store.claim(params).await.unwrap()[..] {
        [Claimed::Operation(attempt)] => attempt.claim(),
        other => panic!("{other:?}"),
    }
}

fn ended(claim: Claim, outcome: Outcome) -> EndedAttempt {
    let end = AttemptEnd::Outcome(outcome);
    EndedAttempt { claim, source: Source::Handler, end, delay: DELAY }
}

#[tokio::test]
async fn each_memory_url_opens_a_new_empty_store() {
    let first = open("memory:").await.unwrap();
    first.accept(vec![acceptance()]).await.unwrap();
    let second = open("memory:").await.unwrap();
    assert_eq!(first.list(ListParams::default()).await.unwrap().items.len(), 1);
    assert!(second.list(ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_accept_wakes_all_who_wait() {
    let store = store();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { is_woken(&store, HOUR / 60).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.accept(vec![acceptance()]).await.unwrap();
    for waiting in waiting {
        assert!(waiting.await.unwrap());
    }
}

#[tokio::test]
async fn an_accept_just_before_the_wait_is_not_missed() {
    let store = store();
    store.accept(vec![acceptance()]).await.unwrap();
    assert!(is_woken(&store, HOUR / 60).await);
    assert!(!is_woken(&store, DELAY).await, "what is due already wakes no one a second time");
}

#[tokio::test]
async fn a_wait_ends_when_the_next_operation_is_due() {
    let store = store();
    let claim = running(&store).await;
    let retry = Outcome::Retry { reason: "busy".into(), after: None };
    store.settle(vec![ended(claim, retry)]).await.unwrap();
    store.wait_for_work(HOUR).await;
    let began = monotonic::now();
    assert!(is_woken(&store, HOUR / 60).await);
    assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());
}

/// Held by the hook below until the test lets it go on.
static GATE: Semaphore = Semaphore::const_new(0);

#[tokio::test]
async fn a_slow_hook_holds_up_nobody_and_does_not_finish_twice() {
    let store = store();
    let claim = running(&store).await;
    let output = Payload::from("done");
    let done = Outcome::Ok { output: output.clone() };
    store.log(vec![ended(claim, done)]).await.unwrap();
    let hook = HookFn {
        connection: ConnectionType::of::<MemoryConnection>,
        run: |_, _, _| {
            Box::pin(async {
                GATE.acquire().await.unwrap().forget();
                Ok(())
            })
        },
    };
    let hook = Some(hook.into());
    let slow = store.clone();
    let slow = tokio::spawn(async move { slow.finalize(vec![Finalization { claim, hook }]).await });
    tokio::task::yield_now().await;
    let finished = [Finalized::Finished(FinalOutcome::Ok(output))];
    let quick = store.finalize(vec![Finalization { claim, hook: None }]).await.unwrap();
    assert_eq!(quick, finished);
    GATE.add_permits(1);
    let [finished] = finished;
    assert_eq!(slow.await.unwrap().unwrap(), [finished.again()]);
    let operation = store.get(&Owner::default(), claim.op_id).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::Completed);
}
