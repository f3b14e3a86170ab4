//! The time budget, in every phase that an operation can be in when it ends.

use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::{Equipment, Handlers, Watch, history};
use orch_core::policies::{InDoubt, KindPolicy, UNHANDLED_PARKED_AFTER};
use orch_core::store::{Acceptance, Finalized, ReleaseReason, Renewed, Resolution, SweepParams};
use orch_core::upkeep::{Finalizer, Upkeep};
use orch_core::words::{LogStatus, OpId, Phase, Source, Status};

use crate::fixture::{
    BUDGET, DELAY, LEASE, World, acceptance, ended, in_doubt, kind, ok, other_kind, owner, policy,
    retry, sweep_params,
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

pub async fn the_history_shows_the_way_of_one_that_no_worker_claimed(world: World) {
    let op_id = world.accepted("k").await;
    world.spend_budget().await;
    let note = world.history(op_id).await.pop().unwrap().note.unwrap();
    assert!(note.starts_with("PENDING → IN_PROGRESS → FAILED"), "{note}");
    let (_, history) = history(&*world.store, &owner(), op_id).await.unwrap();
    let line = history[0].to_string();
    assert!(line.contains("TIME_BUDGET_EXCEEDED") && line.contains(&note), "{line}");
}

pub async fn with_a_hook_the_history_shows_it_as_far_as_it_has_gone(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    let params = sweep_params([KindPolicy { hooked: true, ..policy() }]);
    world.store.sweep_over_budget(params).await.unwrap();
    let note = world.history(op_id).await.pop().unwrap().note.unwrap();
    assert!(note.starts_with("PENDING → IN_PROGRESS;"), "{note}");
}

pub async fn one_that_was_claimed_has_its_attempts_to_show_it(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.spend_budget().await;
    let history = world.history(claim.op_id).await;
    let notes: Vec<_> = history.iter().map(|entry| (entry.source, entry.note.as_ref())).collect();
    assert_eq!(notes, [(Source::Handler, None), (Source::Engine, None)]);
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

/// A worker with no handler at all finalizes what it can: nothing of this kind is left but its rows.
async fn finalized_by_a_stranger(world: &World) -> usize {
    let (store, handlers) = (Arc::clone(&world.store), Handlers::default());
    let finalizer = Finalizer::new(Equipment { store, handlers, watch: Watch::default() });
    finalizer.run_once().await.unwrap().moved
}

/// What becomes of a logged end whose hook no worker has any more: nothing for a while, then it is parked
/// visibly, and an operator ends it.
async fn is_parked_and_can_be_ended(world: &World, op_id: OpId) {
    world.advance(1);
    assert_eq!(finalized_by_a_stranger(world).await, 0, "a worker with the hook may come");
    world.clock.advance(UNHANDLED_PARKED_AFTER);
    assert_eq!(finalized_by_a_stranger(world).await, 1);
    assert_eq!(world.operation(op_id).await.phase, Some(Phase::Parked));
    assert_eq!(finalized_by_a_stranger(world).await, 0, "once");
    world.resolve(op_id, Resolution::SkipHook).await;
    assert_eq!(world.failure(op_id).await.code, "TIME_BUDGET_EXCEEDED");
}

pub async fn a_logged_end_of_a_kind_that_no_worker_has_any_more_is_parked(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    let params = sweep_params([KindPolicy { hooked: true, ..policy() }]);
    assert!(world.store.sweep_over_budget(params).await.unwrap()[0].logged());
    is_parked_and_can_be_ended(&world, op_id).await;
}

pub async fn a_hooked_one_that_waits_ends_whoever_sweeps_and_is_parked(world: World) {
    let claim = world.running_as("k", KindPolicy { hooked: true, ..policy() }).await;
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(BUDGET);
    assert!(world.store.sweep_over_budget(sweep_params([])).await.unwrap()[0].logged());
    is_parked_and_can_be_ended(&world, claim.op_id).await;
}

pub async fn one_in_doubt_ends_whoever_sweeps(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.clock.advance(BUDGET);
    assert_eq!(
        world.store.sweep_over_budget(sweep_params([])).await.unwrap()[0].op_id,
        claim.op_id
    );
    let failure = world.failure(claim.op_id).await;
    assert!(failure.uncertain && failure.called);
}

pub async fn one_to_be_reconciled_of_an_unknown_kind_waits_visibly(world: World) {
    let asking = KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = world.running_as("k", asking.clone()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.clock.advance(BUDGET);
    assert_eq!(world.store.sweep_over_budget(sweep_params([])).await.unwrap(), []);
    assert_eq!(world.store.unknown_kinds(&[other_kind()]).await.unwrap(), [(kind(), 1)]);
    world.reconcile(asking).await;
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
