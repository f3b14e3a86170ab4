//! Answers that come too late: kept once, without effect.

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Claim, Finalized, Logged};
use orch_core::words::{LogEntry, LogStatus, OpId, Status};

use crate::fixture::{BUDGET, World, ended, fail, in_doubt, ok, policy, retry};

async fn late(world: &World, op_id: OpId) -> Vec<LogEntry> {
    world.history(op_id).await.into_iter().filter(|entry| entry.late).collect()
}

/// A claim that was lost, on an operation that has failed since.
async fn failed_behind_its_back(world: &World) -> Claim {
    let claim = world.running_as("k", KindPolicy { in_doubt: InDoubt::Fail, ..policy() }).await;
    let to = world.expire().await;
    assert!(matches!(to, Some(Finalized::Finished(_))), "{to:?}");
    claim
}

pub async fn an_answer_after_the_end_is_kept_and_changes_nothing(world: World) {
    let claim = failed_behind_its_back(&world).await;
    let before = world.operation(claim.op_id).await;
    assert_eq!(world.settle(ended(claim, ok("paid"))).await, Finalized::Stale);
    assert_eq!(world.operation(claim.op_id).await, before);
    let kept = late(&world, claim.op_id).await;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].fence, &kept[0].end), (claim.fence, &ok("paid")));
    assert_eq!(kept[0].status, LogStatus::Completed);
    assert_eq!(kept[0].logged_at, world.now().await);
}

pub async fn log_keeps_a_late_answer_too(world: World) {
    let claim = failed_behind_its_back(&world).await;
    assert_eq!(world.log(ended(claim, ok("paid"))).await, Logged::Stale);
    assert_eq!(late(&world, claim.op_id).await.len(), 1);
    world.advance(60);
    assert_eq!(world.unfinalized().await, []);
}

pub async fn the_dead_letter_counts_late_answers(world: World) {
    let claim = failed_behind_its_back(&world).await;
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 0);
    world.settle(ended(claim, ok("paid"))).await;
    let letter = world.dead_letter(claim.op_id).await;
    assert_eq!((letter.late_outcomes, letter.failure.code.as_str()), (1, "IN_DOUBT"));
}

pub async fn a_late_answer_is_kept_once(world: World) {
    let claim = failed_behind_its_back(&world).await;
    for _ in 0..3 {
        assert_eq!(world.settle(ended(claim, ok("paid"))).await, Finalized::Stale);
        assert_eq!(world.log(ended(claim, fail("OTHER"))).await, Logged::Stale);
    }
    let kept = late(&world, claim.op_id).await;
    assert_eq!(kept.iter().map(|entry| &entry.end).collect::<Vec<_>>(), [&ok("paid")]);
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 1);
}

pub async fn an_answer_under_a_superseded_claim_is_kept(world: World) {
    let lost = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let held = world.claim().await;
    assert_eq!(world.settle(ended(lost, ok("paid"))).await, Finalized::Stale);
    assert_eq!(late(&world, lost.op_id).await.len(), 1);
    let answer = world.settle(ended(held, ok("paid again"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    assert_eq!(late(&world, lost.op_id).await[0].fence, lost.fence);
}

pub async fn each_lost_claim_keeps_its_own_answer(world: World) {
    let first = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let second = world.claim().await;
    world.expire().await;
    world.settle(ended(second, fail("SECOND"))).await;
    world.settle(ended(first, ok("first"))).await;
    let fences: Vec<_> = late(&world, first.op_id).await.iter().map(|e| e.fence).collect();
    assert_eq!(fences, [second.fence, first.fence], "in the order in which they came");
}

pub async fn a_late_doubt_is_not_an_answer(world: World) {
    let claim = failed_behind_its_back(&world).await;
    assert_eq!(world.settle(ended(claim, in_doubt("timeout"))).await, Finalized::Stale);
    assert_eq!(late(&world, claim.op_id).await, []);
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 0);
}

pub async fn a_repeated_settle_is_not_a_late_answer(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(1);
    world.claim().await;
    // The first worker never got its reply, and calls again.
    assert_eq!(world.settle(ended(claim, retry("busy"))).await, Finalized::Stale);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
    assert_eq!(world.operation(claim.op_id).await.retries, 1);
}

pub async fn an_answer_after_the_time_budget_is_kept(world: World) {
    let claim = world.running("k").await;
    world.expire().await;
    world.clock.advance(BUDGET);
    world.sweep_over_budget().await;
    assert_eq!(world.operation(claim.op_id).await.status, Status::Failed);
    world.settle(ended(claim, ok("paid"))).await;
    assert_eq!(late(&world, claim.op_id).await.len(), 1);
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 1);
}

pub async fn an_answer_after_a_completed_end_is_kept(world: World) {
    let lost = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let held = world.claim().await;
    world.settle(ended(held, ok("done"))).await;
    assert_eq!(world.settle(ended(lost, ok("paid"))).await, Finalized::Stale);
    assert_eq!(late(&world, lost.op_id).await.len(), 1);
    assert_eq!(world.operation(lost.op_id).await.status, Status::Completed);
}
