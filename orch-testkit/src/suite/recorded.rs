//! What providers tell later: kept whether or not its operation is known yet, applied once.

use std::collections::HashSet;
use std::sync::Arc;

use orch_core::policies::{Bearing, InDoubt, KindPolicy, bearings};
use orch_core::store::{
    AnswerParams, Claim, Finalized, MAX_ANSWERS, RecordParams, RecordedAnswer, Resolution, Store,
    Swept, Unmatched, UnmatchedParams,
};
use orch_core::words::{
    AttemptEnd, FinalOutcome, Kind, LogEntry, OpId, Phase, Reference, Source, Status,
};
use tokio::task::JoinSet;

use crate::fixture::{
    World, acceptance, ended, fail, in_doubt, kind, not_happened, ok, other_kind, output, policy,
    reconciled, retry,
};

const DAYS: u64 = 24 * 60 * 60;

fn reference(text: &str) -> Reference {
    Reference::new("Acme", "acct_1", text).unwrap()
}

fn message(text: &str, end: AttemptEnd) -> RecordParams {
    RecordParams { of: reference(text), kind: kind(), end, source: "webhook evt_1".to_owned() }
}

async fn record(world: &World, text: &str, end: AttemptEnd) -> RecordedAnswer {
    world.store.record(message(text, end)).await.unwrap()
}

async fn refer(world: &World, text: &str, op_id: OpId) {
    world.store.refer(reference(text), op_id).await.unwrap();
}

async fn apply(world: &World, of: Option<&str>, hooked: &[Kind]) -> Vec<Swept> {
    apply_on(&*world.store, of, hooked).await
}

async fn apply_on(store: &dyn Store, of: Option<&str>, hooked: &[Kind]) -> Vec<Swept> {
    let params = AnswerParams { of: of.map(reference), hooked_kinds: hooked.to_vec(), limit: 100 };
    store.answer(params).await.unwrap()
}

/// Told and applied, about an operation that is known by this reference.
async fn told(world: &World, op_id: OpId, end: AttemptEnd) -> Option<Swept> {
    refer(world, "r", op_id).await;
    assert_eq!(record(world, "r", end).await, RecordedAnswer::Kept);
    apply(world, Some("r"), &[]).await.pop()
}

async fn unmatched(world: &World) -> Vec<Unmatched> {
    world.store.unmatched(UnmatchedParams { after: None, limit: 100 }).await.unwrap()
}

async fn last(world: &World, op_id: OpId) -> LogEntry {
    world.history(op_id).await.pop().unwrap()
}

async fn status(world: &World, op_id: OpId) -> Status {
    world.operation(op_id).await.status
}

fn is_late(swept: &Swept) -> bool {
    matches!(swept.to, Some(Finalized::AlreadyFinal(_)))
}

fn paid() -> Option<Finalized> {
    Some(Finalized::Finished(FinalOutcome::Ok(output("paid"))))
}

/// An attempt that ended without an answer, of a kind that is parked or reconciled then.
async fn doubted(world: &World, in_doubt_is: InDoubt) -> Claim {
    let claim = world.running_as("k", KindPolicy { in_doubt: in_doubt_is, ..policy() }).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    claim
}

pub async fn what_is_told_about_a_known_reference_ends_the_operation(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    let swept = told(&world, claim.op_id, ok("paid")).await.unwrap();
    assert_eq!((swept.op_id, &swept.kind, swept.to), (claim.op_id, &kind(), paid()));
    let entry = last(&world, claim.op_id).await;
    assert_eq!((entry.source, &entry.end, entry.late), (Source::Provider, &ok("paid"), false));
    assert_eq!(entry.note.as_deref(), Some("webhook evt_1"));
    assert_eq!(entry.fence.count(), claim.fence.count() + 1);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    world.advance(3600);
    assert_eq!(apply(&world, None, &[]).await, []);
}

pub async fn what_is_told_first_waits_for_its_reference(world: World) {
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
    let claim = doubted(&world, InDoubt::Park).await;
    world.advance(1800);
    refer(&world, "r", claim.op_id).await;
    let swept = apply(&world, None, &[]).await;
    assert_eq!(swept.into_iter().map(|swept| swept.to).collect::<Vec<_>>(), [paid()]);
    assert_eq!(unmatched(&world).await, []);
}

