//! What the provider tells later of what it has accepted.

use std::time::Duration;

use orch_core::policies::{Bearing, bearings};
use orch_core::store::{Finalized, Redriven};
use orch_core::words::{FinalOutcome, Phase, Status};

use super::recorded::{apply, record, refer, told};
use super::submitted::{accepted_by_the_provider, asking, phase};
use crate::fixture::{
    LEASE, World, ended, fail, in_doubt, not_happened, ok, output, policy, reconciled, submitted,
};

pub async fn a_late_one_diverges_from_a_failure_and_a_redrive_asks(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(LEASE);
    world.expire().await;
    world.advance(2);
    let second = world.claim().await;
    world.settle(ended(second, fail("DECLINED"))).await;
    assert_eq!(world.settle(ended(claim, submitted("as tr_1"))).await, Finalized::Stale);
    let operation = world.operation(claim.op_id).await;
    let log = world.history(claim.op_id).await;
    let bears = bearings(operation.outcome.as_ref(), &log);
    let late = log.iter().position(|entry| entry.late).unwrap();
    assert_eq!(bears[late], Bearing::Diverges);
    assert_eq!(world.redrive(claim.op_id, false).await, Redriven::Uncertain);
}

pub async fn what_the_provider_tells_ends_it(world: World) {
    for (end, status) in [(ok("paid"), Status::Completed), (fail("EXPIRED"), Status::Failed)] {
        let claim = accepted_by_the_provider(&world, policy()).await;
        told(&world, claim.op_id, end).await.unwrap();
        let operation = world.operation(claim.op_id).await;
        assert_eq!(operation.status, status);
        if let Some(FinalOutcome::Failed(failure)) = operation.outcome {
            assert!(failure.called && !failure.uncertain, "{failure:?}");
        }
        world.clock.advance(Duration::from_secs(40 * 24 * 3600));
        world.purge().await;
    }
}

pub async fn told_that_it_is_over_with_a_reconcile_it_is_asked_at_once(world: World) {
    let claim = accepted_by_the_provider(&world, asking()).await;
    assert_eq!(told(&world, claim.op_id, fail("EXPIRED")).await, None);
    let claim = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(claim, ok("paid"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
}

pub async fn told_before_its_handler_has_said_so_it_ends_with_that(world: World) {
    let claim = world.running("k").await;
    record(&world, "r", ok("paid")).await;
    refer(&world, "r", claim.op_id).await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    assert_eq!(apply(&world, Some("r"), &[]).await.len(), 1);
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}

pub async fn told_that_it_has_not_happened_it_waits_on(world: World) {
    let claim = accepted_by_the_provider(&world, policy()).await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(phase(&world, claim.op_id).await, Some(Phase::Submitted));
}

pub async fn what_refuses_before_its_reference_is_known_is_uncertain(world: World) {
    let claim = world.running("k").await;
    record(&world, "r", fail("EXPIRED")).await;
    refer(&world, "r", claim.op_id).await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    assert_eq!(apply(&world, Some("r"), &[]).await.len(), 1);
    let failure = world.failure(claim.op_id).await;
    assert!(failure.uncertain && failure.code == "EXPIRED", "{failure:?}");
}

pub async fn after_earlier_doubt_it_is_known_since_the_first_call(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let claim = world.claim().await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    // Which of the two calls a refusal is about, nobody knows.
    told(&world, claim.op_id, fail("EXPIRED")).await.unwrap();
    assert!(world.failure(claim.op_id).await.uncertain);
}
