//! Rows that cannot be decoded: set aside, and never in the way of the others.

use orch_core::store::{
    Claim, ClaimParams, Claimed, Finalization, Finalized, Listed, Resolution, Resolved, StoreError,
    SweepParams, Swept,
};
use orch_core::words::{FinalOutcome, OpId, Phase, Status};

use crate::fixture::{
    BUDGET, LEASE, World, claim_params, ended, listed, ok, output, owner, policy, sweep_params,
    tenant,
};

async fn corrupted(world: &World, key: &str) -> OpId {
    let op_id = world.accepted(key).await;
    world.backend.corrupt(op_id).await;
    op_id
}

fn undecodable(claimed: &[Claimed]) -> Vec<OpId> {
    let id = |claimed: &Claimed| match claimed {
        Claimed::Undecodable { op_id, .. } => Some(*op_id),
        Claimed::Operation(_) | Claimed::Refused { .. } => None,
    };
    claimed.iter().filter_map(id).collect()
}

fn ids(swept: &[Swept]) -> Vec<OpId> {
    swept.iter().map(|swept| swept.op_id).collect()
}

pub async fn a_claim_says_so_and_hands_out_the_others(world: World) {
    let bad = corrupted(&world, "bad").await;
    let good = world.accepted("good").await;
    let claimed = world.store.claim(claim_params([policy()])).await.unwrap();
    assert_eq!((claimed.len(), undecodable(&claimed)), (2, vec![bad]));
    assert_eq!(world.operation(good).await.attempt, 1);
}

pub async fn it_is_claimed_once_and_then_parked(world: World) {
    let bad = corrupted(&world, "bad").await;
    let claimed = world.store.claim(claim_params([policy()])).await.unwrap();
    assert_eq!(undecodable(&claimed), [bad]);
    world.advance(60);
    assert_eq!(world.store.claim(claim_params([policy()])).await.unwrap(), []);
    assert_eq!(world.sweep_expired().await, [], "nobody holds a lease on it");
}

pub async fn a_page_of_bad_rows_does_not_hide_the_good(world: World) {
    for key in ["a", "b", "c"] {
        corrupted(&world, key).await;
        world.advance(1);
    }
    let good = world.accepted("good").await;
    let params = ClaimParams { limit: 2, ..claim_params([policy()]) };
    let mut found = false;
    for _ in 0..3 {
        let claimed = world.store.claim(params.clone()).await.unwrap();
        found |= claimed.iter().any(|c| matches!(c, Claimed::Operation(_)));
    }
    assert!(found);
    assert_eq!(world.operation(good).await.status, Status::InProgress);
}

pub async fn a_listing_names_it(world: World) {
    let bad = corrupted(&world, "bad").await;
    let good = world.accepted("good").await;
    let all = world.all().await;
    let mut expected = [bad, good];
    expected.sort();
    assert_eq!(listed(&all), expected);
    let named = all.iter().any(
        |item| matches!(item, Listed::Undecodable { op_id, reason } if *op_id == bad && !reason.is_empty()),
    );
    assert!(named);
}

pub async fn get_says_that_it_is_corrupt(world: World) {
    let bad = corrupted(&world, "bad").await;
    let error = world.store.get(&owner(), bad).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { op_id, .. } if op_id == bad), "{error}");
    assert!(!error.is_transient());
    assert_eq!(world.store.get(&tenant(), bad).await.unwrap(), None);
}

pub async fn a_sweep_of_leases_goes_on_past_it(world: World) {
    let mut bad = Vec::new();
    for key in ["a", "b", "c"] {
        bad.push(world.running(key).await.op_id);
        world.advance(1);
    }
    let good = world.running("good").await;
    for op_id in bad {
        world.backend.corrupt(op_id).await;
    }
    world.clock.advance(LEASE);
    let mut swept = Vec::new();
    for _ in 0..4 {
        swept.extend(world.store.sweep_expired(2).await.unwrap());
    }
    assert!(ids(&swept).contains(&good.op_id));
    assert_eq!(world.operation(good.op_id).await.lost_attempts, 1);
}

pub async fn a_sweep_of_deadlines_goes_on_past_it(world: World) {
    for key in ["a", "b", "c"] {
        corrupted(&world, key).await;
        world.advance(1);
    }
    let good = world.accepted("good").await;
    world.clock.advance(BUDGET);
    let mut swept = Vec::new();
    for _ in 0..4 {
        let params = SweepParams { limit: 2, ..sweep_params([policy()]) };
        swept.extend(world.store.sweep_over_budget(params).await.unwrap());
    }
    assert!(ids(&swept).contains(&good));
    assert_eq!(world.operation(good).await.status, Status::Failed);
}

pub async fn its_neighbours_settle_as_ever(world: World) {
    let good = world.running("good").await;
    corrupted(&world, "bad").await;
    world.settle(ended(good, ok("done"))).await;
    assert_eq!(world.operation(good.op_id).await.status, Status::Completed);
    assert_eq!(world.all().await.len(), 2);
}

pub async fn a_logged_end_that_cannot_be_read_is_parked_and_the_others_finalize(world: World) {
    let (bad, good) = (world.running("bad").await, world.running("good").await);
    for claim in [bad, good] {
        world.log(ended(claim, ok("done"))).await;
    }
    world.backend.corrupt_log(bad.op_id).await;
    world.advance(1);
    let mut found = world.unfinalized().await;
    found.sort_unstable_by_key(|claim| claim.op_id);
    let batch = found.iter().map(|claim| Finalization { claim: *claim, hook: None }).collect();
    let answers = world.store.finalize(batch).await.unwrap();
    let of = |claim: Claim| {
        let place = found.iter().position(|it| *it == claim).unwrap();
        answers[place].clone()
    };
    assert_eq!(of(bad), Finalized::Parked);
    assert_eq!(of(good), Finalized::Finished(FinalOutcome::Ok(output("done"))));
    assert_eq!(world.operation(bad.op_id).await.phase, Some(Phase::Parked));
    assert_eq!(world.unfinalized().await, []);
    assert_eq!(world.finalize(bad, None).await, Finalized::Stale);
}

pub async fn what_is_parked_with_an_unreadable_log_can_be_resolved(world: World) {
    let op_id = world.parked("k").await;
    world.backend.corrupt_log(op_id).await;
    let error = world.store.history(&owner(), op_id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { op_id: it, .. } if it == op_id), "{error}");
    // It may say that the provider has answered.
    let refused = Resolved::Unfit { for_hook: true };
    assert_eq!(world.resolve(op_id, Resolution::RunAgain).await, refused);
    world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    assert_eq!(world.operation(op_id).await.status, Status::Completed);
}
