//! S1: what makes two requests the same one.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::store::{Acceptance, Admitted, Claim};
use orch_core::words::{
    BizKey, Command, Fence, Fingerprint, IDENTITY_LIMIT, IdemKey, OpId, Owner, Payload, Status,
};
use tokio::task::JoinSet;

use crate::fixture::{
    BUDGET, World, acceptance, ended, kind, listed, ok, other_kind, owner, tenant,
};

/// The same request once more, as a client that got no answer sends it.
fn repeated(item: &Acceptance) -> Acceptance {
    Acceptance { op_id: OpId::generate(), ..item.clone() }
}

/// The same key with another body.
fn altered(item: &Acceptance, body: &str) -> Acceptance {
    let (biz_key, idem_key) = (item.command.biz_key().clone(), item.command.idem_key().clone());
    let command = Command::of(item.command.kind(), biz_key, idem_key, Payload::from(body));
    let fingerprint = Fingerprint::of(command.payload());
    Acceptance { op_id: OpId::generate(), command, fingerprint, ..item.clone() }
}

pub async fn a_new_command_is_created_pending_and_due_at_once(world: World) {
    let op_id = world.accepted("k").await;
    let (operation, now) = (world.operation(op_id).await, world.now().await);
    assert_eq!(
        (operation.op_id, operation.status, operation.phase),
        (op_id, Status::Pending, None)
    );
    assert_eq!((operation.attempt, operation.fence), (0, Fence::default()));
    assert_eq!((operation.retries, operation.lost_attempts), (0, 0));
    assert_eq!((operation.accepted_at, operation.due_at), (now, Some(now)));
    assert_eq!(operation.deadline, now.plus(BUDGET));
    assert_eq!((operation.lease_expires_at, operation.finished_at), (None, None));
    assert_eq!((operation.outcome, operation.redrive_of), (None, None));
    assert_eq!(operation.payload, Payload::from(r#"{"amount":5}"#));
    assert_eq!(world.history(op_id).await, []);
}

pub async fn the_same_key_and_body_is_replayed(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    assert_eq!(world.admit(repeated(&item)).await, Admitted::Replayed { op_id });
    assert_eq!(listed(&world.all().await), [op_id]);
}

pub async fn the_same_key_with_another_body_is_a_conflict_and_stores_nothing(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let before = world.operation(op_id).await;
    let answer = world.admit(altered(&item, "{}")).await;
    assert!(matches!(answer, Admitted::Conflict { op_id: there, .. } if there == op_id));
    assert_eq!(listed(&world.all().await), [op_id]);
    assert_eq!(world.operation(op_id).await, before);
}

pub async fn a_conflict_hands_out_the_payload_that_is_there(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let payload = item.command.payload().clone();
    assert_eq!(world.admit(altered(&item, "{}")).await, Admitted::Conflict { op_id, payload });
}

pub async fn another_fingerprint_decides_not_another_payload(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let same_print = Acceptance { fingerprint: item.fingerprint, ..altered(&item, "{}") };
    assert_eq!(world.admit(same_print).await, Admitted::Replayed { op_id });
    let kept = world.operation(op_id).await.payload;
    assert_eq!(&kept, item.command.payload());
}

pub async fn each_part_of_the_identity_makes_it_another_one(world: World) {
    let item = acceptance("k");
    let with = |kind, biz: &str, idem: &str| {
        let keys = (BizKey::new(biz).unwrap(), IdemKey::new(idem).unwrap());
        let command = Command::of(kind, keys.0, keys.1, item.command.payload().clone());
        Acceptance { command, ..repeated(&item) }
    };
    world.accepted_as(item.clone()).await;
    world.accepted_as(with(other_kind(), "ORDER-1", "k")).await;
    world.accepted_as(with(kind(), "ORDER-2", "k")).await;
    world.accepted_as(with(kind(), "ORDER-1", "K")).await;
    world.accepted_as(with(kind(), "ORDER-1", "k ")).await;
    world.accepted_as(Acceptance { owner: tenant(), ..repeated(&item) }).await;
    assert_eq!(world.all().await.len(), 6);
}

pub async fn a_second_item_in_one_batch_is_replayed(world: World) {
    let item = acceptance("k");
    let op_id = item.op_id;
    let batch = vec![item.clone(), repeated(&item), altered(&item, "{}")];
    let answers = world.store.accept(batch).await.unwrap();
    assert_eq!(answers[..2], [Admitted::Created { op_id }, Admitted::Replayed { op_id }]);
    assert!(matches!(answers[2], Admitted::Conflict { op_id: there, .. } if there == op_id));
    assert_eq!(listed(&world.all().await), [op_id]);
}

pub async fn a_conflict_in_one_batch_leaves_its_neighbours(world: World) {
    let item = acceptance("k");
    world.accepted_as(item.clone()).await;
    let (first, last) = (acceptance("first"), acceptance("last"));
    let batch = vec![first.clone(), altered(&item, "{}"), last.clone()];
    let answers = world.store.accept(batch).await.unwrap();
    assert_eq!(answers[0], Admitted::Created { op_id: first.op_id });
    assert!(matches!(answers[1], Admitted::Conflict { .. }));
    assert_eq!(answers[2], Admitted::Created { op_id: last.op_id });
    assert_eq!(world.all().await.len(), 3);
}

pub async fn the_same_op_id_again_is_created_again_and_stored_once(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let claim = world.claim().await;
    let before = world.operation(op_id).await;
    assert_eq!(world.admit(item).await, Admitted::Created { op_id });
    assert_eq!(world.operation(op_id).await, before);
    assert_eq!(claim.op_id, op_id);
}

pub async fn twenty_concurrent_accepts_of_one_key_make_one_operation(world: World) {
    let answers = all_at_once(&world, (0..20).map(|_| acceptance("k")).collect()).await;
    let ids: HashSet<_> = answers.iter().map(op_id_of).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(created(&answers), 1);
    assert_eq!(world.all().await.len(), 1);
}

pub async fn twenty_concurrent_accepts_with_two_bodies_make_one_operation(world: World) {
    let item = acceptance("k");
    let bodies = ["{}", "[]"];
    let items = (0..20).map(|n| altered(&item, bodies[n % 2])).collect();
    let answers = all_at_once(&world, items).await;
    let conflicts = answers.iter().filter(|a| matches!(a, Admitted::Conflict { .. })).count();
    assert_eq!((created(&answers), conflicts), (1, 10));
    assert_eq!(answers.iter().map(op_id_of).collect::<HashSet<_>>().len(), 1);
    assert_eq!(world.all().await.len(), 1);
}

async fn all_at_once(world: &World, items: Vec<Acceptance>) -> Vec<Admitted> {
    let mut calls = JoinSet::new();
    for item in items {
        let store = Arc::clone(&world.store);
        calls.spawn(async move { store.accept(vec![item]).await.unwrap().remove(0) });
    }
    calls.join_all().await
}

fn op_id_of(answer: &Admitted) -> OpId {
    match answer {
        Admitted::Created { op_id }
        | Admitted::Replayed { op_id }
        | Admitted::Taken { op_id }
        | Admitted::Conflict { op_id, .. } => *op_id,
        Admitted::OtherForm { .. } => panic!("{answer:?}"),
    }
}

fn created(answers: &[Admitted]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Admitted::Created { .. })).count()
}

