//! Questions to the provider have a timeout, a backoff and a limit of their own.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::emitted::bound;
use orch_core::handler::{Context, Reconciled, Registration};
use orch_core::memory::MemoryStore;
use orch_core::policies::Backoff;
use orch_core::policies::Ending;
use orch_core::store::ManualClock;
use orch_core::words::{AttemptEnd, Phase, Waited};

use crate::world::{
    Answer, Charge, Provider, accept, builder, finished, operation, reconciling, runtime, until,
};

fn no_answer() -> Answer {
    Answer::Error("sent, but no answer", Ending::InDoubt)
}

/// Hangs, provided that it is told to be quick.
async fn hang(_: Charge, ctx: Context) -> Reconciled<u64> {
    if ctx.remaining() > Duration::from_secs(1) {
        return Reconciled::Happened(0);
    }
    std::future::pending().await
}

#[tokio::test]
async fn a_question_is_cut_off_at_its_own_timeout() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let mut asking = Registration {
        reconcile: Some(|call| bound::<Charge>().reconcile(hang).start(call)),
        ..reconciling()
    };
    asking.descriptor.reconcile_timeout = Duration::from_millis(20);
    asking.descriptor.max_reconciles = 2;
    let runtime = runtime(&provider, asking).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    let history = runtime.orchestrator().history(accepted.op_id).await.unwrap();
    assert_eq!(history.len(), 3, "one call and two reconciles");
    let reason = "no answer within the reconcile timeout of 20ms".to_owned();
    assert_eq!(history[2].end, AttemptEnd::InDoubt { reason });
}

#[tokio::test]
async fn questions_wait_by_their_own_backoff_and_runs_by_theirs() {
    let clock = Arc::new(ManualClock::default());
    let store = MemoryStore::with_clock(clock.clone());
    let provider = Arc::new(Provider::default()).answers([no_answer()]).says([
        Reconciled::Unanswered,
        Reconciled::Unanswered,
        Reconciled::NotHappened,
    ]);
    let mut asking = reconciling();
    asking.descriptor.reconcile_backoff = Backoff::from_millis(7_000, 100_000);
    let runtime = builder(store, &provider, asking).start().await.unwrap();
    let accepted = accept(runtime.orchestrator(), 1).await;
    for (asked, least) in [(0, 7), (1, 7), (2, 14)] {
        let wanted = until(runtime.orchestrator(), &accepted, |op| {
            op.due_at.is_some() && *provider.reconciles.lock().unwrap() == asked && op.attempt == 1
        });
        let delay = wanted.await.due_at.unwrap().since(orch_core::store::Clock::now(&*clock));
        let least = Duration::from_secs(least);
        assert!(delay >= least && delay <= least.mul_f64(1.1), "{delay:?} after {asked}");
        clock.advance(delay);
    }
    let waiting = until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Waiting));
    let delay = waiting.await.due_at.unwrap().since(orch_core::store::Clock::now(&*clock));
    assert!(delay <= Duration::from_millis(10), "{delay:?}");
    clock.advance(delay);
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
}

#[tokio::test]
async fn after_the_declared_number_of_questions_it_is_parked() {
    let provider = Arc::new(Provider::default()).answers([no_answer()]);
    let mut asking = reconciling();
    asking.descriptor.max_reconciles = 3;
    let runtime = runtime(&provider, asking).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    until(runtime.orchestrator(), &accepted, |op| op.phase == Some(Phase::Parked)).await;
    assert_eq!(*provider.reconciles.lock().unwrap(), 3);
    assert_eq!(operation(runtime.orchestrator(), &accepted).await.attempt, 1);
}
