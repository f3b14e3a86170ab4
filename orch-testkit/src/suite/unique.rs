//! The only operation for its biz key: a second key for a paid order finds the first operation.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::store::{Acceptance, Admitted, Claim, Redriven};
use orch_core::words::{Command, Fingerprint, OpId, Owner, Status};
use tokio::task::JoinSet;

use crate::fixture::{BUDGET, World, acceptance, ended, fail, in_doubt, ok, policy, sweep_params};

/// A request to be the only one for `order`.
fn only_one(order: &str, key: &str) -> Acceptance {
    let command = Command::new("PAYMENT", "CHARGE", order, key, "{}").unwrap();
    let fingerprint = Fingerprint::of(command.payload());
    Acceptance { command, fingerprint, unique: true, ..acceptance(key) }
}

fn again(item: &Acceptance) -> Acceptance {
    Acceptance { op_id: OpId::generate(), ..item.clone() }
}

async fn fails(world: &World) -> Claim {
    let claim = world.claim().await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    claim
}

pub async fn another_key_for_it_finds_the_operation(world: World) {
    let op_id = world.accepted_as(only_one("ORDER-7", "first")).await;
    assert_eq!(world.admit(only_one("ORDER-7", "second")).await, Admitted::Taken { op_id });
    assert_eq!(world.all().await.len(), 1);
    let other = only_one("ORDER-8", "second");
    assert_eq!(world.admit(other.clone()).await, Admitted::Created { op_id: other.op_id });
}

pub async fn it_is_held_until_it_fails(world: World) {
    let op_id = world.accepted_as(only_one("ORDER-7", "first")).await;
    let taken = Admitted::Taken { op_id };
    let claim = world.claim().await;
    assert_eq!(world.admit(only_one("ORDER-7", "running")).await, taken);
    world.settle(ended(claim, ok("paid"))).await;
    assert_eq!(world.admit(only_one("ORDER-7", "paid")).await, taken);
    assert_eq!(world.all().await.len(), 1);
}

pub async fn one_that_has_failed_frees_it(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    fails(&world).await;
    let op_id = world.accepted_as(only_one("ORDER-7", "second")).await;
    assert_eq!(world.admit(only_one("ORDER-7", "third")).await, Admitted::Taken { op_id });
    fails(&world).await;
    world.accepted_as(only_one("ORDER-7", "third")).await;
}

pub async fn one_that_a_sweep_has_failed_frees_it(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    world.clock.advance(BUDGET);
    world.store.sweep_over_budget(sweep_params([policy()])).await.unwrap();
    world.accepted_as(only_one("ORDER-7", "second")).await;
}

pub async fn one_in_doubt_holds_it(world: World) {
    let op_id = world.accepted_as(only_one("ORDER-7", "first")).await;
    let claim = world.claim().await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(world.admit(only_one("ORDER-7", "second")).await, Admitted::Taken { op_id });
}

pub async fn its_own_request_is_replayed_whatever_became_of_it(world: World) {
    let item = only_one("ORDER-7", "first");
    let op_id = world.accepted_as(item.clone()).await;
    assert_eq!(world.admit(item.clone()).await, Admitted::Created { op_id }, "the reply was lost");
    assert_eq!(world.admit(again(&item)).await, Admitted::Replayed { op_id });
    fails(&world).await;
    assert_eq!(world.admit(again(&item)).await, Admitted::Replayed { op_id });
    let second = world.accepted_as(only_one("ORDER-7", "second")).await;
    assert_eq!(world.admit(again(&item)).await, Admitted::Replayed { op_id });
    let taken = Admitted::Taken { op_id: second };
    assert_eq!(world.admit(only_one("ORDER-7", "third")).await, taken);
}

pub async fn owners_and_kinds_do_not_meet(world: World) {
    let item = only_one("ORDER-7", "first");
    world.accepted_as(item.clone()).await;
    let tenant = Owner::new("tenant-2").unwrap();
    world.accepted_as(Acceptance { owner: tenant, ..again(&item) }).await;
    let refund = Command::new("PAYMENT", "REFUND", "ORDER-7", "second", "{}").unwrap();
    world.accepted_as(Acceptance { command: refund, ..again(&item) }).await;
}

pub async fn within_one_batch_the_first_gets_it(world: World) {
    let plain = acceptance("plain");
    let [one, two, three] = ["1", "2", "3"].map(|key| only_one("ORDER-7", key));
    let batch = vec![one.clone(), plain.clone(), again(&one), two, three];
    let op_id = one.op_id;
    let taken = Admitted::Taken { op_id };
    let created = [Admitted::Created { op_id }, Admitted::Created { op_id: plain.op_id }];
    let [first, other] = created;
    let replayed = Admitted::Replayed { op_id };
    let answers = world.store.accept(batch).await.unwrap();
    assert_eq!(answers, [first, other, replayed, taken.clone(), taken]);
    assert_eq!(world.all().await.len(), 2);
}

