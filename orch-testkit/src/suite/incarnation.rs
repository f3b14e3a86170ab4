//! A database that was failed over, restored or copied: what it does not know may have happened.

use std::time::Duration;

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{
    Claimed, ConfirmParams, Confirmed, Finalized, Purpose, Redriven, Resolution, Resolved,
    SweepParams, Swept,
};
use orch_core::words::{
    AttemptEnd, Confirmation, Failure, FinalOutcome, Incarnation, OpId, Phase, Source, Status,
};

use crate::fixture::{
    World, claim_params, ended, fail, in_doubt, kind, ok, policy, retry, sweep_params,
};

const ALL: [Confirmation; 4] = Confirmation::ALL;

fn parks() -> KindPolicy {
    KindPolicy { in_doubt: InDoubt::Park, ..policy() }
}

/// The same data in a database that is another one.
async fn elsewhere(world: &World) -> World {
    world.backend.becomes_another().await;
    world.reopened().await
}

async fn confirm(world: &World, seen: &Incarnation, confirmation: Confirmation) -> Confirmed {
    let params = ConfirmParams {
        number: seen.number,
        opened_at: seen.opened_at,
        confirmed: seen.confirmed,
        confirmation,
        who: "ann".to_owned(),
        why: "the disk was lost".to_owned(),
    };
    world.store.confirm(params).await.unwrap()
}

/// Confirms what is unconfirmed, or reports what was not noticed.
async fn confirmed(world: &World, confirmation: Confirmation) {
    let seen = world.store.incarnation().await.unwrap();
    let answer = confirm(world, &seen, confirmation).await;
    assert!(matches!(answer, Confirmed::Confirmed { .. }), "{answer:?}");
}

/// What a worker claims whose one kind is unsafe to repeat.
async fn claimed_unsafely(world: &World) -> Vec<OpId> {
    let params = claim_params([parks()]);
    let op_id = |claimed| match claimed {
        Claimed::Operation(operation) => operation.envelope.op_id,
        Claimed::Undecodable { op_id, .. } | Claimed::Refused { op_id, .. } => op_id,
    };
    world.store.claim(params).await.unwrap().into_iter().map(op_id).collect()
}

async fn swept(world: &World, policy: KindPolicy) -> Vec<Swept> {
    world.store.sweep_earlier(sweep_params([policy])).await.unwrap()
}

/// What a worker sweeps whose one kind is unsafe to repeat.
async fn swept_unsafely(world: &World) -> Vec<Swept> {
    let params = SweepParams { held_kinds: vec![kind()], ..sweep_params([parks()]) };
    world.store.sweep_earlier(params).await.unwrap()
}

pub async fn a_database_begins_with_a_confirmed_incarnation(world: World) {
    let first = world.store.incarnation().await.unwrap();
    assert_eq!(first, Incarnation::first(first.opened_at));
    assert_eq!(world.reopened().await.store.incarnation().await.unwrap(), first);
    assert_eq!(swept(&world, policy()).await, []);
}

pub async fn another_database_is_noticed_once(world: World) {
    let first = world.store.incarnation().await.unwrap();
    let world = elsewhere(&world).await;
    let second = world.store.incarnation().await.unwrap();
    assert_eq!((first.number, second.number, second.confirmed), (1, 2, false));
    assert_eq!((second.whole_since, second.confirmed_as), (2, None));
    assert_ne!(second.difference, "");
    assert_eq!(world.store.incarnation().await.unwrap(), second);
    assert_eq!(world.reopened().await.store.incarnation().await.unwrap(), second);
}

pub async fn nothing_unsafe_is_claimed_until_it_is_confirmed(world: World) {
    let before = world.accepted("before").await;
    let world = elsewhere(&world).await;
    let meanwhile = world.accepted("meanwhile").await;
    assert_eq!(claimed_unsafely(&world).await, []);
    assert_eq!(swept_unsafely(&world).await, []);
    assert_eq!(claimed_unsafely(&world).await, []);
    for op_id in [before, meanwhile] {
        assert_eq!(world.operation(op_id).await.status, Status::Pending);
    }
}

pub async fn what_is_unsafe_and_was_there_is_in_doubt_once_it_is_confirmed(world: World) {
    for confirmation in [Confirmation::FailedOver, Confirmation::Restored] {
        let before = world.accepted(&format!("before {confirmation}")).await;
        world.advance(1);
        let world = elsewhere(&world).await;
        let meanwhile = world.accepted(&format!("meanwhile {confirmation}")).await;
        confirmed(&world, confirmation).await;
        let after = world.accepted(&format!("after {confirmation}")).await;
        assert_eq!(claimed_unsafely(&world).await, [after]);
        let parked = |op_id| Swept { op_id, kind: kind(), to: Some(Finalized::Parked) };
        assert_eq!(swept_unsafely(&world).await, [parked(before), parked(meanwhile)]);
        assert_eq!(
            (claimed_unsafely(&world).await, swept_unsafely(&world).await),
            (vec![], vec![])
        );
    }
}

