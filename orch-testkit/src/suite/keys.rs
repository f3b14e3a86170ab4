//! What bounds the use of a provider key: since when a call with it may have taken effect
//! unheard, and how many keys the provider has answered with a definite error.

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{ClaimedOperation, Purpose, ReleaseReason, Resolution};
use orch_core::words::Timestamp;

use crate::fixture::{World, ended, in_doubt, not_happened, policy, reconciled, retry};

/// First call, doubt and generation, as a claim hands them out.
fn key(attempt: &ClaimedOperation) -> (Timestamp, bool, u32) {
    (attempt.first_called_at, attempt.unresolved, attempt.envelope.key_generation)
}

fn declared(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy { in_doubt, max_attempts: 10, replays_errors: true, ..policy() }
}

/// The deploy whose provider keeps no errors.
fn forgiving() -> KindPolicy {
    KindPolicy { replays_errors: false, ..declared(InDoubt::Retry) }
}

async fn claim(world: &World) -> ClaimedOperation {
    let attempt = world.claim_as(declared(InDoubt::Retry)).await;
    assert_eq!(attempt.claimed_at, world.now().await);
    attempt
}

/// A first attempt, and when it was claimed.
async fn first(world: &World) -> (ClaimedOperation, Timestamp) {
    world.accepted("k").await;
    world.advance(5);
    let attempt = claim(world).await;
    let claimed_at = attempt.claimed_at;
    (attempt, claimed_at)
}

/// An operation whose first attempt was lost, and when that attempt was claimed.
async fn doubted(world: &World) -> Timestamp {
    let (_, called_at) = first(world).await;
    world.expire().await;
    world.advance(2);
    called_at
}

pub async fn the_first_claim_is_the_first_call_with_the_first_key(world: World) {
    let (attempt, now) = first(&world).await;
    assert_eq!(key(&attempt), (now, false, 0));
}

pub async fn a_lost_attempt_keeps_the_first_call_and_the_key(world: World) {
    let called_at = doubted(&world).await;
    let second = claim(&world).await;
    assert_eq!(key(&second), (called_at, true, 0));
    world.settle(ended(second.claim(), in_doubt("no answer"))).await;
    world.advance(2);
    assert_eq!(key(&claim(&world).await), (called_at, true, 0));
}

pub async fn a_definite_retry_clears_the_call_and_raises_the_generation(world: World) {
    let (attempt, _) = first(&world).await;
    world.settle(ended(attempt.claim(), retry("busy"))).await;
    world.advance(1);
    let second = claim(&world).await;
    assert_eq!(key(&second), (world.now().await, false, 1));
    world.settle(ended(second.claim(), retry("busy"))).await;
    world.advance(1);
    assert_eq!(key(&claim(&world).await), (world.now().await, false, 2));
}

pub async fn a_retry_while_doubt_stands_keeps_both(world: World) {
    let called_at = doubted(&world).await;
    let second = claim(&world).await;
    world.settle(ended(second.claim(), retry("busy"))).await;
    world.advance(1);
    assert_eq!(key(&claim(&world).await), (called_at, true, 0));
}

pub async fn doubt_about_a_later_key_counts_from_its_own_first_call(world: World) {
    let (attempt, _) = first(&world).await;
    world.settle(ended(attempt.claim(), retry("busy"))).await;
    world.advance(1);
    let called_at = claim(&world).await.claimed_at;
    world.expire().await;
    world.advance(3);
    assert_eq!(key(&claim(&world).await), (called_at, true, 1));
}

pub async fn a_question_says_what_is_in_doubt(world: World) {
    world.accepted("k").await;
    let run = world.claim_as(declared(InDoubt::Reconcile)).await;
    world.advance(3);
    world.settle(ended(run.claim(), in_doubt("no answer"))).await;
    world.advance(1);
    for _ in 0..2 {
        let reconcile = world.claim_as(declared(InDoubt::Reconcile)).await;
        assert_eq!(reconcile.purpose, Purpose::Reconcile);
        assert_eq!(key(&reconcile), (run.claimed_at, true, 0));
        assert_eq!(reconcile.claimed_at, world.now().await);
        world.settle(reconciled(reconcile.claim(), in_doubt("cannot say"))).await;
        world.advance(1);
    }
}

