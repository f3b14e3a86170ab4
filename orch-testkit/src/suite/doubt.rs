//! In doubt: the call was sent and no answer came. What follows is what the kind declares.

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Finalized, Purpose};
use orch_core::words::{AttemptEnd, Failure, LogStatus, Outcome, Phase, Status};

use crate::fixture::{BUDGET, DELAY, LEASE, World, ended, in_doubt, ok, policy, retry};

fn declared(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy { in_doubt, ..policy() }
}

pub async fn retry_runs_it_again(world: World) {
    let claim = world.running("k").await;
    let due_at = world.now().await.plus(DELAY);
    let answer = world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(answer, Finalized::InDoubt { due_at });
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.lost_attempts), (Some(Phase::InDoubt), 1));
    assert_eq!((operation.due_at, operation.lease_expires_at), (Some(due_at), None));
    assert_eq!(operation.reason.as_deref(), Some("no answer"));
    world.advance(1);
    let again = world.claim_as(policy()).await;
    assert_eq!((again.purpose, again.envelope.attempt), (Purpose::Attempt, 2));
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Running));
}

pub async fn park_leaves_it_to_a_person(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Park)).await;
    assert_eq!(world.settle(ended(claim, in_doubt("no answer"))).await, Finalized::Parked);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Parked)));
    assert_eq!((operation.due_at, operation.lease_expires_at), (None, None));
    assert_eq!(operation.reason.as_deref(), Some("no answer"));
    world.advance(60);
    world.nothing_to_claim(policy()).await;
}

pub async fn fail_ends_it_as_uncertain(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Fail)).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("IN_DOUBT", true));
    assert_eq!(failure.cause.as_deref(), Some("no answer"));
    assert_eq!(world.dead_letter(claim.op_id).await.failure, failure);
    assert_eq!(world.operation(claim.op_id).await.lost_attempts, 1);
}

pub async fn reconcile_asks_the_provider(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Reconcile)).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let reconcile = world.claim_as(declared(InDoubt::Reconcile)).await;
    assert_eq!((reconcile.purpose, reconcile.reconciles), (Purpose::Reconcile, 1));
    assert_eq!(reconcile.envelope.attempt, 1, "a reconcile is no attempt");
}

pub async fn a_lost_lease_follows_park(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Park)).await;
    assert_eq!(world.expire().await, Some(Finalized::Parked));
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
}

pub async fn a_lost_lease_follows_fail(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Fail)).await;
    world.expire().await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("IN_DOUBT", true));
    let history = world.history(claim.op_id).await;
    assert_eq!(history.len(), 2, "the lost attempt, then the end");
    assert!(history[1].fence > history[0].fence);
    assert!(history.iter().all(|entry| entry.status == LogStatus::Completed));
}

pub async fn a_lost_lease_follows_reconcile(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Reconcile)).await;
    world.expire().await;
    world.advance(2);
    let reconcile = world.reconcile(declared(InDoubt::Reconcile)).await;
    assert_eq!(reconcile.op_id, claim.op_id);
}

pub async fn a_lost_lease_of_a_hooked_kind_is_only_logged(world: World) {
    let hooked = KindPolicy { hooked: true, ..declared(InDoubt::Fail) };
    let claim = world.running_as("k", hooked).await;
    assert_eq!(world.expire().await, None);
    assert_eq!(world.operation(claim.op_id).await.status, Status::InProgress);
    assert_eq!(world.sweep_expired().await, []);
    world.nothing_to_claim(policy()).await;
    world.advance(1);
    let logged = world.unfinalized().await.remove(0);
    assert!(logged.fence > claim.fence);
    let answer = world.finalize(logged, Some(world.backend.marking_hook())).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("IN_DOUBT", true));
    assert_eq!(world.operation(claim.op_id).await.lost_attempts, 1);
}

pub async fn the_declaration_of_the_latest_claim_counts(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Retry)).await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(1);
    let second = world.attempt(declared(InDoubt::Park)).await;
    assert_eq!(world.settle(ended(second, in_doubt("no answer"))).await, Finalized::Parked);
}

pub async fn earlier_doubt_makes_a_later_giving_up_uncertain(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let second = world.claim().await;
    world.settle(ended(second, retry("busy"))).await;
    world.advance(1);
    let third = world.claim().await;
    world.settle(ended(third, retry("busy"))).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("ATTEMPTS_EXHAUSTED", true));
}

pub async fn a_failure_after_doubt_is_as_uncertain_as_its_worker_says(world: World) {
    for (key, hooked, uncertain) in
        [("a", false, false), ("b", false, true), ("c", true, false), ("d", true, true)]
    {
        let kind = KindPolicy { hooked, ..policy() };
        let claim = world.running_as(key, kind.clone()).await;
        world.settle(ended(claim, in_doubt("no answer"))).await;
        world.advance(1);
        let second = world.attempt(kind).await;
        let failure = Failure::new("HTTP_401", "no such API key").uncertain(uncertain);
        let end = ended(second, AttemptEnd::Outcome(Outcome::Fail(failure.clone())));
        if hooked {
            world.log(end).await;
            world.finalize(second, Some(world.backend.marking_hook())).await;
        } else {
            world.settle(end).await;
        }
        assert_eq!(world.failure(claim.op_id).await, failure, "{key}");
        assert_eq!(world.dead_letter(claim.op_id).await.failure, failure, "{key}");
    }
}

pub async fn doubt_at_the_deadline_is_never_plainly_failed(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(BUDGET - LEASE);
    world.renew(claim).await;
    assert!(matches!(world.expire().await, Some(Finalized::Finished(_))));
    let failure = world.failure(claim.op_id).await;
    assert_eq!(failure.code, "TIME_BUDGET_EXCEEDED");
    assert!(failure.uncertain && failure.called);
}

pub async fn the_same_doubt_twice_counts_once(world: World) {
    let claim = world.running("k").await;
    let first = world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(world.settle(ended(claim, in_doubt("no answer"))).await, first);
    assert_eq!(world.operation(claim.op_id).await.lost_attempts, 1);
}

pub async fn what_was_in_doubt_can_still_succeed(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let second = world.claim().await;
    world.settle(ended(second, ok("done"))).await;
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}