pub async fn what_may_be_repeated_goes_on_unconfirmed_and_in_doubt(world: World) {
    let op_id = world.accepted("k").await;
    let accepted_at = world.operation(op_id).await.accepted_at;
    let world = elsewhere(&world).await;
    world.advance(2);
    world.nothing_to_claim(policy()).await;
    let now = world.now().await;
    let to = Some(Finalized::InDoubt { due_at: now });
    assert_eq!(swept(&world, policy()).await, [Swept { op_id, kind: kind(), to }]);
    let claimed = world.claim_as(policy()).await;
    assert_eq!((claimed.purpose, claimed.unresolved), (Purpose::Attempt, true));
    assert_eq!((claimed.envelope.attempt, claimed.first_called_at), (1, accepted_at));
    let end = world.settle(ended(claimed.claim(), ok("paid"))).await;
    assert!(matches!(end, Finalized::Finished(FinalOutcome::Ok(_))), "{end:?}");
}

pub async fn the_missing_attempt_is_in_the_history(world: World) {
    let op_id = world.accepted("k").await;
    let world = elsewhere(&world).await;
    swept(&world, policy()).await;
    let [entry] = &world.history(op_id).await[..] else { panic!("one entry was expected") };
    assert_eq!((entry.source, entry.attempt, entry.late), (Source::Engine, 0, false));
    assert!(matches!(entry.end, AttemptEnd::InDoubt { .. }), "{entry:?}");
    let operation = world.operation(op_id).await;
    assert_eq!((operation.lost_attempts, operation.phase), (1, Some(Phase::InDoubt)));
    assert!(operation.reason.unwrap().contains("missing"));
}

pub async fn what_is_to_be_reconciled_is_reconciled(world: World) {
    let reconciles = || KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    world.accepted("k").await;
    let world = elsewhere(&world).await;
    swept(&world, reconciles()).await;
    let claim = world.reconcile(reconciles()).await;
    let cleared = world.settle(ended(claim, AttemptEnd::NotHappened)).await;
    assert!(matches!(cleared, Finalized::Waiting { .. }), "{cleared:?}");
    assert_eq!(swept(&world, reconciles()).await, [], "it is doubted once");
    world.advance(10);
    world.attempt(reconciles()).await;
}

pub async fn nothing_of_an_earlier_incarnation_ends_as_certainly_not_called(world: World) {
    let op_id = world.accepted("k").await;
    let world = elsewhere(&world).await;
    assert_eq!(world.spend_budget().await, []);
    let [Swept { to: Some(Finalized::Finished(_)), .. }] = &swept(&world, policy()).await[..]
    else {
        panic!("not ended")
    };
    let Failure { code, uncertain, called, .. } = world.failure(op_id).await;
    assert_eq!((&*code, uncertain, called), ("TIME_BUDGET_EXCEEDED", true, true));
}

pub async fn a_retry_of_an_earlier_incarnation_is_in_doubt_when_it_is_due(world: World) {
    let claim = world.running("k").await;
    let world = elsewhere(&world).await;
    // The claim is not lost, so its end counts. A later one may be.
    world.settle(ended(claim, retry("busy"))).await;
    assert_eq!(swept(&world, policy()).await, [], "it is not due");
    world.advance(10);
    assert_eq!(swept(&world, policy()).await.len(), 1);
    assert!(world.claim_as(policy()).await.unresolved);
}

pub async fn a_claim_that_is_not_lost_counts(world: World) {
    let claim = world.running("k").await;
    let world = elsewhere(&world).await;
    let end = world.settle(ended(claim, ok("paid"))).await;
    assert!(matches!(end, Finalized::Finished(FinalOutcome::Ok(_))), "{end:?}");
}

pub async fn what_was_only_moved_goes_on_as_if_nothing_had_happened(world: World) {
    let op_id = world.accepted("k").await;
    let world = elsewhere(&world).await;
    confirmed(&world, Confirmation::Moved).await;
    let incarnation = world.store.incarnation().await.unwrap();
    assert_eq!((incarnation.number, incarnation.whole_since), (2, 1));
    assert_eq!(swept_unsafely(&world).await, []);
    assert_eq!(claimed_unsafely(&world).await, [op_id]);
}

pub async fn an_operation_of_a_copy_is_parked_and_new_ones_have_other_keys(world: World) {
    let op_id = world.accepted("k").await;
    let namespace = world.store.key_namespace(None).await.unwrap();
    let world = elsewhere(&world).await;
    confirmed(&world, Confirmation::Copied).await;
    let parked = Swept { op_id, kind: kind(), to: Some(Finalized::Parked) };
    assert_eq!(swept(&world, policy()).await, [parked]);
    assert!(world.operation(op_id).await.reason.unwrap().contains("original"));
    assert_ne!(world.store.key_namespace(None).await.unwrap(), namespace);
    world.accepted("new").await;
    world.attempt(policy()).await;
}

