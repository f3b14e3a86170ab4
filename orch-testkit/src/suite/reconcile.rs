//! Reconcile: the provider is asked what happened, and only its answer moves the operation.

use orch_core::policies::{DEFAULT_MAX_RECONCILES, InDoubt, KindPolicy};
use orch_core::store::{Claim, Finalized, Purpose, ReleaseReason, Released, Renewed};
use orch_core::words::{FinalOutcome, Phase, Source, Status};

use crate::fixture::{
    BUDGET, DELAY, LEASE, World, ended, in_doubt, not_happened, ok, output, policy, reconciled,
    retry,
};

fn asking() -> KindPolicy {
    KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() }
}

/// A reconcile that a worker is putting to the provider.
async fn reconcile(world: &World) -> Claim {
    let claim = world.running_as("k", asking()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    world.reconcile(asking()).await
}

pub async fn a_question_holds_a_lease_and_stays_in_doubt(world: World) {
    let claim = reconcile(&world).await;
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.attempt), (Some(Phase::InDoubt), 1));
    assert_eq!(operation.due_at, None);
    assert_eq!(operation.lease_expires_at, Some(world.now().await.plus(LEASE)));
    world.nothing_to_claim(asking()).await;
    assert!(matches!(world.renew(claim).await, Renewed::Renewed { .. }));
}

pub async fn happened_completes_it(world: World) {
    let claim = reconcile(&world).await;
    let answer = world.settle(reconciled(claim, ok("paid"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
    assert_eq!(world.history(claim.op_id).await[1].source, Source::Reconcile);
}

pub async fn not_happened_makes_it_safe_to_run(world: World) {
    let claim = reconcile(&world).await;
    let due_at = world.now().await.plus(DELAY);
    let answer = world.settle(reconciled(claim, not_happened())).await;
    assert_eq!(answer, Finalized::Waiting { due_at });
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Waiting));
    world.advance(1);
    let run = world.claim_as(asking()).await;
    assert_eq!((run.purpose, run.envelope.attempt), (Purpose::Attempt, 2));
}

pub async fn not_happened_clears_the_doubt(world: World) {
    let claim = reconcile(&world).await;
    world.settle(reconciled(claim, not_happened())).await;
    world.spend_budget().await;
    let failure = world.failure(claim.op_id).await;
    assert!(!failure.uncertain && failure.called, "{failure:?}");
}

pub async fn unanswered_stays_in_doubt_and_asks_again(world: World) {
    let claim = reconcile(&world).await;
    let due_at = world.now().await.plus(DELAY);
    let answer = world.settle(reconciled(claim, in_doubt("cannot say"))).await;
    assert_eq!(answer, Finalized::InDoubt { due_at });
    world.advance(1);
    let next = world.claim_as(asking()).await;
    assert_eq!((next.purpose, next.reconciles), (Purpose::Reconcile, 2));
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.attempt, operation.lost_attempts), (1, 1), "questions do not count");
}

pub async fn after_the_last_question_it_is_parked(world: World) {
    let mut claim = reconcile(&world).await;
    for _ in 1..DEFAULT_MAX_RECONCILES {
        let answer = world.settle(reconciled(claim, in_doubt("cannot say"))).await;
        assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
        world.advance(1);
        claim = world.reconcile(asking()).await;
    }
    assert_eq!(world.settle(reconciled(claim, in_doubt("cannot say"))).await, Finalized::Parked);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
    assert_eq!(world.operation(claim.op_id).await.lost_attempts, 1);
}

pub async fn a_lost_question_is_only_due_again(world: World) {
    let claim = reconcile(&world).await;
    let before = world.history(claim.op_id).await;
    let answer = world.expire().await;
    assert_eq!(answer, Some(Finalized::InDoubt { due_at: world.now().await }));
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.lost_attempts), (Some(Phase::InDoubt), 1));
    assert!(operation.fence > claim.fence);
    assert_eq!(world.history(claim.op_id).await, before);
    assert!(world.reconcile(asking()).await.fence > operation.fence);
}

pub async fn lost_questions_count_towards_the_limit(world: World) {
    let claim = reconcile(&world).await;
    for _ in 1..DEFAULT_MAX_RECONCILES {
        let answer = world.expire().await;
        assert!(matches!(answer, Some(Finalized::InDoubt { .. })), "{answer:?}");
        world.reconcile(asking()).await;
    }
    assert_eq!(world.expire().await, Some(Finalized::Parked));
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
}