pub async fn not_happened_clears_the_call_and_keeps_the_key(world: World) {
    let run = world.running_as("k", declared(InDoubt::Reconcile)).await;
    world.settle(ended(run, in_doubt("no answer"))).await;
    world.advance(1);
    let reconcile = world.reconcile(declared(InDoubt::Reconcile)).await;
    world.settle(reconciled(reconcile, not_happened())).await;
    world.advance(1);
    let next = world.claim_as(declared(InDoubt::Reconcile)).await;
    assert_eq!(key(&next), (world.now().await, false, 0));
}

pub async fn running_again_clears_the_call_and_keeps_the_key(world: World) {
    let op_id = world.parked("k").await;
    world.advance(7);
    world.resolve(op_id, Resolution::RunAgain).await;
    assert_eq!(key(&claim(&world).await), (world.now().await, false, 0));
}

/// The key of the run after a definite error of a run that somebody's word let go ahead.
async fn after_an_error(world: &World, policy: KindPolicy, by_log: bool) -> u32 {
    let run = world.attempt(policy.clone()).await;
    if by_log {
        world.log(ended(run, retry("refused"))).await;
        world.finalize(run, None).await;
    } else {
        world.settle(ended(run, retry("refused"))).await;
    }
    world.advance(1);
    world.claim_as(policy).await.envelope.key_generation
}

pub async fn an_error_after_not_happened_keeps_the_key_of_the_lost_call(world: World) {
    for by_log in [false, true] {
        let asking = KindPolicy { hooked: by_log, ..declared(InDoubt::Reconcile) };
        let run = world.running_as(&format!("{by_log}"), asking.clone()).await;
        world.settle(ended(run, in_doubt("no answer"))).await;
        world.advance(1);
        let reconcile = world.reconcile(asking.clone()).await;
        world.settle(reconciled(reconcile, not_happened())).await;
        world.advance(1);
        assert_eq!(after_an_error(&world, asking, by_log).await, 0);
    }
}

pub async fn an_error_after_running_again_keeps_the_key_of_the_lost_call(world: World) {
    for by_log in [false, true] {
        let op_id = world.parked_as(&format!("{by_log}"), by_log).await;
        world.resolve(op_id, Resolution::RunAgain).await;
        let policy = KindPolicy { hooked: by_log, ..declared(InDoubt::Park) };
        assert_eq!(after_an_error(&world, policy, by_log).await, 0);
    }
}

pub async fn an_error_before_a_lost_call_has_raised_the_generation_for_good(world: World) {
    let asking = declared(InDoubt::Reconcile);
    let run = world.running_as("k", asking.clone()).await;
    world.settle(ended(run, retry("busy"))).await;
    world.advance(1);
    let run = world.attempt(asking.clone()).await;
    world.settle(ended(run, in_doubt("no answer"))).await;
    world.advance(1);
    let reconcile = world.reconcile(asking.clone()).await;
    world.settle(reconciled(reconcile, not_happened())).await;
    world.advance(1);
    assert_eq!(after_an_error(&world, asking, false).await, 1);
}

pub async fn a_claim_that_was_not_run_was_no_call(world: World) {
    let (attempt, _) = first(&world).await;
    world.release(attempt.claim(), ReleaseReason::Unstarted).await;
    world.advance(7);
    assert_eq!(key(&claim(&world).await), (world.now().await, false, 0));
}

pub async fn a_claim_that_was_not_run_keeps_earlier_doubt(world: World) {
    let called_at = doubted(&world).await;
    let second = claim(&world).await;
    world.release(second.claim(), ReleaseReason::Unstarted).await;
    world.advance(7);
    assert_eq!(key(&claim(&world).await), (called_at, true, 0));
}

