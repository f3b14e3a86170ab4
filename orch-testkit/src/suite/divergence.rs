//! Answers beside the outcome: which operations have some, and which of them contradict it.

use orch_core::policies::{Bearing, InDoubt, KindPolicy, bearings};
use orch_core::store::{Acceptance, Claim, Finalized, LateParams, Resolution};
use orch_core::words::{AttemptEnd, Failure, OpId, Outcome};

use crate::fixture::{
    World, acceptance, ended, fail, in_doubt, not_happened, ok, output, owner, policy, reconciled,
    retry, tenant,
};

const ANY: LateParams = LateParams { of: None, owner: None, after: None, limit: 10 };

fn declared(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy { in_doubt, ..policy() }
}

/// What the entries of a history mean, in their order.
async fn meaning(world: &World, op_id: OpId) -> Vec<Bearing> {
    let operation = world.operation(op_id).await;
    bearings(operation.outcome.as_ref(), &world.history(op_id).await)
}

async fn late(world: &World, params: LateParams) -> Vec<OpId> {
    world.store.late(params).await.unwrap().into_iter().map(|(op_id, _)| op_id).collect()
}

/// A claim that was lost, and the one that came after it.
async fn superseded(world: &World, key: &str) -> (Claim, Claim) {
    let lost = world.running(key).await;
    world.expire().await;
    world.advance(2);
    (lost, world.claim().await)
}

/// A reconcile whose worker was lost, put once more.
async fn asked_twice(world: &World) -> (Claim, Claim) {
    let claim = world.running_as("k", declared(InDoubt::Reconcile)).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let lost = world.reconcile(declared(InDoubt::Reconcile)).await;
    world.expire().await;
    world.advance(2);
    (lost, world.reconcile(declared(InDoubt::Reconcile)).await)
}

pub async fn an_answer_before_a_completed_end_diverges(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(lost, ok("1"))).await;
    assert_eq!(meaning(&world, lost.op_id).await, [Bearing::Counts, Bearing::Kept]);
    world.settle(ended(held, ok("2"))).await;
    let all = [Bearing::Counts, Bearing::Diverges, Bearing::Counts];
    assert_eq!(meaning(&world, lost.op_id).await, all);
}

pub async fn an_answer_after_a_completed_end_diverges(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(held, ok("2"))).await;
    world.settle(ended(lost, fail("CARD_DECLINED"))).await;
    let all = [Bearing::Counts, Bearing::Counts, Bearing::Diverges];
    assert_eq!(meaning(&world, lost.op_id).await, all);
}

