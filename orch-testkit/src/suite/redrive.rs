//! Dead letters, and running a failed operation again.

use std::time::Duration;

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Admitted, Finalized, RedriveParams, Redriven};
use orch_core::words::{AttemptEnd, Fence, OpId, Phase, Status};

use crate::fixture::{
    BUDGET, World, acceptance, already_done, ended, fail, in_doubt, kept, listed, ok, output,
    owner, policy, tenant,
};

async fn redriven(world: &World, op_id: OpId) -> OpId {
    match world.redrive(op_id, false).await {
        Redriven::Created { op_id } => op_id,
        other => panic!("not redriven: {other:?}"),
    }
}

pub async fn a_redriven_operation_is_new_and_linked(world: World) {
    let failed = world.failed("k").await;
    let before = world.operation(failed).await;
    world.advance(60);
    let new = redriven(&world, failed).await;
    let (operation, now) = (world.operation(new).await, world.now().await);
    assert_eq!((operation.status, operation.phase), (Status::Pending, None));
    assert_eq!((operation.attempt, operation.fence), (0, Fence::default()));
    assert_eq!((operation.retries, operation.lost_attempts), (0, 0));
    assert_eq!((&operation.identity, &operation.payload), (&before.identity, &before.payload));
    assert_eq!((operation.accepted_at, operation.due_at), (now, Some(now)));
    assert_eq!(operation.deadline, now.plus(BUDGET));
    assert_eq!(operation.redrive_of, Some(failed));
    assert_eq!(world.operation(failed).await, before, "FAILED is terminal");
    assert_eq!(world.dead_letter(failed).await.redriven_as, Some(new));
}

pub async fn it_can_be_claimed_and_completed(world: World) {
    let failed = world.failed("k").await;
    let new = redriven(&world, failed).await;
    let claim = world.claim().await;
    assert_eq!(claim.op_id, new);
    world.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.operation(new).await.status, Status::Completed);
    assert_eq!(world.operation(failed).await.status, Status::Failed);
}

pub async fn a_second_redrive_makes_nothing_new(world: World) {
    let failed = world.failed("k").await;
    let op_id = redriven(&world, failed).await;
    assert_eq!(world.redrive(failed, false).await, Redriven::AlreadyRedriven { op_id });
    assert_eq!(world.redrive(failed, true).await, Redriven::AlreadyRedriven { op_id });
    assert_eq!(world.all().await.len(), 2);
}

pub async fn redrives_at_once_make_one_operation(world: World) {
    let failed = world.failed("k").await;
    let other = world.reopened().await;
    let (a, b, c, d) = tokio::join!(
        world.redrive(failed, false),
        other.redrive(failed, false),
        world.redrive(failed, false),
        other.redrive(failed, false),
    );
    let created = [a, b, c, d].into_iter().filter(|r| matches!(r, Redriven::Created { .. }));
    assert_eq!(created.count(), 1);
    assert_eq!(world.all().await.len(), 2);
}

pub async fn an_uncertain_failure_needs_a_word_more(world: World) {
    let failing = KindPolicy { in_doubt: InDoubt::Fail, ..policy() };
    let claim = world.running_as("k", failing).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(world.redrive(claim.op_id, false).await, Redriven::Uncertain);
    assert_eq!(world.all().await.len(), 1);
    assert_eq!(world.dead_letter(claim.op_id).await.redriven_as, None);
    assert!(matches!(world.redrive(claim.op_id, true).await, Redriven::Created { .. }));
}

pub async fn a_late_success_needs_a_word_more_as_well(world: World) {
    let unreadable = AttemptEnd::Unreadable { output: output("pai"), reason: "NaN".to_owned() };
    for (key, success) in [("k", ok("paid")), ("l", unreadable), ("m", already_done("paid"))] {
        let lost = world.running(key).await;
        world.expire().await;
        world.advance(2);
        let held = world.claim().await;
        world.settle(ended(held, fail("CARD_DECLINED"))).await;
        assert!(!world.failure(lost.op_id).await.uncertain);
        assert_eq!(world.settle(ended(lost, success)).await, Finalized::Stale);
        let before = world.all().await.len();
        assert_eq!(world.redrive(lost.op_id, false).await, Redriven::Uncertain);
        assert_eq!(world.all().await.len(), before);
        assert!(matches!(world.redrive(lost.op_id, true).await, Redriven::Created { .. }));
        // The new one is out of the way of the next.
        let claim = world.claim().await;
        world.settle(ended(claim, ok("paid"))).await;
    }
}

