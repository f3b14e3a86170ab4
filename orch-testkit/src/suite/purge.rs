//! The Pruner's verb: only what is terminal, and only once it has expired.

use std::time::Duration;

use orch_core::words::{OpId, Status};

use crate::fixture::{World, acceptance, ended, fail, kept, listed, ok, owner, retry};

const HOUR: Duration = Duration::from_secs(3600);
const NEVER: Duration = Duration::MAX;

async fn completed(world: &World, key: &str) -> OpId {
    world.completed_as(key, kept(Duration::ZERO, NEVER)).await
}

pub async fn completed_operations_go_after_their_retention(world: World) {
    let op_id = world.completed_as("k", kept(HOUR, NEVER)).await;
    world.clock.advance(HOUR - Duration::from_micros(1));
    assert_eq!(world.purge().await, 0);
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.purge().await, 1);
    assert_eq!(world.store.get(&owner(), op_id).await.unwrap(), None);
    assert_eq!(world.history(op_id).await, []);
    assert_eq!(world.all().await, []);
}

pub async fn failed_operations_go_with_their_dead_letters(world: World) {
    let op_id = world.failed_as("k", kept(Duration::ZERO, HOUR + HOUR)).await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 0);
    world.dead_letter(op_id).await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
    assert_eq!(world.store.dead_letter(&owner(), op_id).await.unwrap(), None);
    assert_eq!(world.history(op_id).await, []);
}

pub async fn each_end_has_its_own_retention(world: World) {
    let failed = world.failed_as("failed", kept(NEVER, HOUR + HOUR)).await;
    let done = world.completed_as("completed", kept(HOUR, NEVER)).await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
    assert_eq!(listed(&world.all().await), [failed]);
    assert_eq!(world.store.get(&owner(), done).await.unwrap(), None);
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
    assert_eq!(world.all().await, []);
}

pub async fn the_retention_counts_from_the_end(world: World) {
    let claim = world.running_as("k", kept(HOUR, HOUR)).await;
    world.clock.advance(HOUR);
    world.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.purge().await, 0);
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 1);
}

pub async fn nothing_that_goes_on_is_removed(world: World) {
    let at_once = || kept(Duration::ZERO, Duration::ZERO);
    let waiting = world.running_as("waiting", at_once()).await;
    world.settle(ended(waiting, retry("busy"))).await;
    let logged = world.running_as("logged", at_once()).await;
    world.log(ended(logged, ok("done"))).await;
    let parked = world.parked("parked").await;
    let running = world.running_as("running", at_once()).await.op_id;
    let pending = world.accepted("pending").await;
    world.clock.advance(HOUR);
    assert_eq!(world.purge().await, 0);
    let mut expected = [waiting.op_id, logged.op_id, parked, running, pending];
    expected.sort();
    assert_eq!(listed(&world.all().await), expected);
}

pub async fn the_limit_holds_and_the_next_goes_on(world: World) {
    let batch: Vec<_> = (0..5).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    for attempt in world.claims(kept(Duration::ZERO, NEVER), 10).await {
        world.settle(ended(attempt.claim(), ok("done"))).await;
    }
    assert_eq!(world.store.purge(0).await.unwrap().operations, 0);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(world.store.purge(2).await.unwrap().operations);
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
}

pub async fn a_purged_identity_is_free_again(world: World) {
    let first = completed(&world, "k").await;
    assert_eq!(world.purge().await, 1);
    let second = world.accepted("k").await;
    assert_ne!(first, second);
    assert_eq!(world.operation(second).await.status, Status::Pending);
}

pub async fn a_purged_operation_is_gone_for_every_verb(world: World) {
    let claim = world.running_as("k", kept(Duration::ZERO, NEVER)).await;
    world.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.purge().await, 1);
    let answer = world.settle(ended(claim, ok("done"))).await;
    assert_eq!(answer, orch_core::store::Finalized::Stale);
    assert_eq!(world.renew(claim).await, orch_core::store::Renewed::Stale);
    assert_eq!(world.history(claim.op_id).await, []);
    assert_eq!(world.all().await, []);
}

pub async fn nothing_of_a_purged_operation_is_left_behind(world: World) {
    let item = acceptance("k");
    let op_id = world.accepted_as(item.clone()).await;
    let claim = world.attempt(kept(NEVER, Duration::ZERO)).await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    assert_eq!(world.purge().await, 1);
    assert_eq!(world.accepted_as(item).await, op_id);
    assert_eq!(world.history(op_id).await, []);
    assert_eq!(world.store.dead_letter(&owner(), op_id).await.unwrap(), None);
    world.advance(60);
    assert_eq!(world.unfinalized().await, []);
}
