//! Rows that the database refuses to move, at once or only at the commit: put off, and never in the way
//! of the others.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::{Equipment, Handlers, Watch};
use orch_core::store::{
    Claim, ClaimParams, Claimed, Finalization, Finalized, Purged, SweepParams, Swept,
};
use orch_core::upkeep::{Finalizer, Pruner, Report, Upkeep};
use orch_core::words::{OpId, Status};

use crate::fixture::{
    BUDGET, LEASE, World, acceptance, claim_params, ended, kept, ok, policy, sweep_params,
};

/// Refused rows among others, at both ends of a page and within it.
const REFUSED: [usize; 3] = [0, 3, 8];
const ALL: usize = 9;

/// When the database says no.
#[derive(Debug, Clone, Copy)]
enum When {
    AtOnce,
    AtCommit,
}

impl When {
    async fn refuse(self, world: &World, op_ids: &[OpId], refused: bool) -> bool {
        match self {
            Self::AtOnce => world.backend.refuse(op_ids, refused).await,
            Self::AtCommit => world.backend.refuse_at_commit(op_ids, refused).await,
        }
    }

    /// Operations of which some are refused; `None` where the database cannot refuse any.
    async fn some_refused(self, world: &World, op_ids: &[OpId]) -> Option<HashSet<OpId>> {
        let refused = REFUSED.map(|place| op_ids[place]);
        self.refuse(world, &refused, true).await.then(|| HashSet::from(refused))
    }

    async fn accept_all(self, world: &World, op_ids: &HashSet<OpId>) {
        let op_ids: Vec<OpId> = op_ids.iter().copied().collect();
        self.refuse(world, &op_ids, false).await;
    }
}

/// Those that moved and those that were refused.
fn apart(swept: &[Swept]) -> [HashSet<OpId>; 2] {
    let (refused, moved): (Vec<&Swept>, Vec<&Swept>) =
        swept.iter().partition(|row| row.is_refused());
    [moved, refused].map(|rows| rows.into_iter().map(|row| row.op_id).collect())
}

fn without(op_ids: &[OpId], refused: &HashSet<OpId>) -> HashSet<OpId> {
    op_ids.iter().copied().filter(|op_id| !refused.contains(op_id)).collect()
}

/// PENDING operations, one due after the other.
async fn accepted(world: &World) -> Vec<OpId> {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        op_ids.push(world.accepted_as(acceptance(&key.to_string())).await);
        world.clock.advance(Duration::from_millis(1));
    }
    op_ids
}

/// Running operations, whose leases end one after the other.
async fn running(world: &World) -> Vec<OpId> {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        op_ids.push(world.running(&key.to_string()).await.op_id);
        world.clock.advance(Duration::from_millis(1));
    }
    op_ids
}

pub async fn a_sweep_of_leases_goes_on_past_them(world: World) {
    sweep_of_leases(world, When::AtOnce).await;
}

pub async fn a_sweep_of_leases_goes_on_past_what_is_refused_at_the_commit(world: World) {
    sweep_of_leases(world, When::AtCommit).await;
}

async fn sweep_of_leases(world: World, when: When) {
    let op_ids = running(&world).await;
    let Some(bad) = when.some_refused(&world, &op_ids).await else { return };
    world.clock.advance(LEASE);
    let [moved, refused] = apart(&world.store.sweep_expired(ALL).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad.clone()));
    for op_id in &bad {
        assert_eq!(world.operation(*op_id).await.lost_attempts, 0, "it is as it was");
    }
    assert_eq!(world.sweep_expired().await, [], "put off");
    when.accept_all(&world, &bad).await;
    world.advance(60);
    let [moved, refused] = apart(&world.store.sweep_expired(ALL).await.unwrap());
    assert_eq!((moved, refused), (bad, HashSet::new()));
}

pub async fn each_refusal_puts_it_off_for_longer(world: World) {
    lengthening(world, When::AtOnce).await;
}

pub async fn each_refusal_at_the_commit_puts_it_off_for_longer(world: World) {
    lengthening(world, When::AtCommit).await;
}