pub async fn forty_at_once_make_one_operation(world: World) {
    let mut calls = JoinSet::new();
    for n in 0..20 {
        for order in ["ORDER-7", "ORDER-8"] {
            let (store, key) = (Arc::clone(&world.store), format!("{order}-{n}"));
            let batch = vec![only_one(order, &key), only_one("ORDER-9", &key)];
            calls.spawn(async move {
                loop {
                    // As the acceptor does: whoever stood in the way may be gone already.
                    match store.accept(batch.clone()).await {
                        Err(error) if error.is_transient() => {}
                        answers => return answers.unwrap(),
                    }
                }
            });
        }
    }
    let answers: Vec<Admitted> = calls.join_all().await.into_iter().flatten().collect();
    let created = answers.iter().filter(|answer| matches!(answer, Admitted::Created { .. }));
    let created: HashSet<OpId> = created.map(op_id_of).collect();
    assert_eq!((created.len(), world.all().await.len()), (3, 3));
    assert!(answers.iter().map(op_id_of).all(|op_id| created.contains(&op_id)), "{answers:?}");
}

fn op_id_of(answer: &Admitted) -> OpId {
    let (Admitted::Created { op_id } | Admitted::Taken { op_id }) = answer else {
        panic!("{answer:?}")
    };
    *op_id
}

pub async fn what_was_accepted_without_holds_it_as_well(world: World) {
    let before = Acceptance { unique: false, ..only_one("ORDER-7", "first") };
    let op_id = world.accepted_as(before).await;
    assert_eq!(world.admit(only_one("ORDER-7", "second")).await, Admitted::Taken { op_id });
    fails(&world).await;
    world.accepted_as(only_one("ORDER-7", "second")).await;
}

pub async fn who_does_not_ask_is_not_held_up(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    world.accepted_as(Acceptance { unique: false, ..only_one("ORDER-7", "second") }).await;
}

pub async fn a_redrive_takes_it_again(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    let failed = fails(&world).await;
    let Redriven::Created { op_id } = world.redrive(failed.op_id, false).await else { panic!() };
    assert_eq!(world.admit(only_one("ORDER-7", "second")).await, Admitted::Taken { op_id });
    let again = fails(&world).await;
    assert_eq!(again.op_id, op_id);
    let second = world.accepted_as(only_one("ORDER-7", "second")).await;
    let refused = world.redrive(op_id, false).await;
    assert_eq!(refused, Redriven::Taken { by: second });
    assert_eq!(world.all().await.len(), 3);
    assert_eq!(world.operation(op_id).await.status, Status::Failed);
    fails(&world).await;
    assert!(matches!(world.redrive(op_id, false).await, Redriven::Created { .. }));
}

pub async fn a_redrive_and_an_accept_at_once_make_one(world: World) {
    for round in 0..10 {
        let order = format!("ORDER-{round}");
        world.accepted_as(only_one(&order, "first")).await;
        let failed = fails(&world).await;
        let other = world.reopened().await;
        let second = only_one(&order, "second");
        let (redriven, accepted) = tokio::join!(
            world.redrive(failed.op_id, false),
            other.store.accept(vec![second.clone()]),
        );
        let accepted = accepted.unwrap().remove(0);
        let made = matches!(redriven, Redriven::Created { .. });
        let created = accepted == Admitted::Created { op_id: second.op_id };
        assert!(made != created, "{redriven:?} {accepted:?}");
        world.clock.advance(BUDGET);
        world.store.sweep_over_budget(sweep_params([policy()])).await.unwrap();
    }
}

pub async fn a_purge_frees_it(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    let claim = world.claim().await;
    world.settle(ended(claim, ok("paid"))).await;
    world.advance(8 * 24 * 60 * 60);
    assert_eq!(world.store.purge(10).await.unwrap().operations, 1);
    world.accepted_as(only_one("ORDER-7", "second")).await;
}

pub async fn one_of_a_purged_failure_stays_with_its_holder(world: World) {
    world.accepted_as(only_one("ORDER-7", "first")).await;
    fails(&world).await;
    world.advance(20 * 24 * 60 * 60);
    let op_id = world.accepted_as(only_one("ORDER-7", "second")).await;
    world.claim().await;
    world.advance(11 * 24 * 60 * 60);
    assert_eq!(world.store.purge(10).await.unwrap().operations, 1);
    assert_eq!(world.admit(only_one("ORDER-7", "third")).await, Admitted::Taken { op_id });
}

pub async fn redrives_after_a_purge_of_the_holder_make_one(world: World) {
    let mut failed = Vec::new();
    for key in ["first", "second"] {
        failed.push(world.accepted_as(only_one("ORDER-7", key)).await);
        fails(&world).await;
    }
    world.accepted_as(only_one("ORDER-7", "third")).await;
    let claim = world.claim().await;
    world.settle(ended(claim, ok("paid"))).await;
    world.advance(8 * 24 * 60 * 60);
    assert_eq!(world.store.purge(10).await.unwrap().operations, 1);
    let other = world.reopened().await;
    let (one, two) = tokio::join!(world.redrive(failed[0], false), other.redrive(failed[1], false));
    let made = [&one, &two].into_iter().filter(|it| matches!(it, Redriven::Created { .. }));
    assert_eq!(made.count(), 1, "{one:?} {two:?}");
    let taken = [&one, &two].into_iter().filter(|it| matches!(it, Redriven::Taken { .. }));
    assert_eq!(taken.count(), 1, "{one:?} {two:?}");
}

pub async fn what_failed_without_it_is_not_redriven_beside_one(world: World) {
    let before = Acceptance { unique: false, ..only_one("ORDER-7", "first") };
    let failed = world.accepted_as(before).await;
    fails(&world).await;
    let by = world.accepted_as(only_one("ORDER-7", "second")).await;
    assert_eq!(world.redrive(failed, false).await, Redriven::Taken { by });
    fails(&world).await;
    assert!(matches!(world.redrive(failed, false).await, Redriven::Created { .. }));
}
