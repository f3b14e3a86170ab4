//! How long a finished operation is kept: as its row says, which the kind's own worker has written,
//! whoever prunes.

use std::time::Duration;

use orch_core::policies::{InDoubt, KindPolicy, UNDATED_RETENTION};
use orch_core::store::{
    Admitted, ConfirmParams, Confirmed, Finalized, Listed, Redriven, Resolution, SweepParams,
};
use orch_core::words::{Command, Confirmation, Failure, OpId, Status};

use crate::fixture::{
    BUDGET, World, acceptance, ended, fail, in_doubt, kept, listed, ok, other_kind, policy, retry,
    sweep_params,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long after its end the operation expires.
async fn kept_for(world: &World, op_id: OpId) -> Duration {
    let operation = world.operation(op_id).await;
    operation.expires_at.unwrap().since(operation.finished_at.unwrap())
}

/// A kind of another service, which keeps its operations for a second.
async fn completed_elsewhere(world: &World, key: &str) -> OpId {
    let mut item = acceptance(key);
    let it = item.command;
    let (biz_key, idem_key) = (it.biz_key().clone(), it.idem_key().clone());
    item.command = Command::of(other_kind(), biz_key, idem_key, it.payload().clone());
    let op_id = world.accepted_as(item).await;
    let briefly = KindPolicy { kind: other_kind(), ..kept(SECOND, SECOND) };
    let claim = world.attempt(briefly).await;
    world.settle(ended(claim, ok("sent"))).await;
    op_id
}

pub async fn the_row_says_it_whoever_prunes(world: World) {
    let charged = world.completed_as("paid", kept(YEAR, HOUR)).await;
    let declined = world.failed_as("declined", kept(HOUR, YEAR)).await;
    completed_elsewhere(&world, "mail").await;
    world.clock.advance(SECOND);
    let other = world.reopened().await;
    assert_eq!(other.purge().await, 1);
    world.clock.advance(HOUR - SECOND - SECOND);
    assert_eq!(other.purge().await, 0);
    let mut left = [charged, declined];
    left.sort();
    assert_eq!(listed(&world.all().await), left);
    let again = world.admit(acceptance("paid")).await;
    assert_eq!(again, Admitted::Replayed { op_id: charged });
    world.clock.advance(YEAR);
    assert_eq!(world.purge().await, 2);
}

pub async fn a_reader_is_told_when_it_expires(world: World) {
    let claim = world.running_as("k", kept(HOUR, YEAR)).await;
    assert_eq!(world.operation(claim.op_id).await.expires_at, None);
    world.settle(ended(claim, ok("done"))).await;
    let operation = world.operation(claim.op_id).await;
    assert_eq!(operation.expires_at, Some(world.now().await.plus(HOUR)));
    assert_eq!(world.all().await, [Listed::Operation(Box::new(operation))]);
    let failed = world.failed_as("l", kept(HOUR, YEAR)).await;
    assert_eq!(kept_for(&world, failed).await, YEAR);
}

pub async fn each_claim_says_it_anew(world: World) {
    let first = world.running_as("k", kept(YEAR, YEAR)).await;
    world.expire().await;
    world.advance(2);
    let second = world.attempt(kept(HOUR, YEAR)).await;
    assert_eq!(first.op_id, second.op_id);
    world.settle(ended(second, ok("done"))).await;
    assert_eq!(kept_for(&world, second.op_id).await, HOUR);
}

pub async fn a_logged_end_is_kept_from_when_it_is_finalized(world: World) {
    let claim = world.running_as("k", kept(HOUR, YEAR)).await;
    world.log(ended(claim, ok("done"))).await;
    world.clock.advance(HOUR);
    assert!(matches!(world.finalize(claim, None).await, Finalized::Finished(_)));
    assert_eq!(world.purge().await, 0);
    assert_eq!(kept_for(&world, claim.op_id).await, HOUR);
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
}

pub async fn what_was_never_claimed_takes_it_from_the_sweep(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    let params = sweep_params([kept(SECOND, YEAR)]);
    assert_eq!(world.store.sweep_over_budget(params).await.unwrap().len(), 1);
    assert_eq!(world.operation(op_id).await.status, Status::Failed);
    assert_eq!(kept_for(&world, op_id).await, YEAR);
}

pub async fn a_hook_that_is_still_to_run_changes_nothing_of_it(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    let params = sweep_params([KindPolicy { hooked: true, ..kept(SECOND, YEAR) }]);
    assert!(world.store.sweep_over_budget(params).await.unwrap()[0].logged());
    world.advance(1);
    let logged = world.unfinalized().await.remove(0);
    world.finalize(logged, Some(world.backend.marking_hook())).await;
    assert_eq!(kept_for(&world, op_id).await, YEAR);
}

pub async fn a_claim_comes_before_the_sweep(world: World) {
    let claim = world.running_as("k", kept(HOUR, YEAR)).await;
    world.settle(ended(claim, retry("busy"))).await;
    world.clock.advance(BUDGET);
    for kinds in [vec![kept(SECOND, SECOND)], vec![]] {
        let params = SweepParams { kinds, ..sweep_params([]) };
        world.store.sweep_over_budget(params).await.unwrap();
        assert_eq!(kept_for(&world, claim.op_id).await, YEAR);
    }
}

pub async fn what_a_restore_has_lost_takes_it_from_the_sweep(world: World) {
    let pending = world.accepted("pending").await;
    let mut seen = world.store.incarnation().await.unwrap();
    let mut confirm = async |confirmation| {
        let params = ConfirmParams {
            number: seen.number,
            opened_at: seen.opened_at,
            confirmed: seen.confirmed,
            confirmation,
            who: "ann".to_owned(),
            why: "the disk was lost".to_owned(),
        };
        let answer = world.store.confirm(params).await.unwrap();
        assert!(matches!(answer, Confirmed::Confirmed { .. }), "{answer:?}");
        seen = world.store.incarnation().await.unwrap();
    };
    confirm(Confirmation::Restored).await;
    let failing = KindPolicy { in_doubt: InDoubt::Fail, ..kept(SECOND, YEAR) };
    let swept = world.store.sweep_earlier(sweep_params([failing])).await.unwrap();
    assert_eq!(swept.len(), 1);
    assert_eq!(world.operation(pending).await.status, Status::Failed);
    assert_eq!(kept_for(&world, pending).await, YEAR);
    let parked = world.accepted("parked").await;
    confirm(Confirmation::Copied).await;
    let params = sweep_params([kept(YEAR, SECOND)]);
    assert_eq!(world.store.sweep_earlier(params).await.unwrap().len(), 1);
    world.resolve(parked, Resolution::ok("seen").unwrap()).await;
    assert_eq!(kept_for(&world, parked).await, YEAR);
}

pub async fn an_operators_decision_keeps_what_the_claim_said(world: World) {
    let decisions = [Resolution::ok("seen").unwrap(), Resolution::Fail(Failure::new("NO", "no"))];
    for (decision, expected) in decisions.into_iter().zip([HOUR, YEAR]) {
        let parks = KindPolicy { in_doubt: InDoubt::Park, ..kept(HOUR, YEAR) };
        let claim = world.running_as(&format!("{expected:?}"), parks).await;
        world.settle(ended(claim, in_doubt("no answer"))).await;
        world.resolve(claim.op_id, decision).await;
        assert_eq!(kept_for(&world, claim.op_id).await, expected);
    }
}

/// No worker has a handler for it any more, so none claims or sweeps with its kind.
pub async fn a_kind_without_a_handler_is_pruned(world: World) {
    completed_elsewhere(&world, "mail").await;
    let charged = world.completed_as("paid", kept(YEAR, YEAR)).await;
    world.clock.advance(SECOND);
    assert_eq!(world.purge().await, 1);
    assert_eq!(listed(&world.all().await), [charged]);
}

pub async fn what_does_not_say_it_is_kept_for_a_year(world: World) {
    for op_id in [
        world.completed_as("k", kept(SECOND, SECOND)).await,
        world.failed_as("l", kept(YEAR, YEAR)).await,
    ] {
        world.backend.undate(op_id).await;
        assert_eq!(kept_for(&world, op_id).await, UNDATED_RETENTION);
    }
    world.clock.advance(UNDATED_RETENTION - Duration::from_micros(1));
    assert_eq!(world.purge().await, 0);
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.purge().await, 2);
    assert_eq!(world.all().await, []);
}

