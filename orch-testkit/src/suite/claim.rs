//! S2: who gets which operation, and what is written before it is handed out.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::policies::KindPolicy;
use orch_core::store::{Acceptance, ClaimParams, Claimed, Purpose};
use orch_core::words::{Command, OpId, Phase, Status};
use tokio::task::JoinSet;

use crate::fixture::{
    BUDGET, LEASE, World, acceptance, claim_params, ended, kind, ok, other_kind, policy,
};

/// A refund under this key.
fn refund(key: &str) -> Acceptance {
    let command = Command::new("PAYMENT", "REFUND", "ORDER-1", key, "{}").unwrap();
    Acceptance { command, ..acceptance(key) }
}

fn claimed_ids(claimed: Vec<Claimed>) -> Vec<OpId> {
    let id = |claimed| match claimed {
        Claimed::Operation(attempt) => attempt.envelope.op_id,
        Claimed::Undecodable { op_id, reason } | Claimed::Refused { op_id, reason, .. } => {
            panic!("{op_id}: {reason}")
        }
    };
    claimed.into_iter().map(id).collect()
}

pub async fn a_claim_leases_and_counts_before_it_returns(world: World) {
    let op_id = world.accepted("k").await;
    world.advance(5);
    let attempt = world.claim_as(policy()).await;
    assert_eq!((attempt.purpose, attempt.reconciles), (Purpose::Attempt, 0));
    let operation = world.operation(op_id).await;
    assert_eq!(operation.status, Status::InProgress);
    assert_eq!(operation.phase, Some(Phase::Running));
    assert_eq!((operation.attempt, operation.fence.count()), (1, 1));
    assert_eq!(operation.due_at, None);
    assert_eq!(operation.lease_expires_at, Some(world.now().await.plus(LEASE)));
}

pub async fn the_envelope_holds_what_was_accepted(world: World) {
    let item = acceptance("k");
    let accepted_at = world.now().await;
    world.accepted_as(item.clone()).await;
    world.advance(5);
    let envelope = world.claim_as(policy()).await.envelope;
    assert_eq!((envelope.op_id, envelope.owner), (item.op_id, item.owner));
    assert_eq!(envelope.command, item.command);
    assert_eq!(envelope.accepted_at, accepted_at);
    assert_eq!(envelope.deadline, accepted_at.plus(BUDGET));
    assert_eq!((envelope.attempt, envelope.fence.count()), (1, 1));
}

pub async fn the_oldest_due_comes_first(world: World) {
    let mut accepted = Vec::new();
    for key in ["a", "b", "c"] {
        accepted.push(world.accepted(key).await);
        world.advance(1);
    }
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.push(world.claims(policy(), 1).await.remove(0).envelope.op_id);
    }
    assert_eq!(claimed, accepted);
}

pub async fn kinds_are_looked_at_in_the_order_given(world: World) {
    let charge = world.accepted("older").await;
    world.advance(1);
    let refund = world.accepted_as(refund("younger")).await;
    let kinds = [KindPolicy::new(other_kind()), policy()];
    let claimed = world.store.claim(claim_params(kinds)).await.unwrap();
    assert_eq!(claimed_ids(claimed), [refund, charge]);
}

pub async fn the_limit_holds_over_all_kinds(world: World) {
    for key in ["a", "b", "c"] {
        world.accepted(key).await;
        world.accepted_as(refund(key)).await;
    }
    let kinds = [KindPolicy::new(other_kind()), policy()];
    let params = ClaimParams { limit: 4, ..claim_params(kinds) };
    assert_eq!(world.store.claim(params.clone()).await.unwrap().len(), 4);
    assert_eq!(world.store.claim(params).await.unwrap().len(), 2);
}

pub async fn a_limit_of_nothing_claims_nothing(world: World) {
    let op_id = world.accepted("k").await;
    assert_eq!(world.claims(policy(), 0).await, []);
    assert_eq!(world.store.claim(claim_params([])).await.unwrap(), []);
    assert_eq!(world.operation(op_id).await.status, Status::Pending);
}

pub async fn a_claimed_operation_is_not_claimed_again(world: World) {
    world.running("k").await;
    world.nothing_to_claim(policy()).await;
    world.advance(60);
    world.nothing_to_claim(policy()).await;
}

pub async fn an_unknown_kind_waits_and_is_reported(world: World) {
    let op_id = world.accepted_as(refund("a")).await;
    world.accepted_as(refund("b")).await;
    world.accepted("c").await;
    world.claim().await;
    let unknown = world.store.unknown_kinds(&[kind()]).await.unwrap();
    assert_eq!(unknown, [(other_kind(), 2)]);
    assert_eq!(world.operation(op_id).await.status, Status::Pending);
}

pub async fn known_kinds_are_not_reported(world: World) {
    world.accepted("k").await;
    assert_eq!(world.store.unknown_kinds(&[kind()]).await.unwrap(), []);
    assert_eq!(world.store.unknown_kinds(&[]).await.unwrap(), [(kind(), 1)]);
    world.claim().await;
    assert_eq!(world.store.unknown_kinds(&[]).await.unwrap(), [], "leased ones are not due");
}

pub async fn eight_concurrent_claimers_never_share_an_operation(world: World) {
    let batch: Vec<_> = (0..100).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    let mut claimers = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&world.store);
        claimers.spawn(async move {
            let params = ClaimParams { limit: 3, ..claim_params([policy()]) };
            let mut mine = Vec::new();
            loop {
                let claimed = claimed_ids(store.claim(params.clone()).await.unwrap());
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 3);
                mine.extend(claimed);
                assert!(mine.len() <= 100, "something was claimed twice");
            }
        });
    }
    let all: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.len(), 100);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 100);
}

pub async fn nothing_past_its_deadline_is_claimed(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    world.nothing_to_claim(policy()).await;
    assert_eq!(world.operation(op_id).await.status, Status::Pending);
}

pub async fn a_terminal_operation_is_not_claimed(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, ok("done"))).await;
    world.failed("l").await;
    world.advance(60);
    world.nothing_to_claim(policy()).await;
}
