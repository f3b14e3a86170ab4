//! How often a handler runs: at most `max_attempts`, and never more than was asked for or lost.

use orch_core::policies::KindPolicy;
use orch_core::store::Finalized;
use orch_core::words::Status;

use crate::fixture::{World, ended, in_doubt, listed, ok, policy, retry};

pub async fn the_last_retry_exhausts_the_attempts(world: World) {
    world.accepted("k").await;
    for _ in 1..3 {
        let claim = world.claim().await;
        world.settle(ended(claim, retry("busy"))).await;
        world.advance(1);
    }
    let claim = world.claim().await;
    assert!(matches!(
        world.settle(ended(claim, retry("still busy"))).await,
        Finalized::Finished(_)
    ));
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("ATTEMPTS_EXHAUSTED", false));
    assert_eq!(failure.cause.as_deref(), Some("still busy"));
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.attempt, operation.retries, operation.lost_attempts), (3, 3, 0));
}

pub async fn a_handler_that_kills_its_process_is_stopped(world: World) {
    let op_id = world.accepted("k").await;
    for _ in 0..3 {
        world.claim().await;
        world.expire().await;
        world.advance(5);
    }
    world.nothing_to_claim(policy()).await;
    let failure = world.failure(op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), ("ATTEMPTS_EXHAUSTED", true));
    assert_eq!(world.operation(op_id).await.lost_attempts, 3);
    let history = world.history(op_id).await;
    assert_eq!(history.len(), 4, "three lost attempts and the end");
    assert_eq!(world.dead_letter(op_id).await.failure, failure);
}

pub async fn retries_and_lost_attempts_count_together(world: World) {
    let first = world.running("k").await;
    world.settle(ended(first, retry("busy"))).await;
    world.advance(1);
    world.claim().await;
    world.expire().await;
    world.advance(5);
    let third = world.claim().await;
    world.settle(ended(third, in_doubt("no answer"))).await;
    assert_eq!(world.failure(first.op_id).await.code, "ATTEMPTS_EXHAUSTED");
    let operation = world.operation(first.op_id).await;
    assert_eq!((operation.attempt, operation.retries, operation.lost_attempts), (3, 1, 2));
}

pub async fn calls_never_exceed_one_and_retries_and_lost_attempts(world: World) {
    world.accepted("k").await;
    let generous = KindPolicy { max_attempts: 10, ..policy() };
    let ends = [Some(retry("busy")), None, Some(in_doubt("?")), None, Some(ok("done"))];
    for end in ends {
        let attempt = world.claim_as(generous.clone()).await;
        match end {
            Some(end) => drop(world.settle(ended(attempt.claim(), end)).await),
            None => drop(world.expire().await),
        }
        let operation = world.operation(attempt.envelope.op_id).await;
        assert!(operation.attempt <= 1 + operation.retries + operation.lost_attempts);
        world.advance(15);
    }
    let done = listed(&world.all().await)[0];
    let operation = world.operation(done).await;
    assert_eq!((operation.attempt, operation.retries, operation.lost_attempts), (5, 1, 3));
    assert_eq!(operation.status, Status::Completed);
}

pub async fn one_attempt_is_one(world: World) {
    let claim = world.running_as("k", KindPolicy { max_attempts: 1, ..policy() }).await;
    world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(world.failure(claim.op_id).await.code, "ATTEMPTS_EXHAUSTED");
}

pub async fn the_limit_of_the_latest_claim_counts(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(1);
    let second = world.attempt(KindPolicy { max_attempts: 2, ..policy() }).await;
    world.settle(ended(second, retry("busy"))).await;
    assert_eq!(world.failure(claim.op_id).await.code, "ATTEMPTS_EXHAUSTED");
}