pub async fn what_does_not_say_it_is_no_hindrance(world: World) {
    for n in 0..3 {
        let op_id = world.completed_as(&format!("undated {n}"), policy()).await;
        world.backend.undate(op_id).await;
    }
    let kept_long = world.completed_as("kept long", kept(2 * YEAR, YEAR)).await;
    world.completed_as("expired", kept(HOUR, YEAR)).await;
    world.clock.advance(HOUR);
    assert_eq!(world.store.purge(1).await.unwrap().operations, 1);
    world.clock.advance(UNDATED_RETENTION);
    for expected in [2, 1, 0] {
        assert_eq!(world.store.purge(2).await.unwrap().operations, expected);
    }
    assert_eq!(listed(&world.all().await), [kept_long]);
}

pub async fn a_clock_turned_back_prunes_nothing(world: World) {
    let early = world.completed_as("early", kept(HOUR, HOUR)).await;
    world.clock.advance(HOUR);
    world.clock.turn_back(YEAR);
    assert_eq!(world.purge().await, 0);
    // What ends now is kept from now.
    world.completed_as("late", kept(HOUR, HOUR)).await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
    assert_eq!(listed(&world.all().await), [early]);
    world.clock.advance(YEAR - HOUR);
    assert_eq!(world.purge().await, 1);
}

pub async fn a_redriven_one_goes_after_the_new_one(world: World) {
    let failed = world.failed_as("k", kept(SECOND, SECOND)).await;
    let Redriven::Created { op_id: new } = world.redrive(failed, false).await else {
        panic!("not redriven")
    };
    let claim = world.attempt(kept(YEAR, YEAR)).await;
    assert_eq!(claim.op_id, new);
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 0);
    let again = world.admit(acceptance("k")).await;
    assert_eq!(again, Admitted::Replayed { op_id: failed });
    world.clock.advance(YEAR);
    for expected in [1, 1, 0] {
        assert_eq!(world.purge().await, expected);
    }
}
