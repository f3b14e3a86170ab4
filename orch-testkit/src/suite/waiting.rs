//! Retries: when the next attempt is due, and what a release gives back.

use std::time::Duration;

use orch_core::store::{EndedAttempt, Finalized, ReleaseReason, Released, monotonic};
use orch_core::words::{Phase, Status};

use crate::fixture::{DELAY, World, ended, policy, retry};

pub async fn a_retry_waits_for_its_delay(world: World) {
    let claim = world.running("k").await;
    let due_at = world.now().await.plus(DELAY);
    let answer = world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(answer, Finalized::Waiting { due_at });
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Waiting)));
    assert_eq!((operation.due_at, operation.lease_expires_at), (Some(due_at), None));
    assert_eq!((operation.retries, operation.lost_attempts), (1, 0));
    assert_eq!(operation.reason.as_deref(), Some("busy"));
}

pub async fn it_is_claimed_at_its_instant_and_not_before(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(DELAY - Duration::from_micros(1));
    world.nothing_to_claim(policy()).await;
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 2);
}

pub async fn a_reason_is_told_while_it_waits_and_not_while_it_runs(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(DELAY);
    world.claim().await;
    assert_eq!(world.operation(claim.op_id).await.reason, None);
}

pub async fn the_delay_counts_from_the_end_of_the_attempt(world: World) {
    let claim = world.running("k").await;
    world.advance(25);
    let due_at = world.now().await.plus(Duration::from_secs(9));
    let slow = EndedAttempt { delay: Duration::from_secs(9), ..ended(claim, retry("busy")) };
    assert_eq!(world.settle(slow).await, Finalized::Waiting { due_at });
}

pub async fn a_logged_retry_waits_once_it_is_finalized(world: World) {
    let claim = world.running("k").await;
    let due_at = world.now().await.plus(DELAY);
    world.log(ended(claim, retry("busy"))).await;
    assert_eq!(world.operation(claim.op_id).await.retries, 0);
    assert_eq!(world.finalize(claim, None).await, Finalized::Waiting { due_at });
    assert_eq!(world.finalize(claim, None).await, Finalized::Waiting { due_at });
    assert_eq!(world.operation(claim.op_id).await.retries, 1);
}

pub async fn a_waiting_operation_is_not_taken_for_lost(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(120);
    assert_eq!(world.sweep_expired().await, []);
    assert_eq!(world.operation(claim.op_id).await.fence, claim.fence);
}

pub async fn a_delay_that_is_endless_ends_at_the_deadline(world: World) {
    let claim = world.running("k").await;
    let endless = EndedAttempt { delay: Duration::MAX, ..ended(claim, retry("busy")) };
    let answer = world.settle(endless).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    assert_eq!(world.failure(claim.op_id).await.code, "TIME_BUDGET_EXCEEDED");
}

pub async fn a_release_gives_the_attempt_back(world: World) {
    let claim = world.running("k").await;
    world.advance(3);
    assert_eq!(world.release(claim, ReleaseReason::Unstarted).await, Released::Released);
    let (operation, now) = (world.operation(claim.op_id).await, world.now().await);
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Waiting)));
    assert_eq!((operation.attempt, operation.due_at), (0, Some(now)));
    assert_eq!(operation.lease_expires_at, None);
    assert_eq!(world.history(claim.op_id).await, []);
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 1);
}

pub async fn a_release_is_carried_out_once(world: World) {
    let first = world.running("k").await;
    world.settle(ended(first, retry("busy"))).await;
    world.advance(1);
    let second = world.claim().await;
    for _ in 0..3 {
        world.release(second, ReleaseReason::Unstarted).await;
    }
    assert_eq!(world.operation(second.op_id).await.attempt, 1);
}

pub async fn a_release_after_the_log_is_stale(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, retry("busy"))).await;
    assert_eq!(world.release(claim, ReleaseReason::Unstarted).await, Released::Stale);
    assert_eq!(world.operation(claim.op_id).await.attempt, 1);
}

pub async fn wait_for_work_returns_by_its_timeout(world: World) {
    let wait = world.store.wait_for_work(Duration::from_millis(20));
    monotonic::timeout(Duration::from_secs(10), wait).await.expect("it returns");
}

pub async fn a_wake_ends_the_wait_for_work(world: World) {
    for _ in 0..2 {
        world.store.wake();
        let wait = world.store.wait_for_work(Duration::from_secs(60 * 60));
        monotonic::timeout(Duration::from_secs(10), wait).await.expect("it returns");
    }
}