async fn lengthening(world: World, when: When) {
    let op_id = world.running("k").await.op_id;
    if !when.refuse(&world, &[op_id], true).await {
        return;
    }
    world.clock.advance(LEASE);
    for _ in 0..4 {
        let [_, refused] = apart(&world.sweep_expired().await);
        assert_eq!(refused, HashSet::from([op_id]));
        world.advance(10);
    }
    assert!(world.sweep_expired().await[0].is_refused());
    // 16 s after the fifth refusal, where it was 1 s after the first.
    world.advance(10);
    assert_eq!(world.sweep_expired().await, []);
}

pub async fn a_full_page_of_them_does_not_hide_the_others(world: World) {
    let op_ids = running(&world).await;
    let Some(bad) = When::AtOnce.some_refused(&world, &op_ids).await else { return };
    world.clock.advance(LEASE);
    let mut swept = HashSet::new();
    for _ in 0..ALL {
        let [moved, _] = apart(&world.store.sweep_expired(1).await.unwrap());
        swept.extend(moved);
    }
    assert_eq!(swept, without(&op_ids, &bad));
}

pub async fn a_sweep_of_deadlines_goes_on_past_them(world: World) {
    sweep_of_deadlines(world, When::AtOnce).await;
}

pub async fn a_sweep_of_deadlines_goes_on_past_what_is_refused_at_the_commit(world: World) {
    sweep_of_deadlines(world, When::AtCommit).await;
}

async fn sweep_of_deadlines(world: World, when: When) {
    let op_ids = accepted(&world).await;
    let Some(bad) = when.some_refused(&world, &op_ids).await else { return };
    world.clock.advance(BUDGET);
    let params = SweepParams { limit: ALL, ..sweep_params([policy()]) };
    let [moved, refused] = apart(&world.store.sweep_over_budget(params.clone()).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad.clone()));
    when.accept_all(&world, &bad).await;
    world.advance(60);
    let [moved, _] = apart(&world.store.sweep_over_budget(params).await.unwrap());
    assert_eq!(moved, bad);
}

/// Those that were leased and those that were refused, by a claim of at most so many.
async fn claimed(world: &World, limit: usize) -> [HashSet<OpId>; 2] {
    let params = ClaimParams { limit, ..claim_params([policy()]) };
    let claimed = world.store.claim(params).await.unwrap();
    assert!(claimed.len() <= limit, "{claimed:?}");
    let [mut leased, mut refused] = [HashSet::new(), HashSet::new()];
    for one in claimed {
        match one {
            Claimed::Operation(operation) => leased.insert(operation.envelope.op_id),
            Claimed::Refused { op_id, .. } => refused.insert(op_id),
            Claimed::Undecodable { op_id, reason } => panic!("{op_id}: {reason}"),
        };
    }
    [leased, refused]
}

pub async fn a_claim_goes_on_past_them(world: World) {
    claim_of_all(world, When::AtOnce).await;
}

pub async fn a_claim_goes_on_past_what_is_refused_at_the_commit(world: World) {
    claim_of_all(world, When::AtCommit).await;
}

async fn claim_of_all(world: World, when: When) {
    let op_ids = accepted(&world).await;
    let Some(bad) = when.some_refused(&world, &op_ids).await else { return };
    assert_eq!(claimed(&world, ALL).await, [without(&op_ids, &bad), bad.clone()]);
    for op_id in &bad {
        assert_eq!(world.operation(*op_id).await.status, Status::Pending, "it is as it was");
    }
    assert_eq!(claimed(&world, ALL).await, [HashSet::new(), HashSet::new()], "put off");
    when.accept_all(&world, &bad).await;
    world.advance(60);
    assert_eq!(claimed(&world, ALL).await, [bad, HashSet::new()]);
}

pub async fn a_claim_of_one_comes_to_the_others(world: World) {
    let op_ids = accepted(&world).await;
    let Some(bad) = When::AtOnce.some_refused(&world, &op_ids).await else { return };
    let mut leased = HashSet::new();
    for _ in 0..ALL {
        leased.extend(claimed(&world, 1).await[0].iter());
    }
    assert_eq!(leased, without(&op_ids, &bad));
}

