//! The store's clock, which may jump in either direction.

use std::time::Duration;

use orch_core::store::{Clock, EndedAttempt, Finalized, Renewed};
use orch_core::words::Status;

use crate::fixture::{DELAY, LEASE, World, acceptance, ended, ok, policy, retry};

const BACK: Duration = Duration::from_secs(3600);

pub async fn now_is_the_clock_of_the_store(world: World) {
    assert_eq!(world.now().await, world.clock.now());
    world.advance(5);
    assert_eq!(world.now().await, world.clock.now());
}

pub async fn turned_back_it_still_settles(world: World) {
    let claim = world.running("k").await;
    world.clock.turn_back(BACK);
    let answer = world.settle(ended(claim, ok("done"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    let operation = world.operation(claim.op_id).await;
    assert_eq!(operation.finished_at, Some(world.now().await));
    assert!(operation.finished_at < Some(operation.accepted_at));
}

pub async fn turned_back_it_takes_no_lease(world: World) {
    let claim = world.running("k").await;
    world.clock.turn_back(BACK);
    assert_eq!(world.sweep_expired().await, []);
    let lease_expires_at = world.now().await.plus(LEASE);
    assert_eq!(world.renew(claim).await, Renewed::Renewed { lease_expires_at });
    world.clock.advance(LEASE);
    assert_eq!(world.sweep_expired().await.len(), 1, "the renewed lease counts, not the first");
}

pub async fn turned_back_it_loses_nothing(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.turn_back(BACK);
    assert_eq!(world.sweep_over_budget().await, []);
    world.clock.advance(BACK);
    assert_eq!(world.claim_as(policy()).await.envelope.op_id, op_id);
}

pub async fn turned_back_the_fence_still_grows(world: World) {
    let first = world.running("k").await;
    world.expire().await;
    world.clock.turn_back(BACK);
    world.clock.advance(BACK + Duration::from_secs(2));
    let second = world.claim().await;
    world.clock.turn_back(BACK);
    assert!(second.fence > first.fence);
    assert_eq!(world.settle(ended(first, ok("late"))).await, Finalized::Stale);
    assert!(matches!(world.settle(ended(second, ok("done"))).await, Finalized::Finished(_)));
}

pub async fn turned_back_a_retry_waits_from_the_new_present(world: World) {
    let claim = world.running("k").await;
    world.clock.turn_back(BACK);
    let due_at = world.now().await.plus(DELAY);
    let answer = world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(answer, Finalized::Waiting { due_at });
}

pub async fn a_delay_is_not_cut_to_whole_milliseconds(world: World) {
    let claim = world.running("k").await;
    let delay = Duration::from_micros(1_000_400);
    let earliest = world.now().await.plus(delay);
    world.log(EndedAttempt { delay, ..ended(claim, retry("busy")) }).await;
    match world.finalize(claim, None).await {
        Finalized::Waiting { due_at } => assert!(due_at >= earliest, "{due_at} < {earliest}"),
        other => panic!("{other:?}"),
    }
}

pub async fn turned_back_a_key_is_still_replayed(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.turn_back(BACK);
    let answer = world.admit(acceptance("k")).await;
    assert_eq!(answer, orch_core::store::Admitted::Replayed { op_id });
}

pub async fn a_leap_of_a_century_ends_budgets_and_nothing_else(world: World) {
    let done = world.running("done").await;
    world.settle(ended(done, ok("done"))).await;
    let pending = world.accepted("pending").await;
    world.clock.advance(Duration::from_secs(100 * 365 * 24 * 3600));
    assert_eq!(world.sweep_expired().await, []);
    assert_eq!(world.sweep_over_budget().await.len(), 1);
    assert_eq!(world.operation(pending).await.status, Status::Failed);
    assert_eq!(world.operation(done.op_id).await.status, Status::Completed);
}