pub async fn the_same_is_kept_once_whatever_its_source(world: World) {
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    let again = RecordParams { source: "file of Monday".to_owned(), ..message("r", ok("paid")) };
    assert_eq!(world.store.record(again).await.unwrap(), RecordedAnswer::Known);
    assert_eq!(record(&world, "r", ok("paid twice")).await, RecordedAnswer::Kept);
    assert_eq!(record(&world, "other", ok("paid")).await, RecordedAnswer::Kept);
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    apply(&world, Some("r"), &[]).await;
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Known);
    let told = |entry: &&LogEntry| entry.source == Source::Provider;
    assert_eq!(world.history(claim.op_id).await.iter().filter(told).count(), 2);
}

pub async fn of_two_that_disagree_the_second_diverges(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    told(&world, claim.op_id, ok("paid")).await;
    assert_eq!(record(&world, "r", fail("REFUNDED")).await, RecordedAnswer::Kept);
    assert!(is_late(&apply(&world, Some("r"), &[]).await[0]));
    let entry = last(&world, claim.op_id).await;
    assert!(entry.late && entry.end == fail("REFUNDED"));
    let operation = world.operation(claim.op_id).await;
    assert_eq!(operation.status, Status::Completed);
    let log = world.history(claim.op_id).await;
    let bears = bearings(operation.outcome.as_ref(), &log);
    assert_eq!(bears.last(), Some(&Bearing::Diverges));
}

pub async fn a_success_takes_over_from_the_attempt_that_is_under_way(world: World) {
    let claim = world.running("k").await;
    let swept = told(&world, claim.op_id, ok("paid")).await;
    assert_eq!(swept.and_then(|swept| swept.to), paid());
    assert_eq!(world.settle(ended(claim, ok("paid"))).await, Finalized::Stale);
    let log = world.history(claim.op_id).await;
    assert!(log.last().unwrap().late);
    let outcome = FinalOutcome::Ok(output("paid"));
    assert_eq!(bearings(Some(&outcome), &log).last(), Some(&Bearing::Corroborates));
}

pub async fn not_happened_waits_for_the_attempt_that_is_under_way(world: World) {
    let claim = world.running("k").await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Running));
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(60);
    let swept = apply(&world, None, &[]).await;
    assert!(matches!(swept[0].to, Some(Finalized::Waiting { .. })), "{swept:?}");
    let entry = last(&world, claim.op_id).await;
    assert_eq!((entry.source, entry.end), (Source::Provider, not_happened()));
}

pub async fn a_refusal_waits_for_the_attempt_that_is_under_way(world: World) {
    let claim = world.running("k").await;
    assert_eq!(told(&world, claim.op_id, fail("EXPIRED")).await, None);
    world.settle(ended(claim, ok("paid"))).await;
    world.advance(60);
    assert!(is_late(&apply(&world, None, &[]).await[0]));
    assert_eq!(status(&world, claim.op_id).await, Status::Completed);
    let entry = last(&world, claim.op_id).await;
    assert!(entry.late && entry.end == fail("EXPIRED"));
}

pub async fn a_refusal_ends_what_is_in_doubt_for_certain(world: World) {
    let claim = doubted(&world, InDoubt::Reconcile).await;
    told(&world, claim.op_id, fail("EXPIRED")).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.code == "EXPIRED" && !failure.uncertain);
}

pub async fn a_reconcile_that_is_under_way_is_superseded(world: World) {
    let asking = || KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    doubted(&world, InDoubt::Reconcile).await;
    world.advance(60);
    let claim = world.reconcile(asking()).await;
    let swept = told(&world, claim.op_id, not_happened()).await.unwrap();
    assert!(matches!(swept.to, Some(Finalized::Waiting { .. })), "{swept:?}");
    assert_eq!(world.settle(reconciled(claim, ok("paid"))).await, Finalized::Stale);
}

pub async fn what_waits_runs_again_whatever_has_not_happened(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, retry("busy"))).await;
    let before = world.operation(claim.op_id).await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(world.operation(claim.op_id).await, before);
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await[0].to, paid());
}