pub async fn the_kind_says_how_many_questions(world: World) {
    let asking = || KindPolicy { max_reconciles: 2, ..asking() };
    let claim = world.running_as("k", asking()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let first = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(first, in_doubt("cannot say"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    world.reconcile(asking()).await;
    assert_eq!(world.expire().await, Some(Finalized::Parked));
}

pub async fn the_limit_of_the_latest_question_counts(world: World) {
    let first = reconcile(&world).await;
    let answer = world.settle(reconciled(first, in_doubt("cannot say"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    let second = world.reconcile(KindPolicy { max_reconciles: 2, ..asking() }).await;
    world.log(reconciled(second, in_doubt("cannot say"))).await;
    assert_eq!(world.finalize(second, None).await, Finalized::Parked);
}

pub async fn a_declared_question_is_put_although_a_later_deploy_says_retry(world: World) {
    let claim = world.running_as("k", asking()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let reconcile = world.claim_as(policy()).await;
    assert_eq!((reconcile.purpose, reconcile.envelope.attempt), (Purpose::Reconcile, 1));
    world.clock.advance(BUDGET);
    world.expire().await;
    assert_eq!(world.sweep_over_budget().await, []);
    assert_eq!(
        world.claim_as(policy()).await.purpose,
        Purpose::Reconcile,
        "also past its deadline"
    );
}

pub async fn a_later_deploy_may_ask_where_retry_was_declared(world: World) {
    let claim = world.running_as("k", policy()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let reconcile = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(reconcile, in_doubt("cannot say"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    assert_eq!(world.claim_as(asking()).await.purpose, Purpose::Reconcile);
}

pub async fn a_later_deploy_asks_also_where_the_doubt_only_waits(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let second = world.claim().await;
    let answer = world.settle(ended(second, retry("busy"))).await;
    assert!(matches!(answer, Finalized::Waiting { .. }), "{answer:?}");
    world.advance(1);
    let reconcile = world.claim_as(asking()).await;
    assert_eq!((reconcile.purpose, reconcile.envelope.attempt), (Purpose::Reconcile, 2));
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.attempt), (Some(Phase::InDoubt), 2));
    assert_eq!(world.expire().await, Some(Finalized::InDoubt { due_at: world.now().await }));
}

pub async fn the_answer_to_a_lost_question_is_kept_as_late(world: World) {
    let claim = reconcile(&world).await;
    world.expire().await;
    assert_eq!(world.settle(reconciled(claim, ok("paid"))).await, Finalized::Stale);
    assert_eq!(world.operation(claim.op_id).await.status, Status::InProgress);
    let entry = world.history(claim.op_id).await.pop().unwrap();
    assert_eq!((entry.late, entry.source, entry.end), (true, Source::Reconcile, ok("paid")));
}

pub async fn questions_go_on_past_the_deadline(world: World) {
    let claim = reconcile(&world).await;
    world.clock.advance(BUDGET);
    world.settle(reconciled(claim, in_doubt("cannot say"))).await;
    assert_eq!(world.sweep_over_budget().await, []);
    world.advance(1);
    let next = world.reconcile(asking()).await;
    world.settle(reconciled(next, ok("paid"))).await;
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}

pub async fn not_happened_past_the_deadline_fails_plainly(world: World) {
    let claim = reconcile(&world).await;
    world.clock.advance(BUDGET);
    world.settle(reconciled(claim, not_happened())).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("TIME_BUDGET_EXCEEDED", false));
}

pub async fn a_released_question_is_due_at_once_and_not_counted(world: World) {
    let claim = reconcile(&world).await;
    assert_eq!(world.release(claim, ReleaseReason::Unstarted).await, Released::Released);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.attempt), (Some(Phase::InDoubt), 1));
    let next = world.claim_as(asking()).await;
    assert_eq!((next.purpose, next.reconciles), (Purpose::Reconcile, 1));
    assert!(next.claim().fence > claim.fence);
}

pub async fn a_logged_answer_waits_for_the_finalizer(world: World) {
    let claim = reconcile(&world).await;
    world.log(reconciled(claim, ok("paid"))).await;
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::InDoubt));
    world.advance(60);
    assert_eq!(world.sweep_expired().await, []);
    world.nothing_to_claim(asking()).await;
    assert_eq!(world.unfinalized().await, [claim]);
    let answer = world.finalize(claim, None).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}