pub async fn a_claim_of_many_slots_takes_all_but_them(world: World) {
    let op_ids = accepted(&world).await;
    let Some(bad) = When::AtOnce.some_refused(&world, &op_ids).await else { return };
    assert_eq!(claimed(&world, 256).await, [without(&op_ids, &bad), bad]);
}

/// COMPLETED operations that have expired.
async fn expired(world: &World) -> Vec<OpId> {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        let at_once = kept(Duration::ZERO, Duration::MAX);
        op_ids.push(world.completed_as(&key.to_string(), at_once).await);
        world.clock.advance(Duration::from_millis(1));
    }
    op_ids
}

/// How many were removed, and which were refused.
fn told(purged: Purged) -> (usize, HashSet<OpId>) {
    (purged.operations, purged.refused.into_iter().map(|it| it.op_id).collect())
}

async fn is_there(world: &World, op_id: OpId) -> bool {
    world.store.get(&crate::fixture::owner(), op_id).await.unwrap().is_some()
}

pub async fn a_purge_goes_on_past_them(world: World) {
    purge(world, When::AtOnce).await;
}

pub async fn a_purge_goes_on_past_what_is_refused_at_the_commit(world: World) {
    purge(world, When::AtCommit).await;
}

async fn purge(world: World, when: When) {
    let op_ids = expired(&world).await;
    let Some(bad) = when.some_refused(&world, &op_ids).await else { return };
    let purged = told(world.store.purge(ALL).await.unwrap());
    assert_eq!(purged, (ALL - bad.len(), bad.clone()));
    for op_id in &op_ids {
        assert_eq!(is_there(&world, *op_id).await, bad.contains(op_id));
    }
    for op_id in &bad {
        assert_eq!(world.history(*op_id).await.len(), 1, "nothing of it is removed");
    }
    assert_eq!(world.store.purge(ALL).await.unwrap(), Purged::default(), "put off");
    when.accept_all(&world, &bad).await;
    world.advance(60);
    assert_eq!(told(world.store.purge(ALL).await.unwrap()), (bad.len(), HashSet::new()));
    assert_eq!(world.all().await, []);
}

pub async fn a_full_page_of_them_does_not_hide_what_is_to_be_purged(world: World) {
    let op_ids = expired(&world).await;
    let Some(bad) = When::AtOnce.some_refused(&world, &op_ids).await else { return };
    let mut removed = 0;
    for _ in 0..ALL {
        removed += world.store.purge(1).await.unwrap().operations;
    }
    assert_eq!(removed, ALL - bad.len());
}

pub async fn the_pruner_counts_them_and_removes_the_others(world: World) {
    let op_ids = expired(&world).await;
    let Some(bad) = When::AtOnce.some_refused(&world, &op_ids).await else { return };
    let pruner = Pruner::new(equipment(&world));
    let report = pruner.run_once().await.unwrap();
    assert_eq!(report, Report { moved: ALL - bad.len(), failed: bad.len(), more: false });
    assert_eq!(pruner.run_once().await.unwrap(), Report::default(), "once for each time");
}

pub async fn an_end_that_is_refused_at_the_commit_holds_up_no_other(world: World) {
    let mut claims: Vec<Claim> = Vec::new();
    for key in 0..ALL {
        let claim = world.running(&key.to_string()).await;
        world.log(ended(claim, ok("done"))).await;
        claims.push(claim);
    }
    let op_ids: Vec<OpId> = claims.iter().map(|claim| claim.op_id).collect();
    let Some(bad) = When::AtCommit.some_refused(&world, &op_ids).await else { return };
    let batch = claims.iter().map(|claim| Finalization { claim: *claim, hook: None }).collect();
    let answers = world.store.finalize(batch).await.unwrap();
    for (claim, answer) in claims.iter().zip(answers) {
        let refused = matches!(answer, Finalized::Refused { .. });
        assert_eq!(refused, bad.contains(&claim.op_id), "{answer:?}");
        let status = if refused { Status::InProgress } else { Status::Completed };
        assert_eq!(world.operation(claim.op_id).await.status, status);
    }
}

