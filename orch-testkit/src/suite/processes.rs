//! Two stores on the same data, as two processes have them.

use std::collections::HashSet;

use orch_core::store::{Admitted, Finalized};
use orch_core::words::{FinalOutcome, Status};
use tokio::task::JoinSet;

use crate::fixture::{LEASE, World, acceptance, ended, ok, output, policy};

pub async fn what_one_accepts_the_other_claims(world: World) {
    let other = world.reopened().await;
    let op_id = world.accepted("k").await;
    let claim = other.claim().await;
    assert_eq!(claim.op_id, op_id);
    world.nothing_to_claim(policy()).await;
    other.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.operation(op_id).await.status, Status::Completed);
}

pub async fn one_key_in_both_makes_one_operation(world: World) {
    let other = world.reopened().await;
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let store = if n % 2 == 0 { world.store.clone() } else { other.store.clone() };
        calls.spawn(async move { store.accept(vec![acceptance("k")]).await.unwrap().remove(0) });
    }
    let answers = calls.join_all().await;
    let created = answers.iter().filter(|answer| matches!(answer, Admitted::Created { .. }));
    assert_eq!(created.count(), 1);
    assert_eq!(world.all().await.len(), 1);
}

pub async fn claimers_in_both_never_share(world: World) {
    let batch: Vec<_> = (0..60).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    let other = world.reopened().await;
    let drain = async |world: &World| {
        let mut mine = Vec::new();
        loop {
            let claimed = world.claims(policy(), 4).await;
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.iter().map(|attempt| attempt.envelope.op_id));
            assert!(mine.len() <= 60, "something was claimed twice");
        }
    };
    let (one, two) = tokio::join!(drain(&world), drain(&other));
    let all: Vec<_> = one.into_iter().chain(two).collect();
    assert_eq!(all.len(), 60);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 60);
}

pub async fn the_other_takes_over_what_a_dead_one_held(world: World) {
    let lost = world.running("k").await;
    let other = world.reopened().await;
    other.expire().await;
    other.advance(2);
    let held = other.claim().await;
    assert_eq!(world.settle(ended(lost, ok("from the dead"))).await, Finalized::Stale);
    let answer = other.settle(ended(held, ok("done"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("done"))));
    assert_eq!(world.operation(lost.op_id).await.lost_attempts, 1);
}

pub async fn two_finalizers_at_once_finish_it_once(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    let other = world.reopened().await;
    let (one, two) = tokio::join!(world.finalize(claim, None), other.finalize(claim, None));
    let finished = Finalized::Finished(FinalOutcome::Ok(output("done")));
    let already = finished.clone().again();
    let both = [(finished.clone(), already.clone()), (already, finished)];
    assert!(both.contains(&(one, two)), "one of them has finished it");
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn a_settle_and_a_take_over_at_once_leave_one_winner(world: World) {
    world.accepted("k").await;
    let attempt = world.claim_as(policy()).await;
    world.clock.advance(LEASE);
    let other = world.reopened().await;
    let (settled, swept) =
        tokio::join!(world.settle(ended(attempt.claim(), ok("done"))), other.sweep_expired(),);
    let operation = world.operation(attempt.envelope.op_id).await;
    match settled {
        Finalized::Finished(_) => {
            assert_eq!((swept.len(), operation.status), (0, Status::Completed));
        }
        Finalized::Stale => {
            assert_eq!((swept.len(), operation.status), (1, Status::InProgress));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn migrating_again_changes_nothing(world: World) {
    let op_id = world.accepted("k").await;
    let before = world.operation(op_id).await;
    let other = world.reopened().await;
    let (one, two) = tokio::join!(world.store.migrate(), other.store.migrate());
    one.and(two).unwrap();
    assert_eq!(other.operation(op_id).await, before);
}

pub async fn both_have_one_connection_type(world: World) {
    let other = world.reopened().await;
    assert_eq!(world.store.connection_type(), other.store.connection_type());
    let hook = world.backend.marking_hook();
    assert_eq!((hook.function.connection)(), world.store.connection_type());
}