pub async fn what_no_worker_has_claimed_passes_through_in_progress(world: World) {
    let op_id = world.accepted("k").await;
    assert_eq!(told(&world, op_id, not_happened()).await, None);
    assert_eq!(status(&world, op_id).await, Status::Pending);
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await[0].to, paid());
    let note = last(&world, op_id).await.note.unwrap();
    assert!(note.starts_with("webhook evt_1 (PENDING → IN_PROGRESS"), "{note}");
    world.nothing_to_claim(policy()).await;
}

pub async fn after_the_end_it_is_kept_and_counted(world: World) {
    let op_id = world.failed("k").await;
    let before = world.operation(op_id).await;
    assert!(is_late(&told(&world, op_id, ok("paid")).await.unwrap()));
    assert_eq!(world.operation(op_id).await, before);
    assert!(last(&world, op_id).await.late);
    assert_eq!(world.dead_letter(op_id).await.late_outcomes, 1);
}

pub async fn with_a_hook_the_finalizer_does_the_rest(world: World) {
    let hooked = KindPolicy { hooked: true, in_doubt: InDoubt::Park, ..policy() };
    let claim = world.running_as("k", hooked).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    let swept = told(&world, claim.op_id, ok("paid")).await.unwrap();
    assert_eq!(swept.to, None);
    assert_eq!(status(&world, claim.op_id).await, Status::InProgress);
    world.advance(2);
    let found = world.store.unfinalized(&[kind()], 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(record(&world, "r", fail("REFUNDED")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, [], "it waits for the hook");
    assert_eq!(last(&world, claim.op_id).await.end, ok("paid"));
}

pub async fn a_hook_that_a_deploy_has_added_is_owed(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[kind()]).await[0].to, None);
}

pub async fn what_is_meant_for_another_kind_waits_and_is_listed(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    let other = RecordParams { kind: other_kind(), ..message("r", ok("paid")) };
    assert_eq!(world.store.record(other).await.unwrap(), RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
    let listed = unmatched(&world).await;
    assert_eq!((listed.len(), &listed[0].kind), (1, &other_kind()));
}

pub async fn those_without_an_operation_are_listed_in_order(world: World) {
    for text in ["a", "b", "c"] {
        record(&world, text, ok("paid")).await;
        world.advance(1);
    }
    let all = unmatched(&world).await;
    let texts: Vec<_> = all.iter().map(|one| one.of.reference().to_owned()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert!(all[0].received_at < all[1].received_at && all[0].source == "webhook evt_1");
    let params = UnmatchedParams { after: Some(all[0].number), limit: 1 };
    assert_eq!(world.store.unmatched(params).await.unwrap(), all[1..2]);
}

pub async fn without_an_operation_it_is_looked_at_less_and_less_often(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, None, &[]).await, []);
    // Its reference comes while it is put off: then it is due at once.
    world.advance(600);
    apply(&world, None, &[]).await;
    refer(&world, "r", claim.op_id).await;
    assert_eq!(apply(&world, None, &[]).await.len(), 1);
}

pub async fn a_reference_to_nothing_is_not_kept(world: World) {
    refer(&world, "r", OpId::generate()).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
}

pub async fn the_latest_operation_of_a_reference_is_told(world: World) {
    let first = world.failed("a").await;
    let second = world.running("b").await;
    refer(&world, "r", first).await;
    refer(&world, "r", second.op_id).await;
    refer(&world, "r", second.op_id).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await[0].op_id, second.op_id);
    assert_eq!(status(&world, first).await, Status::Failed);
}

pub async fn a_reference_has_room_for_so_many(world: World) {
    for number in 0..MAX_ANSWERS {
        assert_eq!(record(&world, "r", ok(&number.to_string())).await, RecordedAnswer::Kept);
    }
    assert_eq!(record(&world, "r", ok("one more")).await, RecordedAnswer::Full);
    assert_eq!(record(&world, "r", ok("0")).await, RecordedAnswer::Known);
    assert_eq!(record(&world, "s", ok("0")).await, RecordedAnswer::Kept);
}