pub async fn what_cannot_be_decoded_nor_parked_stops_no_sweep_of_leases(world: World) {
    let op_ids = running(&world).await;
    let Some(bad) = unparkable(&world, &op_ids).await else { return };
    world.clock.advance(LEASE);
    let [moved, refused] = apart(&world.store.sweep_expired(ALL).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad.clone()));
    assert_eq!(world.sweep_expired().await, [], "put off");
    When::AtOnce.accept_all(&world, &bad).await;
    world.advance(60);
    let parked = world.store.sweep_expired(ALL).await.unwrap();
    assert!(parked.iter().all(|it| it.to == Some(Finalized::Parked)), "{parked:?}");
    assert_eq!(apart(&parked)[0], bad);
}

pub async fn what_cannot_be_decoded_nor_parked_stops_no_sweep_of_deadlines(world: World) {
    let op_ids = accepted(&world).await;
    let Some(bad) = unparkable(&world, &op_ids).await else { return };
    world.clock.advance(BUDGET);
    let params = SweepParams { limit: ALL, ..sweep_params([policy()]) };
    let [moved, refused] = apart(&world.store.sweep_over_budget(params).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad));
}

pub async fn what_cannot_be_decoded_nor_parked_stops_no_claim(world: World) {
    let op_ids = accepted(&world).await;
    let Some(bad) = unparkable(&world, &op_ids).await else { return };
    assert_eq!(claimed(&world, ALL).await, [without(&op_ids, &bad), bad]);
}

pub async fn a_log_that_cannot_be_decoded_nor_parked_holds_up_no_other(world: World) {
    let (bad, good) = (world.running("bad").await, world.running("good").await);
    for claim in [bad, good] {
        world.log(ended(claim, ok("done"))).await;
    }
    world.backend.corrupt_log(bad.op_id).await;
    if !world.backend.refuse(&[bad.op_id], true).await {
        return;
    }
    let batch = [bad, good].map(|claim| Finalization { claim, hook: None }).to_vec();
    let answers = world.store.finalize(batch).await.unwrap();
    let [Finalized::Refused { .. }, Finalized::Finished(_)] = &*answers else {
        panic!("{answers:?}");
    };
}

/// Some that can neither be decoded nor changed.
async fn unparkable(world: &World, op_ids: &[OpId]) -> Option<HashSet<OpId>> {
    for place in REFUSED {
        world.backend.corrupt(op_ids[place]).await;
    }
    When::AtOnce.some_refused(world, op_ids).await
}

fn equipment(world: &World) -> Equipment {
    let (store, handlers) = (Arc::clone(&world.store), Handlers::default());
    Equipment { store, handlers, watch: Watch::default() }
}

/// As many as the Finalizer takes at once.
const PAGE: usize = 100;

pub async fn a_page_of_them_does_not_hide_what_is_to_be_finalized(world: World) {
    let mut claims: Vec<Claim> = Vec::new();
    for key in 0..PAGE + 20 {
        let claim = world.running(&key.to_string()).await;
        world.log(ended(claim, ok("done"))).await;
        world.clock.advance(Duration::from_millis(1));
        claims.push(claim);
    }
    let (bad, good) = claims.split_at(PAGE);
    let op_ids: Vec<OpId> = bad.iter().map(|claim| claim.op_id).collect();
    if !world.backend.refuse(&op_ids, true).await {
        return;
    }
    world.advance(1);
    let finalizer = Finalizer::new(equipment(&world));
    let (mut moved, mut passes) = (0, 0);
    while moved < good.len() {
        moved += finalizer.run_once().await.unwrap().moved;
        passes += 1;
        assert!(passes <= 2 * PAGE, "{moved} in {passes} passes");
    }
    for claim in good {
        assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
    }
    for claim in bad {
        assert_eq!(world.operation(claim.op_id).await.status, Status::InProgress);
    }
    world.backend.refuse(&op_ids[..1], false).await;
    let finished = world.finalize(bad[0], None).await;
    assert!(matches!(finished, Finalized::Finished(_)), "{finished:?}");
}
