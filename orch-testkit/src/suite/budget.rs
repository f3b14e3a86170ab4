//! The time budget, in every phase that an operation can be in when it ends.

use std::time::Duration;

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Acceptance, Finalized, ReleaseReason, Renewed, SweepParams};
use orch_core::words::{LogStatus, Phase, Source, Status};

use crate::fixture::{
    BUDGET, DELAY, LEASE, World, acceptance, ended, in_doubt, kind, ok, other_kind, policy, retry,
    sweep_params,
};

pub async fn a_pending_operation_fails_as_never_called(world: World) {
    let op_id = world.accepted("k").await;
    let swept = world.spend_budget().await;
    assert_eq!((swept[0].op_id, &swept[0].kind), (op_id, &kind()));
    assert!(matches!(swept[0].to, Some(Finalized::Finished(_))));
    let failure = world.failure(op_id).await;
    assert_eq!(failure.code, "TIME_BUDGET_EXCEEDED");
    assert_eq!((failure.called, failure.uncertain), (false, false));
    let operation = world.operation(op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::Failed, None));
    assert_eq!((operation.attempt, operation.due_at), (0, None));
    assert_eq!(world.dead_letter(op_id).await.failure, failure);
}

pub async fn its_end_is_logged_by_the_engine(world: World) {
    let op_id = world.accepted("k").await;
    world.spend_budget().await;
    let history = world.history(op_id).await;
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].source, history[0].worker.as_ref()), (Source::Engine, None));
    assert_eq!(history[0].fence, world.operation(op_id).await.fence);
    assert_eq!((history[0].status, history[0].late), (LogStatus::Completed, false));
}

pub async fn a_waiting_operation_fails_with_its_last_reason(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.spend_budget().await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!(failure.code, "TIME_BUDGET_EXCEEDED");
    assert_eq!(failure.cause.as_deref(), Some("busy"));
    assert_eq!((failure.called, failure.uncertain), (true, false));
}

pub async fn a_released_one_that_never_ran_says_so(world: World) {
    let claim = world.running("k").await;
    world.release(claim, ReleaseReason::Unstarted).await;
    world.spend_budget().await;
    assert!(!world.failure(claim.op_id).await.called);
}

pub async fn in_doubt_with_retry_fails_as_uncertain(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.spend_budget().await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!(failure.code, "TIME_BUDGET_EXCEEDED");
    assert!(failure.uncertain && failure.called);
}

pub async fn in_doubt_with_reconcile_is_left_to_the_questions(world: World) {
    let asking = KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = world.running_as("k", asking.clone()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(world.spend_budget().await, []);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::InDoubt));
    world.reconcile(asking).await;
}

pub async fn a_running_attempt_is_left_to_its_worker(world: World) {
    let claim = world.running("k").await;
    assert_eq!(world.spend_budget().await, []);
    assert!(matches!(world.renew(claim).await, Renewed::Renewed { .. }));
    let answer = world.settle(ended(claim, ok("done"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "an answer in hand counts: {answer:?}");
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}

pub async fn a_retry_after_the_deadline_fails_at_once(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(BUDGET);
    world.settle(ended(claim, retry("busy"))).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!(failure.code, "TIME_BUDGET_EXCEEDED");
    assert_eq!(failure.cause.as_deref(), Some("busy"));
}

pub async fn a_retry_that_would_land_on_the_deadline_fails_now(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(BUDGET - DELAY);
    world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(world.failure(claim.op_id).await.code, "TIME_BUDGET_EXCEEDED");
}

pub async fn a_parked_operation_waits_for_its_person(world: World) {
    let op_id = world.parked("k").await;
    assert_eq!(world.spend_budget().await, []);
    assert_eq!(world.operation(op_id).await.phase, Some(Phase::Parked));
}

pub async fn at_the_deadline_the_sweep_has_it_and_the_claim_not(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET - Duration::from_micros(1));
    assert_eq!(world.sweep_over_budget().await, []);
    world.clock.advance(Duration::from_micros(1));
    world.nothing_to_claim(policy()).await;
    assert_eq!(world.sweep_over_budget().await[0].op_id, op_id);
}

pub async fn just_before_the_deadline_it_is_claimed(world: World) {
    world.accepted("k").await;
    world.clock.advance(BUDGET - Duration::from_micros(1));
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 1);
}

pub async fn a_pending_operation_of_an_unknown_kind_is_left_alone(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    for kinds in [vec![], vec![KindPolicy::new(other_kind())]] {
        let params = SweepParams { kinds, ..sweep_params([]) };
        assert_eq!(world.store.sweep_over_budget(params).await.unwrap(), []);
    }
    assert_eq!(world.operation(op_id).await.status, Status::Pending);
    assert_eq!(world.store.unknown_kinds(&[other_kind()]).await.unwrap(), [(kind(), 1)]);
}

pub async fn a_waiting_operation_ends_whoever_sweeps(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(BUDGET);
    let swept = world.store.sweep_over_budget(sweep_params([])).await.unwrap();
    assert_eq!(swept[0].op_id, claim.op_id);
    assert_eq!(world.operation(claim.op_id).await.status, Status::Failed);
}

pub async fn a_pending_operation_of_a_hooked_kind_is_only_logged(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    let params = sweep_params([KindPolicy { hooked: true, ..policy() }]);
    let swept = world.store.sweep_over_budget(params.clone()).await.unwrap();
    assert!(swept[0].logged());
    assert_eq!(world.operation(op_id).await.status, Status::InProgress);
    assert_eq!(world.store.sweep_over_budget(params).await.unwrap(), []);
    world.advance(1);
    assert_eq!(world.store.unfinalized(&[], 10).await.unwrap(), [], "it needs the hook");
    let logged = world.unfinalized().await.remove(0);
    let answer = world.finalize(logged, Some(world.backend.failing_hook())).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    world.finalize(logged, Some(world.backend.marking_hook())).await;
    assert!(!world.failure(op_id).await.called);
}

pub async fn a_sweep_ends_each_operation_once(world: World) {
    let op_id = world.accepted("k").await;
    world.spend_budget().await;
    let before = world.operation(op_id).await;
    assert_eq!(world.sweep_over_budget().await, []);
    assert_eq!(world.operation(op_id).await, before);
}

pub async fn a_sweep_keeps_its_limit_and_the_next_goes_on(world: World) {
    let batch: Vec<_> = (0..5).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    world.clock.advance(BUDGET);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let params = SweepParams { limit: 2, ..sweep_params([policy()]) };
        sizes.push(world.store.sweep_over_budget(params).await.unwrap().len());
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
}

pub async fn each_operation_has_its_own_budget(world: World) {
    let short = Acceptance { time_budget: Duration::from_millis(1), ..acceptance("short") };
    let short = world.accepted_as(short).await;
    let long = world.accepted("long").await;
    world.clock.advance(Duration::from_millis(1));
    let swept = world.sweep_over_budget().await;
    assert_eq!(swept.iter().map(|s| s.op_id).collect::<Vec<_>>(), [short]);
    assert_eq!(world.operation(long).await.status, Status::Pending);
}

pub async fn a_huge_budget_does_not_wrap(world: World) {
    let item = Acceptance { time_budget: orch_core::policies::MAX_TIME_BUDGET, ..acceptance("k") };
    let op_id = world.accepted_as(item).await;
    let operation = world.operation(op_id).await;
    let span = operation.deadline.since(operation.accepted_at);
    assert_eq!(span, orch_core::policies::MAX_TIME_BUDGET);
    world.clock.advance(BUDGET + LEASE);
    assert_eq!(world.sweep_over_budget().await, []);
}
