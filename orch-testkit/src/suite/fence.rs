//! The fence only ever grows, and each new owner raises it.

use orch_core::policies::InDoubt;
use orch_core::store::{Redriven, ReleaseReason, Resolution};
use orch_core::words::Fence;

use crate::fixture::{World, ended, in_doubt, output, policy, retry};

async fn fence_of(world: &World, op_id: orch_core::words::OpId) -> Fence {
    world.operation(op_id).await.fence
}

pub async fn each_claim_raises_the_fence(world: World) {
    let first = world.running("k").await;
    world.settle(ended(first, retry("busy"))).await;
    assert_eq!(fence_of(&world, first.op_id).await, first.fence, "a settled attempt keeps it");
    world.advance(1);
    let second = world.claim().await;
    assert!(second.fence > first.fence);
    assert_eq!(fence_of(&world, first.op_id).await, second.fence);
}

pub async fn a_take_over_raises_the_fence(world: World) {
    let claim = world.running("k").await;
    world.expire().await;
    let taken = fence_of(&world, claim.op_id).await;
    assert!(taken > claim.fence);
    world.advance(2);
    assert!(world.claim().await.fence > taken);
}

pub async fn a_persons_decision_raises_the_fence(world: World) {
    for (key, resolution) in [("a", Resolution::Ok(output("paid"))), ("b", Resolution::RunAgain)] {
        let op_id = world.parked(key).await;
        let before = fence_of(&world, op_id).await;
        world.resolve(op_id, resolution).await;
        assert!(fence_of(&world, op_id).await > before);
    }
}

pub async fn a_release_keeps_the_fence(world: World) {
    let claim = world.running("k").await;
    world.release(claim, ReleaseReason::Unstarted).await;
    assert_eq!(fence_of(&world, claim.op_id).await, claim.fence);
    assert!(world.claim().await.fence > claim.fence);
}

pub async fn a_deadline_raises_the_fence(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    world.spend_budget().await;
    assert!(fence_of(&world, claim.op_id).await > claim.fence);
}

pub async fn a_redriven_operation_starts_anew_and_leaves_the_old_fence(world: World) {
    let failing = orch_core::policies::KindPolicy { in_doubt: InDoubt::Fail, ..policy() };
    let claim = world.running_as("k", failing).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    let before = fence_of(&world, claim.op_id).await;
    let Redriven::Created { op_id } = world.redrive(claim.op_id, true).await else {
        panic!("not redriven")
    };
    assert_eq!(fence_of(&world, claim.op_id).await, before);
    assert_eq!(fence_of(&world, op_id).await, Fence::default());
}