pub async fn a_logged_retry_raises_the_generation_once_it_is_finalized(world: World) {
    let (attempt, _) = first(&world).await;
    world.log(ended(attempt.claim(), retry("busy"))).await;
    world.advance(3);
    for _ in 0..2 {
        world.finalize(attempt.claim(), None).await;
    }
    assert_eq!(key(&claim(&world).await), (world.now().await, false, 1));
}

pub async fn a_logged_doubt_keeps_the_first_call_once_it_is_finalized(world: World) {
    let (attempt, called_at) = first(&world).await;
    world.log(ended(attempt.claim(), in_doubt("no answer"))).await;
    world.advance(3);
    world.finalize(attempt.claim(), None).await;
    assert_eq!(key(&claim(&world).await), (called_at, true, 0));
}

pub async fn the_same_retry_twice_raises_the_generation_once(world: World) {
    let (attempt, _) = first(&world).await;
    for _ in 0..2 {
        world.settle(ended(attempt.claim(), retry("busy"))).await;
    }
    world.advance(1);
    assert_eq!(claim(&world).await.envelope.key_generation, 1);
}

pub async fn where_errors_are_not_replayed_a_retry_keeps_the_generation(world: World) {
    let run = world.running_as("k", forgiving()).await;
    world.settle(ended(run, retry("busy"))).await;
    world.advance(1);
    let second = world.claim_as(forgiving()).await;
    assert_eq!(key(&second), (world.now().await, false, 0));
    world.log(ended(second.claim(), retry("busy"))).await;
    world.advance(3);
    world.finalize(second.claim(), None).await;
    assert_eq!(key(&world.claim_as(forgiving()).await), (world.now().await, false, 0));
}

pub async fn a_deploy_that_replays_errors_keeps_the_key_in_doubt(world: World) {
    let run = world.running_as("k", forgiving()).await;
    world.settle(ended(run, retry("busy"))).await;
    world.advance(1);
    let called_at = world.claim_as(forgiving()).await.claimed_at;
    world.expire().await;
    world.advance(3);
    let deployed = claim(&world).await;
    assert_eq!(key(&deployed), (called_at, true, 0));
    world.settle(ended(deployed.claim(), retry("busy"))).await;
    world.advance(1);
    assert_eq!(key(&claim(&world).await), (called_at, true, 0));
}

pub async fn a_deploy_that_no_longer_replays_errors_keeps_the_key_in_doubt(world: World) {
    let (attempt, _) = first(&world).await;
    world.settle(ended(attempt.claim(), retry("busy"))).await;
    world.advance(1);
    let called_at = claim(&world).await.claimed_at;
    world.expire().await;
    world.advance(3);
    assert_eq!(key(&world.claim_as(forgiving()).await), (called_at, true, 1));
}

pub async fn the_latest_claim_says_whether_errors_are_replayed(world: World) {
    world.accepted("k").await;
    for (deployed, generation) in
        [(forgiving(), 0), (declared(InDoubt::Retry), 0), (forgiving(), 1), (forgiving(), 1)]
    {
        let attempt = world.claim_as(deployed).await;
        assert_eq!(attempt.envelope.key_generation, generation);
        world.settle(ended(attempt.claim(), retry("busy"))).await;
        world.advance(1);
    }
}

pub async fn a_retry_of_a_hooked_kind_counts_as_its_claim_said(world: World) {
    for (replays_errors, generation) in [(true, 1), (false, 0)] {
        let hooked = KindPolicy { hooked: true, replays_errors, ..declared(InDoubt::Retry) };
        let run = world.running_as(&format!("k{generation}"), hooked.clone()).await;
        world.log(ended(run, retry("busy"))).await;
        world.advance(3);
        world.finalize(run, None).await;
        let next = world.claim_as(hooked).await;
        assert_eq!(next.envelope.key_generation, generation);
        world.advance(1);
    }
}

pub async fn a_redriven_operation_begins_with_the_first_generation(world: World) {
    let (attempt, _) = first(&world).await;
    world.settle(ended(attempt.claim(), retry("busy"))).await;
    world.spend_budget().await;
    world.redrive(attempt.envelope.op_id, false).await;
    assert_eq!(key(&claim(&world).await), (world.now().await, false, 0));
}