pub async fn a_terminal_operation_is_still_replayed(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let claim: Claim = world.claim().await;
    world.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.admit(repeated(&item)).await, Admitted::Replayed { op_id });
    assert_eq!(world.operation(op_id).await.status, Status::Completed);
}

/// Of four bytes each, and in no order that would compress.
fn random_text(bytes: usize) -> String {
    let text: String = (0..bytes / 4)
        .map(|_| char::from_u32(fastrand::u32(0x1_0000..0x1_8000)).unwrap())
        .collect();
    text + &"x".repeat(bytes % 4)
}

pub async fn the_longest_identity_is_kept(world: World) {
    let owner =
        Owner::new(random_text(IDENTITY_LIMIT - "PAYMENT".len() - "CHARGE".len() - 2 * 1020));
    let [biz_key, idem_key] = [0, 0].map(|_| random_text(1020));
    let command = Command::new("PAYMENT", "CHARGE", &biz_key, &idem_key, "{}").unwrap();
    let item = Acceptance { owner: owner.unwrap(), command, unique: true, ..acceptance("k") };
    item.command.check_identity(&item.owner).unwrap();
    world.accepted_as(item.clone()).await;
    let op_id = item.op_id;
    assert_eq!(world.admit(repeated(&item)).await, Admitted::Replayed { op_id });
}

pub async fn answers_come_in_the_order_of_the_batch(world: World) {
    let mut batch: Vec<_> = (0..30).map(|n| acceptance(&format!("key-{n}"))).collect();
    batch.reverse();
    let expected: Vec<_> = batch.iter().map(|i| Admitted::Created { op_id: i.op_id }).collect();
    assert_eq!(world.store.accept(batch).await.unwrap(), expected);
}

pub async fn an_empty_batch_is_answered_by_nothing(world: World) {
    assert_eq!(world.store.accept(vec![]).await.unwrap(), []);
    assert_eq!(world.all().await, []);
}

pub async fn find_sees_what_was_accepted(world: World) {
    let item = acceptance("k");
    let identity = item.command.identity(&owner());
    assert_eq!(world.store.find(&identity).await.unwrap(), None);
    let op_id = world.accepted_as(item.clone()).await;
    let found = world.store.find(&identity).await.unwrap();
    assert_eq!(found, Some(world.operation(op_id).await));
    assert_eq!(world.store.find(&item.command.identity(&tenant())).await.unwrap(), None);
}
