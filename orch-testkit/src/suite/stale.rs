//! A worker that lost its lease cannot write: every verb, after every way to lose it.

use orch_core::store::{Claim, Finalized, Logged, ReleaseReason, Released, Renewed};
use orch_core::words::{ClaimId, Fence, OpId};

use crate::fixture::{World, ended, fail, in_doubt, ok, retry};

/// A claim that the sweep has taken back; the operation is in doubt again.
async fn taken_over(world: &World) -> Claim {
    let claim = world.running("k").await;
    world.expire().await;
    claim
}

/// A claim that another worker's claim has followed.
async fn followed(world: &World) -> Claim {
    let claim = taken_over(world).await;
    world.advance(2);
    world.claim().await;
    claim
}

/// Runs a verb and sees that the row has not moved.
async fn unmoved<T>(world: &World, op_id: OpId, verb: impl Future<Output = T>) -> T {
    let before = world.operation(op_id).await;
    let answer = verb.await;
    assert_eq!(world.operation(op_id).await, before);
    answer
}

async fn log_is_stale(world: &World, claim: Claim) {
    let answer = unmoved(world, claim.op_id, world.log(ended(claim, ok("late")))).await;
    assert_eq!(answer, Logged::Stale);
    assert!(!world.unfinalized().await.contains(&claim));
}

async fn settle_is_stale(world: &World, claim: Claim) {
    let answer = unmoved(world, claim.op_id, world.settle(ended(claim, ok("late")))).await;
    assert_eq!(answer, Finalized::Stale);
}

async fn finalize_is_stale(world: &World, claim: Claim) {
    let answer = unmoved(world, claim.op_id, world.finalize(claim, None)).await;
    assert_eq!(answer, Finalized::Stale);
}

async fn renew_is_stale(world: &World, claim: Claim) {
    assert_eq!(unmoved(world, claim.op_id, world.renew(claim)).await, Renewed::Stale);
}

async fn release_is_stale(world: &World, claim: Claim) {
    let release = world.release(claim, ReleaseReason::Unstarted);
    assert_eq!(unmoved(world, claim.op_id, release).await, Released::Stale);
    let reason = "not JSON".to_owned();
    let release = world.release(claim, ReleaseReason::Unrunnable { reason });
    assert_eq!(unmoved(world, claim.op_id, release).await, Released::Stale);
}

pub async fn log_after_a_take_over(world: World) {
    log_is_stale(&world, taken_over(&world).await).await;
}

pub async fn settle_after_a_take_over(world: World) {
    settle_is_stale(&world, taken_over(&world).await).await;
}

pub async fn finalize_after_a_take_over(world: World) {
    finalize_is_stale(&world, taken_over(&world).await).await;
}

pub async fn renew_after_a_take_over(world: World) {
    renew_is_stale(&world, taken_over(&world).await).await;
}

pub async fn release_after_a_take_over(world: World) {
    release_is_stale(&world, taken_over(&world).await).await;
}

pub async fn log_after_the_next_claim(world: World) {
    log_is_stale(&world, followed(&world).await).await;
}

pub async fn settle_after_the_next_claim(world: World) {
    settle_is_stale(&world, followed(&world).await).await;
}

pub async fn finalize_after_the_next_claim(world: World) {
    finalize_is_stale(&world, followed(&world).await).await;
}

pub async fn renew_after_the_next_claim(world: World) {
    renew_is_stale(&world, followed(&world).await).await;
}

pub async fn release_after_the_next_claim(world: World) {
    release_is_stale(&world, followed(&world).await).await;
}

pub async fn every_verb_after_the_end(world: World) {
    let lost = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let last = world.claim().await;
    world.settle(ended(last, fail("CARD_DECLINED"))).await;
    log_is_stale(&world, lost).await;
    settle_is_stale(&world, lost).await;
    finalize_is_stale(&world, lost).await;
    for claim in [lost, last] {
        renew_is_stale(&world, claim).await;
        release_is_stale(&world, claim).await;
    }
}

pub async fn every_verb_on_an_operation_that_does_not_exist(world: World) {
    let claim = Claim { op_id: OpId::generate(), fence: Fence::new(1) };
    assert_eq!(world.log(ended(claim, ok("?"))).await, Logged::Stale);
    assert_eq!(world.settle(ended(claim, ok("?"))).await, Finalized::Stale);
    assert_eq!(world.finalize(claim, None).await, Finalized::Stale);
    assert_eq!(world.renew(claim).await, Renewed::Stale);
    assert_eq!(world.release(claim, ReleaseReason::Unstarted).await, Released::Stale);
    assert_eq!(world.all().await, []);
    assert_eq!(world.history(claim.op_id).await, []);
}

pub async fn every_verb_with_a_fence_from_the_future(world: World) {
    let held = world.running("k").await;
    let claim = Claim { fence: held.fence.next(ClaimId::generate()), ..held };
    finalize_is_stale(&world, claim).await;
    renew_is_stale(&world, claim).await;
    release_is_stale(&world, claim).await;
    log_is_stale(&world, claim).await;
    settle_is_stale(&world, claim).await;
    // Another history of the database has given it out: its answer is kept, once.
    assert_eq!(world.history(held.op_id).await.len(), 1);
    let answer = world.settle(ended(held, ok("done"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "the owner is not disturbed: {answer:?}");
}

pub async fn every_verb_after_a_release(world: World) {
    let claim = world.running("k").await;
    world.release(claim, ReleaseReason::Unstarted).await;
    renew_is_stale(&world, claim).await;
    finalize_is_stale(&world, claim).await;
    log_is_stale(&world, claim).await;
    settle_is_stale(&world, claim).await;
}

pub async fn a_stale_doubt_is_dropped(world: World) {
    let claim = followed(&world).await;
    let before = world.history(claim.op_id).await;
    assert_eq!(world.log(ended(claim, in_doubt("timeout"))).await, Logged::Stale);
    assert_eq!(world.settle(ended(claim, in_doubt("timeout"))).await, Finalized::Stale);
    assert_eq!(world.history(claim.op_id).await, before);
    // A retry is an answer, and kept; it does not count as one of the operation's.
    assert_eq!(world.settle(ended(claim, retry("busy"))).await, Finalized::Stale);
    assert_eq!(world.history(claim.op_id).await.len(), before.len() + 1);
    assert_eq!(world.operation(claim.op_id).await.retries, 0);
}
