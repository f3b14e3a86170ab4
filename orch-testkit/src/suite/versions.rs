//! Workers of two versions on one database: what one lacks the parts for is left to the other.

use std::time::Duration;

use orch_core::policies::{
    InDoubt, KindPolicy, UNHANDLED_MAX_PAUSE, UNHANDLED_MIN_PAUSE, UNHANDLED_PARKED_AFTER,
};
use orch_core::store::{
    Claim, Finalized, Purpose, ReleaseReason, Released, Resolution, ResolveParams, Resolved,
};
use orch_core::words::{OpId, Phase, Status};

use crate::fixture::{
    World, ended, in_doubt, kind, not_happened, ok, output, owner, policy, reconciled, retry,
};

const WHY: &str = "this version does not have the field `coupon`";

async fn give_back(world: &World, claim: Claim) {
    let reason = ReleaseReason::Unhandled { reason: WHY.to_owned() };
    assert_eq!(world.release(claim, reason).await, Released::Released);
}

/// How long it waits after it was given back.
async fn pause(world: &World, op_id: OpId) -> Duration {
    world.operation(op_id).await.due_at.unwrap().since(world.now().await)
}

/// Claims it and gives it back whenever it is due, until the time is over.
async fn give_back_for(world: &World, op_id: OpId, policy: &KindPolicy, time: Duration) -> u32 {
    let (until, mut claims) = (world.now().await.plus(time), 0);
    while world.now().await < until {
        let wait = pause(world, op_id).await;
        world.clock.advance(wait);
        give_back(world, world.claim_as(policy.clone()).await.claim()).await;
        claims += 1;
    }
    claims
}

fn patient() -> Duration {
    UNHANDLED_PARKED_AFTER * 2
}

/// One with a time budget that does not end meanwhile.
async fn given_back(world: &World) -> OpId {
    let item = orch_core::store::Acceptance {
        time_budget: patient() * 4,
        ..crate::fixture::acceptance("k")
    };
    let op_id = world.accepted_as(item).await;
    give_back(world, world.claim_as(policy()).await.claim()).await;
    op_id
}

pub async fn what_is_given_back_waits_and_counts_no_attempt(world: World) {
    let op_id = given_back(&world).await;
    let operation = world.operation(op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Waiting)));
    assert_eq!((operation.attempt, operation.reason.as_deref()), (0, Some(WHY)));
    assert_eq!(pause(&world, op_id).await, UNHANDLED_MIN_PAUSE);
    world.nothing_to_claim(policy()).await;
    world.clock.advance(UNHANDLED_MIN_PAUSE);
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 1);
}

pub async fn giving_back_twice_is_giving_back_once(world: World) {
    let claim = world.running("k").await;
    give_back(&world, claim).await;
    let before = world.operation(claim.op_id).await;
    give_back(&world, claim).await;
    assert_eq!(world.operation(claim.op_id).await, before);
}

pub async fn the_pause_grows_with_the_time_that_it_waited(world: World) {
    let op_id = given_back(&world).await;
    let claims = give_back_for(&world, op_id, &policy(), Duration::from_secs(600)).await;
    assert!((10..25).contains(&claims), "{claims} claims in ten minutes");
    assert_eq!(pause(&world, op_id).await, UNHANDLED_MAX_PAUSE);
    assert_eq!(world.operation(op_id).await.attempt, 0);
}

