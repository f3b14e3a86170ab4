//! Leases: renewed while an attempt runs, taken back once they have run out.

use std::time::Duration;

use orch_core::policies::KindPolicy;
use orch_core::store::{
    Claim, ClaimParams, Finalized, ReleaseReason, Released, RenewParams, Renewed,
};
use orch_core::words::{AttemptEnd, Fence, LogStatus, OpId, Phase, Source, Status};

use crate::fixture::{LEASE, World, acceptance, claim_params, ended, listed, ok, policy, retry};

pub async fn a_renewal_moves_the_end_of_the_lease(world: World) {
    let claim = world.running("k").await;
    world.advance(20);
    let lease_expires_at = world.now().await.plus(LEASE);
    assert_eq!(world.renew(claim).await, Renewed::Renewed { lease_expires_at });
    assert_eq!(world.operation(claim.op_id).await.lease_expires_at, Some(lease_expires_at));
    world.advance(20);
    assert_eq!(world.sweep_expired().await, []);
}

pub async fn a_lease_runs_out_at_its_instant(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(LEASE - Duration::from_micros(1));
    assert_eq!(world.sweep_expired().await, []);
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.sweep_expired().await[0].op_id, claim.op_id);
}

pub async fn an_expired_lease_still_counts_until_it_is_taken_back(world: World) {
    let claim = world.running("k").await;
    world.advance(40);
    let lease_expires_at = world.now().await.plus(LEASE);
    assert_eq!(world.renew(claim).await, Renewed::Renewed { lease_expires_at });
    assert_eq!(world.sweep_expired().await, []);
    world.advance(40);
    let answer = world.settle(ended(claim, ok("done"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}

pub async fn a_claim_takes_the_lease_it_asks_for(world: World) {
    world.accepted("k").await;
    let lease = Duration::from_secs(7);
    world.store.claim(ClaimParams { lease, ..claim_params([policy()]) }).await.unwrap();
    world.advance(7);
    assert_eq!(world.sweep_expired().await.len(), 1);
}

pub async fn a_batch_renews_the_held_and_refuses_the_lost(world: World) {
    let lost = world.running("lost").await;
    world.expire().await;
    let held = world.running("held").await;
    let unknown = Claim { op_id: OpId::generate(), fence: Fence::new(1) };
    let params = RenewParams { claims: vec![lost, held, unknown], lease: LEASE };
    let lease_expires_at = world.now().await.plus(LEASE);
    let expected = [Renewed::Stale, Renewed::Renewed { lease_expires_at }, Renewed::Stale];
    assert_eq!(world.store.renew(params).await.unwrap(), expected);
}

pub async fn a_repeated_release_is_released_again(world: World) {
    for reason in [ReleaseReason::Unrunnable { reason: "no".into() }, ReleaseReason::Unstarted] {
        let claim = world.running(&format!("{reason:?}")).await;
        assert_eq!(world.release(claim, reason.clone()).await, Released::Released);
        let before = world.operation(claim.op_id).await;
        assert_eq!(world.release(claim, reason).await, Released::Released);
        assert_eq!(world.operation(claim.op_id).await, before);
    }
}

pub async fn a_logged_attempt_has_no_lease_to_renew(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    assert_eq!(world.renew(claim).await, Renewed::Stale);
    world.finalize(claim, None).await;
    assert_eq!(world.renew(claim).await, Renewed::Stale);
}

pub async fn a_waiting_operation_has_no_lease_to_renew(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(world.renew(claim).await, Renewed::Stale);
    assert_eq!(world.operation(claim.op_id).await.lease_expires_at, None);
}

pub async fn a_lost_attempt_is_logged_in_doubt_under_its_fence(world: World) {
    world.accepted("k").await;
    let params = claim_params([policy()]);
    let (worker, started_at) = (params.worker.clone(), world.now().await);
    world.store.claim(params).await.unwrap();
    let op_id = listed(&world.all().await)[0];
    let fence = world.operation(op_id).await.fence;
    let to = world.expire().await;
    assert!(matches!(to, Some(Finalized::InDoubt { .. })), "{to:?}");
    let history = world.history(op_id).await;
    assert_eq!(history.len(), 1);
    let entry = &history[0];
    assert_eq!((entry.fence, entry.attempt, entry.source), (fence, 1, Source::Engine));
    assert_eq!((entry.worker.as_ref(), entry.started_at), (Some(&worker), Some(started_at)));
    assert!(matches!(entry.end, orch_core::words::AttemptEnd::InDoubt { .. }));
    assert_eq!((entry.status, entry.late), (LogStatus::Completed, false));
}

pub async fn a_lost_attempt_is_counted(world: World) {
    let claim = world.running("k").await;
    world.expire().await;
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.attempt, operation.lost_attempts, operation.retries), (1, 1, 0));
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::InDoubt)));
    assert!(operation.reason.is_some());
}

pub async fn a_lost_attempt_backs_off_as_its_kind_says(world: World) {
    let backoff = orch_core::policies::Backoff::from_millis(8_000, 60_000);
    let claim = world.running_as("k", KindPolicy { backoff, ..policy() }).await;
    let Some(Finalized::InDoubt { due_at }) = world.expire().await else { panic!("not in doubt") };
    let wait = due_at.since(world.now().await);
    assert!((Duration::from_millis(8_000)..=Duration::from_millis(8_800)).contains(&wait));
    assert_eq!(world.operation(claim.op_id).await.due_at, Some(due_at));
}

pub async fn a_lease_is_taken_back_once(world: World) {
    let claim = world.running("k").await;
    world.expire().await;
    let before = world.operation(claim.op_id).await;
    assert_eq!(world.sweep_expired().await, []);
    assert_eq!(world.operation(claim.op_id).await, before);
}

pub async fn two_sweeps_at_once_take_a_lease_back_once(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(LEASE);
    let other = world.reopened().await;
    let (one, two) = tokio::join!(world.sweep_expired(), other.sweep_expired());
    assert_eq!(one.len() + two.len(), 1);
    assert_eq!(world.operation(claim.op_id).await.lost_attempts, 1);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn a_sweep_keeps_its_limit_and_the_next_goes_on(world: World) {
    let batch: Vec<_> = (0..5).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    world.claims(policy(), 10).await;
    world.clock.advance(LEASE);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(world.store.sweep_expired(2).await.unwrap().len());
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
}

pub async fn a_lost_lease_is_told_in_the_same_words(world: World) {
    let claim = world.running("k").await;
    world.expire().await;
    let lost = world.history(claim.op_id).await.remove(0);
    assert!(lost.worker.is_some());
    assert_eq!(lost.end, AttemptEnd::lost(lost.worker.as_ref()));
}

pub async fn a_lease_that_is_held_is_left_alone(world: World) {
    let lost = world.running("lost").await;
    world.advance(20);
    let held = world.running("held").await;
    world.advance(10);
    let swept = world.sweep_expired().await;
    assert_eq!(swept.iter().map(|s| s.op_id).collect::<Vec<_>>(), [lost.op_id]);
    assert_eq!(world.operation(held.op_id).await.fence, held.fence);
}

pub async fn an_operation_taken_back_runs_again(world: World) {
    let first = world.running("k").await;
    world.expire().await;
    world.nothing_to_claim(policy()).await;
    world.advance(2);
    let second = world.claim_as(policy()).await;
    assert_eq!((second.envelope.op_id, second.envelope.attempt), (first.op_id, 2));
    let answer = world.settle(ended(second.claim(), ok("done"))).await;
    assert!(matches!(answer, Finalized::Finished(_)));
}
