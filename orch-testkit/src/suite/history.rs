//! Two claims with one count: a database that lost the first one, in a fail-over or by a restored
//! copy, has given the operation out again.

use orch_core::store::{Claim, Finalized, Logged, ReleaseReason, Released, Renewed};
use orch_core::words::{ClaimId, FinalOutcome, LogEntry, Phase};

use crate::fixture::{World, ended, fail, of_another_history, ok, output, retry};

/// The claim that the database knows, and one that it has lost.
async fn two_claims(world: &World) -> (Claim, Claim) {
    let held = world.running("k").await;
    let lost = of_another_history(held);
    assert_eq!(lost.fence.count(), held.fence.count());
    assert_ne!(lost.fence, held.fence);
    (held, lost)
}

async fn late(world: &World, claim: Claim) -> Vec<LogEntry> {
    let log = world.history(claim.op_id).await;
    log.into_iter().filter(|entry| entry.late).collect()
}

pub async fn the_decline_of_a_lost_claim_does_not_fail_the_operation(world: World) {
    let (held, lost) = two_claims(&world).await;
    let before = world.operation(held.op_id).await;
    assert_eq!(world.settle(ended(lost, fail("CARD_DECLINED"))).await, Finalized::Stale);
    assert_eq!(world.operation(held.op_id).await, before);
    let answer = world.settle(ended(held, ok("paid"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
    let kept = late(&world, held).await;
    let kept: Vec<_> = kept.iter().map(|entry| (entry.fence, &entry.end)).collect();
    assert_eq!(kept, [(lost.fence, &fail("CARD_DECLINED"))]);
}

pub async fn the_retry_of_a_lost_claim_does_not_follow_a_success(world: World) {
    let (held, lost) = two_claims(&world).await;
    world.settle(ended(held, ok("paid"))).await;
    let before = world.operation(held.op_id).await;
    assert_eq!(world.settle(ended(lost, retry("busy"))).await, Finalized::Stale);
    assert_eq!(world.operation(held.op_id).await, before);
    assert_eq!(late(&world, held).await.len(), 1);
}

pub async fn a_lost_claim_neither_renews_nor_releases(world: World) {
    let (held, lost) = two_claims(&world).await;
    let before = world.operation(held.op_id).await;
    world.advance(1);
    assert_eq!(world.renew(lost).await, Renewed::Stale);
    assert_eq!(world.release(lost, ReleaseReason::Unstarted).await, Released::Stale);
    let reason = ReleaseReason::Unrunnable { reason: "not JSON".to_owned() };
    assert_eq!(world.release(lost, reason).await, Released::Stale);
    assert_eq!(world.operation(held.op_id).await, before);
    assert!(matches!(world.renew(held).await, Renewed::Renewed { .. }));
}

pub async fn a_lost_claim_cannot_log_nor_finalize(world: World) {
    let (held, lost) = two_claims(&world).await;
    assert_eq!(world.log(ended(held, ok("paid"))).await, Logged::Logged);
    assert_eq!(world.log(ended(lost, fail("CARD_DECLINED"))).await, Logged::Stale);
    assert_eq!(world.finalize(lost, None).await, Finalized::Stale);
    assert_eq!(world.operation(held.op_id).await.phase, Some(Phase::Running));
    let answer = world.finalize(held, None).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
}

pub async fn a_lost_claim_is_not_the_release_of_another_again(world: World) {
    let (held, lost) = two_claims(&world).await;
    world.release(held, ReleaseReason::Unstarted).await;
    assert_eq!(world.release(held, ReleaseReason::Unstarted).await, Released::Released);
    assert_eq!(world.release(lost, ReleaseReason::Unstarted).await, Released::Stale);
}

pub async fn three_claims_with_one_count_leave_three_entries(world: World) {
    let (held, lost) = two_claims(&world).await;
    let other = of_another_history(held);
    for claim in [lost, other] {
        assert_eq!(world.settle(ended(claim, ok("paid"))).await, Finalized::Stale);
        assert_eq!(world.settle(ended(claim, fail("LATER"))).await, Finalized::Stale);
    }
    world.settle(ended(held, ok("paid"))).await;
    let log = world.history(held.op_id).await;
    let log: Vec<_> = log.iter().map(|entry| (entry.fence, entry.late)).collect();
    assert_eq!(log, [(lost.fence, true), (other.fence, true), (held.fence, false)]);
}

pub async fn an_answer_from_beyond_the_latest_claim_is_kept(world: World) {
    let held = world.running("k").await;
    let beyond = held.fence.next(ClaimId::generate());
    let beyond = Claim { fence: beyond, ..held };
    assert_eq!(world.settle(ended(beyond, ok("paid"))).await, Finalized::Stale);
    assert_eq!(late(&world, held).await.len(), 1);
    world.settle(ended(held, retry("busy"))).await;
    world.advance(1);
    let next = world.claim().await;
    assert_eq!(next.fence.count(), beyond.fence.count());
    let answer = world.settle(ended(next, fail("CARD_DECLINED"))).await;
    assert!(matches!(answer, Finalized::Finished(FinalOutcome::Failed(_))), "{answer:?}");
    assert_eq!(late(&world, held).await.len(), 1);
}