pub async fn after_a_while_it_is_parked_and_a_worker_that_can_takes_it(world: World) {
    let op_id = given_back(&world).await;
    give_back_for(&world, op_id, &policy(), UNHANDLED_PARKED_AFTER).await;
    let parked = world.operation(op_id).await;
    assert_eq!((parked.phase, parked.reason.as_deref()), (Some(Phase::Parked), Some(WHY)));
    assert_eq!(pause(&world, op_id).await, UNHANDLED_MAX_PAUSE);
    world.clock.advance(UNHANDLED_MAX_PAUSE);
    let claimed = world.claim_as(policy()).await;
    assert_eq!((claimed.envelope.op_id, claimed.envelope.attempt), (op_id, 1));
    let answer = world.settle(ended(claimed.claim(), ok("paid"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}

pub async fn an_operator_may_resolve_what_is_parked_for_it(world: World) {
    let op_id = given_back(&world).await;
    give_back_for(&world, op_id, &policy(), UNHANDLED_PARKED_AFTER).await;
    world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    assert_eq!(world.operation(op_id).await.status, Status::Completed);
    world.clock.advance(UNHANDLED_MAX_PAUSE);
    world.nothing_to_claim(policy()).await;
}

pub async fn a_run_resets_the_wait(world: World) {
    let op_id = given_back(&world).await;
    give_back_for(&world, op_id, &policy(), Duration::from_secs(600)).await;
    world.clock.advance(UNHANDLED_MAX_PAUSE);
    let claim = world.claim_as(policy()).await.claim();
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(Duration::from_secs(5));
    give_back(&world, world.claim_as(policy()).await.claim()).await;
    assert_eq!(pause(&world, op_id).await, UNHANDLED_MIN_PAUSE);
}

pub async fn doubt_stays_and_no_reconcile_is_counted(world: World) {
    let asking = KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = world.running_as("k", asking.clone()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    // A worker without a reconcile claims it as a question and cannot put it.
    let claimed = world.claim_as(policy()).await;
    assert_eq!((claimed.purpose, claimed.reconciles), (Purpose::Reconcile, 1));
    give_back(&world, claimed.claim()).await;
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::InDoubt));
    give_back_for(&world, claim.op_id, &policy(), UNHANDLED_PARKED_AFTER).await;
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
    // Past its time budget too: whether it happened is asked, and nothing is called.
    world.clock.advance(patient());
    let claimed = world.claim_as(asking).await;
    assert_eq!((claimed.purpose, claimed.reconciles), (Purpose::Reconcile, 1));
    let answer = world.settle(reconciled(claimed.claim(), not_happened())).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}

pub async fn a_hook_is_owed_while_the_call_of_its_worker_is_in_doubt(world: World) {
    let hooked = KindPolicy { hooked: true, ..policy() };
    let claim = world.running_as("k", hooked).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let claimed = world.claim_as(policy()).await;
    assert!(claimed.hooked, "its claimer has no hook and must not run it");
    give_back(&world, claimed.claim()).await;
    // What ends it without a worker is left to one that has the hook.
    world.clock.advance(patient());
    world.store.sweep_over_budget(crate::fixture::sweep_params([policy()])).await.unwrap();
    world.advance(2);
    assert_eq!(world.store.unfinalized(&[], 10).await.unwrap(), []);
    let left = world.store.unfinalized(&[kind()], 10).await.unwrap();
    assert_eq!(left.len(), 1);
}

pub async fn without_doubt_the_claimer_decides_about_the_hook(world: World) {
    let hooked = KindPolicy { hooked: true, ..policy() };
    let claim = world.running_as("k", hooked.clone()).await;
    give_back(&world, claim).await;
    // It never was run, so it ends as a version without the hook ends it.
    world.clock.advance(patient());
    world.store.sweep_over_budget(crate::fixture::sweep_params([policy()])).await.unwrap();
    assert_eq!(world.operation(claim.op_id).await.status, Status::Failed);
    let claim = world.running_as("l", hooked).await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(1);
    assert!(!world.claim_as(policy()).await.hooked);
}

pub async fn past_its_deadline_a_parked_one_is_left_to_an_operator(world: World) {
    let item = orch_core::store::Acceptance {
        time_budget: UNHANDLED_PARKED_AFTER + UNHANDLED_MAX_PAUSE,
        ..crate::fixture::acceptance("k")
    };
    let op_id = world.accepted_as(item).await;
    give_back(&world, world.claim_as(policy()).await.claim()).await;
    give_back_for(&world, op_id, &policy(), UNHANDLED_PARKED_AFTER).await;
    let parked = world.operation(op_id).await;
    assert_eq!((parked.phase, parked.due_at), (Some(Phase::Parked), None));
    world.resolve(op_id, Resolution::RunAgain).await;
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 1);
}

pub async fn a_hook_that_came_after_it_was_parked_runs_for_the_decision(world: World) {
    let op_id = world.parked("k").await;
    let params = ResolveParams {
        op_id,
        owner: owner(),
        resolution: Resolution::Ok(output("paid")),
        who: "ann".to_owned(),
        why: "asked the bank".to_owned(),
        hooked_kinds: vec![kind()],
    };
    assert_eq!(world.store.resolve(params).await.unwrap(), Resolved::Resolved(None));
    assert_eq!(world.operation(op_id).await.status, Status::InProgress);
    world.advance(2);
    assert_eq!(world.unfinalized().await.len(), 1);
}
