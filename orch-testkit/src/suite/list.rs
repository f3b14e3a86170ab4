//! Reading: pages, filters, and whose operation it is.

use orch_core::store::{Acceptance, ListParams, Listed};
use orch_core::words::{Command, OpId, Owner, Phase, Status};

use crate::fixture::{
    World, acceptance, ended, kind, listed, ok, other_kind, owner, retry, tenant,
};

async fn ids(world: &World, params: ListParams) -> Vec<OpId> {
    listed(&world.store.list(params).await.unwrap().items)
}

async fn many(world: &World, count: usize) -> Vec<OpId> {
    let batch: Vec<_> = (0..count).map(|n| acceptance(&format!("key-{n}"))).collect();
    let mut ids: Vec<_> = batch.iter().map(|item| item.op_id).collect();
    world.store.accept(batch).await.unwrap();
    ids.sort();
    ids
}

pub async fn pages_follow_one_another(world: World) {
    let all = many(&world, 7).await;
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut after = None;
    loop {
        let params = ListParams::default().after(after).limit(3);
        let page = world.store.list(params).await.unwrap();
        sizes.push(page.items.len());
        seen.extend(listed(&page.items));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (all, vec![3, 3, 1]));
}

pub async fn a_full_last_page_has_no_next(world: World) {
    many(&world, 3).await;
    let params = ListParams::default().limit(3);
    let page = world.store.list(params).await.unwrap();
    assert_eq!((page.items.len(), page.next), (3, None));
}

pub async fn no_limit_means_a_hundred(world: World) {
    let all = many(&world, 101).await;
    let page = world.store.list(ListParams::default()).await.unwrap();
    assert_eq!((page.items.len(), page.next), (100, Some(all[99])));
}

pub async fn by_owner(world: World) {
    let mine = world.accepted("k").await;
    let item = Acceptance { owner: tenant(), ..acceptance("k") };
    let theirs = world.accepted_as(item).await;
    let of = |owner: Owner| ListParams::default().owner(owner);
    assert_eq!(ids(&world, of(owner())).await, [mine]);
    assert_eq!(ids(&world, of(tenant())).await, [theirs]);
    assert_eq!(ids(&world, ListParams::default()).await.len(), 2);
}

pub async fn by_state_and_phase(world: World) {
    let waiting = world.running("waiting").await;
    world.settle(ended(waiting, retry("busy"))).await;
    let done = world.running("done").await;
    world.settle(ended(done, ok("done"))).await;
    let failed = world.failed("failed").await;
    let parked = world.parked("parked").await;
    let running = world.running("running").await.op_id;
    let pending = world.accepted("pending").await;
    let status = |status| ListParams::default().status(status);
    assert_eq!(ids(&world, status(Status::Pending)).await, [pending]);
    assert_eq!(ids(&world, status(Status::Completed)).await, [done.op_id]);
    assert_eq!(ids(&world, status(Status::Failed)).await, [failed]);
    assert_eq!(ids(&world, status(Status::InProgress)).await.len(), 3);
    let phase = |phase| ListParams::default().phase(phase);
    assert_eq!(ids(&world, phase(Phase::Waiting)).await, [waiting.op_id]);
    assert_eq!(ids(&world, phase(Phase::Parked)).await, [parked]);
    assert_eq!(ids(&world, phase(Phase::Running)).await, [running]);
    assert_eq!(ids(&world, phase(Phase::InDoubt)).await, []);
}

pub async fn by_kind(world: World) {
    let charge = world.accepted("k").await;
    let command = Command::new("PAYMENT", "REFUND", "ORDER-1", "k", "{}").unwrap();
    let refund = world.accepted_as(Acceptance { command, ..acceptance("k") }).await;
    let of = |kind| ListParams::default().kind(kind);
    assert_eq!(ids(&world, of(kind())).await, [charge]);
    assert_eq!(ids(&world, of(other_kind())).await, [refund]);
}

pub async fn filters_and_pages_together(world: World) {
    let all = many(&world, 6).await;
    let theirs = Acceptance { owner: tenant(), ..acceptance("theirs") };
    world.accepted_as(theirs).await;
    let params = ListParams::default()
        .owner(owner())
        .status(Status::Pending)
        .kind(kind())
        .after(Some(all[1]))
        .limit(2);
    let page = world.store.list(params.clone()).await.unwrap();
    assert_eq!((listed(&page.items), page.next), (all[2..4].to_vec(), Some(all[3])));
    let page = world.store.list(params.after(page.next)).await.unwrap();
    assert_eq!((listed(&page.items), page.next), (all[4..].to_vec(), None));
}

pub async fn a_listed_operation_is_whole(world: World) {
    let op_id = world.failed("k").await;
    let expected = Listed::Operation(Box::new(world.operation(op_id).await));
    assert_eq!(world.all().await, [expected]);
}

pub async fn another_owners_operation_does_not_exist(world: World) {
    let op_id = world.failed("k").await;
    assert_eq!(world.store.get(&tenant(), op_id).await.unwrap(), None);
    assert_eq!(world.store.history(&tenant(), op_id).await.unwrap(), []);
    assert_eq!(world.store.get(&owner(), OpId::generate()).await.unwrap(), None);
    assert_eq!(world.history(op_id).await.len(), 1);
}

pub async fn a_history_is_read_oldest_first(world: World) {
    let first = world.running("k").await;
    world.settle(ended(first, retry("one"))).await;
    world.advance(1);
    world.claim().await;
    world.expire().await;
    world.advance(5);
    let third = world.claim().await;
    world.settle(ended(third, ok("done"))).await;
    let history = world.history(first.op_id).await;
    let attempts: Vec<_> = history.iter().map(|entry| entry.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(history.is_sorted_by_key(|entry| entry.logged_at));
}