pub async fn a_late_refusal_needs_no_word_more(world: World) {
    let lost = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let held = world.claim().await;
    world.settle(ended(held, fail("CARD_DECLINED"))).await;
    world.settle(ended(lost, fail("CARD_DECLINED"))).await;
    assert!(matches!(world.redrive(lost.op_id, false).await, Redriven::Created { .. }));
}

pub async fn only_a_failed_operation_is_redriven(world: World) {
    let pending = world.accepted("k").await;
    let answer = world.redrive(pending, true).await;
    assert_eq!(answer, Redriven::NotFailed { status: Status::Pending });
    let claim = world.claim().await;
    let answer = world.redrive(pending, true).await;
    assert_eq!(answer, Redriven::NotFailed { status: Status::InProgress });
    world.settle(ended(claim, ok("done"))).await;
    let answer = world.redrive(pending, true).await;
    assert_eq!(answer, Redriven::NotFailed { status: Status::Completed });
    assert_eq!(world.all().await.len(), 1);
}

pub async fn another_owners_operation_is_not_there(world: World) {
    let failed = world.failed("k").await;
    let params = RedriveParams {
        op_id: failed,
        owner: tenant(),
        new_op_id: OpId::generate(),
        even_if_uncertain: true,
    };
    let theirs = world.store.redrive(params.clone()).await.unwrap();
    let nobodys = RedriveParams { op_id: OpId::generate(), owner: owner(), ..params };
    assert_eq!(theirs, Redriven::NotFound);
    assert_eq!(world.store.redrive(nobodys).await.unwrap(), Redriven::NotFound);
    assert_eq!(world.all().await.len(), 1);
}

pub async fn a_redriven_operation_can_fail_and_be_redriven(world: World) {
    let first = world.failed("k").await;
    let second = redriven(&world, first).await;
    let claim = world.claim().await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    let third = redriven(&world, second).await;
    assert_eq!(world.operation(third).await.redrive_of, Some(second));
    assert_eq!(world.all().await.len(), 3);
    assert_eq!(world.redrive(first, false).await, Redriven::AlreadyRedriven { op_id: second });
}

pub async fn the_identity_still_finds_the_first(world: World) {
    let item = acceptance("k");
    let identity = item.command.identity(&owner());
    let op_id = world.accepted_as(item.clone()).await;
    let claim = world.claim().await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    redriven(&world, op_id).await;
    assert_eq!(world.store.find(&identity).await.unwrap().unwrap().op_id, op_id);
    let again = acceptance("k");
    assert_eq!(world.admit(again).await, Admitted::Replayed { op_id });
}

pub async fn the_key_is_not_free_while_the_redrive_is_there(world: World) {
    let at_once = kept(Duration::ZERO, Duration::ZERO);
    let first = world.failed_as("k", at_once.clone()).await;
    let second = redriven(&world, first).await;
    assert_eq!(world.purge().await, 0);
    let again = world.admit(acceptance("k")).await;
    assert_eq!(again, Admitted::Replayed { op_id: first });
    let claim = world.attempt(at_once).await;
    assert_eq!(claim.op_id, second);
    world.settle(ended(claim, ok("done"))).await;
    for _ in 0..2 {
        world.purge().await;
    }
    assert_eq!(world.all().await, []);
    world.accepted("k").await;
}

pub async fn dead_letters_are_the_owners_own(world: World) {
    let failed = world.failed("k").await;
    assert_eq!(world.store.dead_letter(&tenant(), failed).await.unwrap(), None);
    let nobody = OpId::generate();
    assert_eq!(world.store.dead_letter(&owner(), nobody).await.unwrap(), None);
    assert_eq!(world.dead_letter(failed).await.op_id, failed);
}

pub async fn a_parked_operation_is_not_redriven(world: World) {
    let parked = world.parked("k").await;
    let answer = world.redrive(parked, true).await;
    assert_eq!(answer, Redriven::NotFailed { status: Status::InProgress });
    assert_eq!(world.operation(parked).await.phase, Some(Phase::Parked));
    assert_eq!(listed(&world.all().await), [parked]);
}