pub async fn a_copy_stays_one_after_the_next_change(world: World) {
    let op_id = world.accepted("k").await;
    let world = elsewhere(&world).await;
    confirmed(&world, Confirmation::Copied).await;
    confirmed(&world, Confirmation::Moved).await;
    confirmed(&world, Confirmation::Restored).await;
    let parked = Swept { op_id, kind: kind(), to: Some(Finalized::Parked) };
    assert_eq!(swept(&world, policy()).await, [parked]);
    assert!(world.operation(op_id).await.reason.unwrap().contains("original"));
}

pub async fn a_change_that_was_not_noticed_can_be_reported(world: World) {
    for (count, confirmation) in ALL.into_iter().enumerate() {
        let seen = world.store.incarnation().await.unwrap();
        let next = Confirmed::Confirmed { number: seen.number + 1 };
        assert_eq!(confirm(&world, &seen, confirmation).await, next);
        assert_eq!(confirm(&world, &seen, confirmation).await, next, "the same again");
        let newest = world.store.incarnation().await.unwrap();
        assert_eq!(usize::try_from(newest.number).unwrap(), count + 2);
        assert_eq!((newest.confirmed, newest.confirmed_as), (true, Some(confirmation)));
        assert_eq!(newest.difference, Incarnation::REPORTED);
        let whole_since =
            if confirmation.keeps_history() { seen.whole_since } else { newest.number };
        assert_eq!(newest.whole_since, whole_since);
    }
}

pub async fn the_first_confirmation_counts(world: World) {
    let world = elsewhere(&world).await;
    let seen = world.store.incarnation().await.unwrap();
    // A database that went back uses its numbers again.
    let mut another = seen.clone();
    another.opened_at = seen.opened_at.minus(Duration::from_secs(1));
    let answer = confirm(&world, &another, Confirmation::Moved).await;
    assert_eq!(answer, Confirmed::Stale { newest: seen.clone() });
    let kept = Confirmed::Confirmed { number: 2 };
    assert_eq!(confirm(&world, &seen, Confirmation::Restored).await, kept);
    assert_eq!(confirm(&world, &seen, Confirmation::Restored).await, kept, "the same again");
    let newest = world.store.incarnation().await.unwrap();
    let stale = Confirmed::Stale { newest: newest.clone() };
    assert_eq!(confirm(&world, &seen, Confirmation::Moved).await, stale);
    let unseen = Incarnation::first(seen.opened_at);
    assert_eq!(confirm(&world, &unseen, Confirmation::Moved).await, stale);
    assert_eq!(world.store.incarnation().await.unwrap(), newest);
}

pub async fn an_operator_answers_for_what_was_before(world: World) {
    let op_id = world.parked("k").await;
    let world = elsewhere(&world).await;
    confirmed(&world, Confirmation::Restored).await;
    let resolved = world.resolve(op_id, Resolution::RunAgain).await;
    assert!(matches!(resolved, Resolved::Resolved(Some(_))), "{resolved:?}");
    assert_eq!(swept_unsafely(&world).await, []);
    assert_eq!(claimed_unsafely(&world).await, [op_id]);
}

pub async fn a_redriven_operation_is_of_the_newest_incarnation(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    let world = elsewhere(&world).await;
    confirmed(&world, Confirmation::Restored).await;
    let Redriven::Created { op_id } = world.redrive(claim.op_id, false).await else {
        panic!("not redriven")
    };
    assert_eq!(claimed_unsafely(&world).await, [op_id]);
}

pub async fn a_lost_lease_of_an_earlier_incarnation_is_doubted_as_well(world: World) {
    let claim = world.running("k").await;
    let world = elsewhere(&world).await;
    assert!(matches!(world.expire().await, Some(Finalized::InDoubt { .. })));
    world.advance(10);
    assert_eq!(swept(&world, policy()).await.len(), 1);
    let again = world.claim_as(policy()).await;
    assert_eq!((again.envelope.op_id, again.unresolved), (claim.op_id, true));
    world.settle(ended(again.claim(), in_doubt("no answer"))).await;
}

pub async fn a_sweep_of_earlier_ones_keeps_its_limit_and_the_next_goes_on(world: World) {
    for key in ["a", "b", "c"] {
        world.accepted(key).await;
    }
    let world = elsewhere(&world).await;
    let mut counts = Vec::new();
    for _ in 0..3 {
        let params = SweepParams { limit: 2, ..sweep_params([parks()]) };
        counts.push(world.store.sweep_earlier(params).await.unwrap().len());
    }
    assert_eq!(counts, [2, 1, 0]);
}
