//! Rows that the database refuses to move: put off, and never in the way of the others.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::flow::{Equipment, Handlers, Watch};
use orch_core::store::{Claim, Finalized, SweepParams, Swept};
use orch_core::upkeep::{Finalizer, Upkeep};
use orch_core::words::{OpId, Status};

use crate::fixture::{BUDGET, LEASE, World, acceptance, ended, ok, policy, sweep_params};

/// Refused rows among others, at both ends of a page and within it.
const REFUSED: [usize; 3] = [0, 3, 8];
const ALL: usize = 9;

/// Operations of which some are refused; `None` where the database cannot refuse any.
async fn some_refused(world: &World, op_ids: &[OpId]) -> Option<HashSet<OpId>> {
    let refused = REFUSED.map(|place| op_ids[place]);
    world.backend.refuse(&refused, true).await.then(|| HashSet::from(refused))
}

async fn accept_all(world: &World, op_ids: &HashSet<OpId>) {
    let op_ids: Vec<OpId> = op_ids.iter().copied().collect();
    world.backend.refuse(&op_ids, false).await;
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

pub async fn a_sweep_of_leases_goes_on_past_them(world: World) {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        op_ids.push(world.running(&key.to_string()).await.op_id);
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    let Some(bad) = some_refused(&world, &op_ids).await else { return };
    world.clock.advance(LEASE);
    let [moved, refused] = apart(&world.store.sweep_expired(ALL).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad.clone()));
    for op_id in &bad {
        assert_eq!(world.operation(*op_id).await.lost_attempts, 0, "it is as it was");
    }
    assert_eq!(world.sweep_expired().await, [], "put off");
    accept_all(&world, &bad).await;
    world.advance(60);
    let [moved, refused] = apart(&world.store.sweep_expired(ALL).await.unwrap());
    assert_eq!((moved, refused), (bad, HashSet::new()));
}

pub async fn a_full_page_of_them_does_not_hide_the_others(world: World) {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        op_ids.push(world.running(&key.to_string()).await.op_id);
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    let Some(bad) = some_refused(&world, &op_ids).await else { return };
    world.clock.advance(LEASE);
    let mut swept = HashSet::new();
    for _ in 0..ALL {
        let [moved, _] = apart(&world.store.sweep_expired(1).await.unwrap());
        swept.extend(moved);
    }
    assert_eq!(swept, without(&op_ids, &bad));
}

pub async fn a_sweep_of_deadlines_goes_on_past_them(world: World) {
    let mut op_ids = Vec::new();
    for key in 0..ALL {
        op_ids.push(world.accepted_as(acceptance(&key.to_string())).await);
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    let Some(bad) = some_refused(&world, &op_ids).await else { return };
    world.clock.advance(BUDGET);
    let params = SweepParams { limit: ALL, ..sweep_params([policy()]) };
    let [moved, refused] = apart(&world.store.sweep_over_budget(params.clone()).await.unwrap());
    assert_eq!((moved, refused), (without(&op_ids, &bad), bad.clone()));
    accept_all(&world, &bad).await;
    world.advance(60);
    let [moved, _] = apart(&world.store.sweep_over_budget(params).await.unwrap());
    assert_eq!(moved, bad);
}

/// As many as the Finalizer takes at once.
const PAGE: usize = 100;

pub async fn a_page_of_them_does_not_hide_what_is_to_be_finalized(world: World) {
    let mut claims: Vec<Claim> = Vec::new();
    for key in 0..PAGE + 20 {
        let claim = world.running(&key.to_string()).await;
        world.log(ended(claim, ok("done"))).await;
        world.clock.advance(std::time::Duration::from_millis(1));
        claims.push(claim);
    }
    let (bad, good) = claims.split_at(PAGE);
    let op_ids: Vec<OpId> = bad.iter().map(|claim| claim.op_id).collect();
    if !world.backend.refuse(&op_ids, true).await {
        return;
    }
    world.advance(1);
    let (store, handlers) = (Arc::clone(&world.store), Handlers::default());
    let finalizer = Finalizer::new(Equipment { store, handlers, watch: Watch::default() });
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