pub async fn an_equal_answer_corroborates_before_and_after_the_end(world: World) {
    let (first, second) = superseded(&world, "k").await;
    world.expire().await;
    world.advance(4);
    let held = world.claim().await;
    world.settle(ended(first, ok(r#"{"a":1,"b":2}"#))).await;
    world.settle(ended(held, ok(r#"{"b":2,"a":1}"#))).await;
    world.settle(ended(second, ok(r#"{"a":1,"b":2.0}"#))).await;
    let bearings = meaning(&world, first.op_id).await;
    assert_eq!(bearings.iter().filter(|b| **b == Bearing::Corroborates).count(), 2, "{bearings:?}");
    assert!(!bearings.contains(&Bearing::Diverges), "{bearings:?}");
}

pub async fn the_dead_letter_counts_what_diverges_before_the_end(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(lost, ok("1"))).await;
    world.settle(ended(held, fail("CARD_DECLINED"))).await;
    let letter = world.dead_letter(lost.op_id).await;
    assert_eq!((letter.divergences, letter.late_outcomes), (1, 0));
}

pub async fn the_dead_letter_counts_what_diverges_after_the_end(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(held, fail("CARD_DECLINED"))).await;
    assert_eq!(world.dead_letter(lost.op_id).await.divergences, 0);
    world.settle(ended(lost, ok("1"))).await;
    let letter = world.dead_letter(lost.op_id).await;
    assert_eq!((letter.divergences, letter.late_outcomes), (1, 1));
}

pub async fn the_dead_letter_does_not_count_what_corroborates(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(held, fail("CARD_DECLINED"))).await;
    world.settle(ended(lost, fail("CARD_DECLINED"))).await;
    let letter = world.dead_letter(lost.op_id).await;
    assert_eq!((letter.divergences, letter.late_outcomes), (0, 1));
}

pub async fn a_late_retry_contradicts_nothing(world: World) {
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(lost, retry("busy"))).await;
    world.settle(ended(held, ok("1"))).await;
    let all = [Bearing::Counts, Bearing::Kept, Bearing::Counts];
    assert_eq!(meaning(&world, lost.op_id).await, all);
}

pub async fn a_late_not_happened_is_kept_and_contradicts_a_success(world: World) {
    let (lost, held) = asked_twice(&world).await;
    assert_eq!(world.settle(reconciled(lost, not_happened())).await, Finalized::Stale);
    world.settle(reconciled(held, ok("1"))).await;
    let all = [Bearing::Counts, Bearing::Diverges, Bearing::Counts];
    assert_eq!(meaning(&world, lost.op_id).await, all);
}

pub async fn a_persons_decision_is_compared_with_what_came_before_it(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Park)).await;
    world.expire().await;
    world.settle(ended(claim, ok("1"))).await;
    let refused = Failure::new("REFUSED", "the bank never saw it");
    world.resolve(claim.op_id, Resolution::Fail(refused)).await;
    let all = [Bearing::Counts, Bearing::Diverges, Bearing::Counts];
    assert_eq!(meaning(&world, claim.op_id).await, all);
    assert_eq!(world.dead_letter(claim.op_id).await.divergences, 1);
}

pub async fn a_late_success_does_not_complete_a_parked_operation(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Park)).await;
    world.expire().await;
    let before = world.operation(claim.op_id).await;
    world.settle(ended(claim, ok("1"))).await;
    assert_eq!(world.operation(claim.op_id).await, before);
    world.resolve(claim.op_id, Resolution::Ok(output("1"))).await;
    let all = [Bearing::Counts, Bearing::Corroborates, Bearing::Counts];
    assert_eq!(meaning(&world, claim.op_id).await, all);
}

pub async fn an_end_without_the_providers_word_is_contradicted_by_a_success_only(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Fail)).await;
    world.expire().await;
    world.settle(ended(claim, ok("1"))).await;
    assert_eq!(world.dead_letter(claim.op_id).await.divergences, 1);
    let other = world.running_as("other", declared(InDoubt::Fail)).await;
    world.expire().await;
    world.settle(ended(other, fail("CARD_DECLINED"))).await;
    assert_eq!(world.dead_letter(other.op_id).await.divergences, 0);
    let lost = AttemptEnd::Outcome(Outcome::Fail(Failure::new("SENT", "?").uncertain(true)));
    let third = world.running_as("third", declared(InDoubt::Fail)).await;
    world.expire().await;
    world.settle(ended(third, lost)).await;
    assert_eq!(world.dead_letter(third.op_id).await.divergences, 0);
}

pub async fn late_names_the_operations_with_a_late_answer(world: World) {
    let plain = world.running("plain").await;
    world.settle(ended(plain, ok("1"))).await;
    assert_eq!(late(&world, ANY).await, []);
    let (lost, held) = superseded(&world, "k").await;
    world.settle(ended(lost, ok("1"))).await;
    world.settle(ended(held, ok("1"))).await;
    assert_eq!(world.store.late(ANY).await.unwrap(), [(lost.op_id, owner())]);
    let of = |ids: &[OpId]| LateParams { of: Some(ids.to_vec()), ..ANY };
    assert_eq!(late(&world, of(&[plain.op_id, lost.op_id, OpId::generate()])).await, [lost.op_id]);
    assert_eq!(late(&world, of(&[plain.op_id])).await, []);
    assert_eq!(late(&world, of(&[])).await, []);
}

pub async fn late_is_paged_in_the_order_of_ids(world: World) {
    let mut all = Vec::new();
    for n in 0..5 {
        let (lost, held) = superseded(&world, &format!("key-{n}")).await;
        world.settle(ended(lost, ok("1"))).await;
        world.settle(ended(held, ok("1"))).await;
        all.push(lost.op_id);
    }
    all.sort_unstable();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = late(&world, LateParams { after, limit: 2, ..ANY }).await;
        assert!(page.len() <= 2, "{page:?}");
        after = page.last().copied();
        if after.is_none() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, all);
}

pub async fn late_keeps_owners_apart(world: World) {
    world.accepted_as(Acceptance { owner: tenant(), ..acceptance("k") }).await;
    let lost = world.claim().await;
    world.expire().await;
    world.settle(ended(lost, ok("1"))).await;
    let of = |owner| LateParams { owner: Some(owner), ..ANY };
    assert_eq!(late(&world, of(owner())).await, []);
    assert_eq!(late(&world, of(tenant())).await, [lost.op_id]);
}