pub async fn what_was_told_is_kept_for_thirty_days(world: World) {
    record(&world, "r", ok("paid")).await;
    world.advance(29 * DAYS);
    world.purge().await;
    assert_eq!(unmatched(&world).await.len(), 1);
    world.advance(DAYS);
    world.purge().await;
    assert_eq!(unmatched(&world).await, []);
    assert_eq!(record(&world, "r", ok("paid")).await, RecordedAnswer::Kept);
}

pub async fn a_reference_goes_with_its_operation(world: World) {
    let op_id = world.failed("k").await;
    refer(&world, "r", op_id).await;
    world.advance(40 * DAYS);
    assert_eq!(world.purge().await, 1);
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(unmatched(&world).await.len(), 1);
}

pub async fn the_limit_holds(world: World) {
    for key in ["a", "b", "c"] {
        let claim = world.running(key).await;
        refer(&world, key, claim.op_id).await;
        record(&world, key, ok("paid")).await;
    }
    let params = || AnswerParams { of: None, hooked_kinds: Vec::new(), limit: 2 };
    assert_eq!(world.store.answer(params()).await.unwrap().len(), 2);
    assert_eq!(world.store.answer(params()).await.unwrap().len(), 1);
    let none = AnswerParams { limit: 0, ..params() };
    record(&world, "a", ok("paid again")).await;
    assert_eq!(world.store.answer(none).await.unwrap(), []);
}

pub async fn twenty_that_apply_it_at_once_apply_it_once(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    record(&world, "r", ok("paid")).await;
    let tries: JoinSet<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&world.store);
            async move { apply_on(&*store, Some("r"), &[]).await.len() }
        })
        .collect();
    let moved: usize = tries.join_all().await.iter().sum();
    assert_eq!(moved, 1);
    let told = |entry: &&LogEntry| entry.source == Source::Provider;
    assert_eq!(world.history(claim.op_id).await.iter().filter(told).count(), 1);
}

/// Each side looks for the other behind its own commit, so one of them finds it.
pub async fn reference_and_message_at_once_find_each_other(world: World) {
    let mut claims = Vec::new();
    for number in 0..20 {
        claims.push(world.running(&number.to_string()).await);
    }
    let pairs: JoinSet<_> = claims
        .iter()
        .enumerate()
        .flat_map(|(number, claim)| {
            let (text, op_id) = (number.to_string(), claim.op_id);
            [true, false].map(|refers| {
                let (text, store) = (text.clone(), Arc::clone(&world.store));
                async move {
                    if refers {
                        store.refer(reference(&text), op_id).await.unwrap();
                    } else {
                        store.record(message(&text, ok("paid"))).await.unwrap();
                    }
                    apply_on(&*store, Some(&text), &[]).await.len()
                }
            })
        })
        .collect();
    let moved: usize = pairs.join_all().await.iter().sum();
    assert_eq!(moved, 20);
    let ids: HashSet<_> = claims.iter().map(|claim| claim.op_id).collect();
    for op_id in ids {
        assert_eq!(status(&world, op_id).await, Status::Completed);
    }
}

pub async fn a_decision_and_a_message_end_it_once(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    record(&world, "r", ok("paid")).await;
    let decided = world.resolve(claim.op_id, Resolution::Ok(output("seen")));
    let _ = tokio::join!(decided, apply(&world, Some("r"), &[]));
    world.advance(60);
    apply(&world, None, &[]).await;
    let log = world.history(claim.op_id).await;
    assert_eq!(status(&world, claim.op_id).await, Status::Completed);
    let said = |entry: &&LogEntry| matches!(entry.source, Source::Provider | Source::Operator);
    let said: Vec<_> = log.iter().filter(said).map(|entry| entry.late).collect();
    assert!(said == [false, true] || said == [false], "{log:?}");
}

pub async fn what_cannot_be_decoded_is_told_later(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    world.backend.corrupt(claim.op_id).await;
    record(&world, "r", ok("paid")).await;
    let other = world.accepted_as(acceptance("other")).await;
    refer(&world, "s", other).await;
    record(&world, "s", ok("paid")).await;
    let swept = apply(&world, None, &[]).await;
    assert_eq!(swept.iter().map(|swept| swept.op_id).collect::<Vec<_>>(), [other]);
}
