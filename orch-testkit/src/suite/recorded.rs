//! What providers tell later, and what becomes of the operation that it is about.

use std::sync::Arc;

use orch_core::policies::{Bearing, InDoubt, KindPolicy, bearings};
use orch_core::store::{
    AnswerParams, Claim, Finalized, RecordParams, RecordedAnswer, Redriven, Resolution, Store,
    Swept, Unmatched, UnmatchedParams,
};
use orch_core::words::{
    AttemptEnd, FinalOutcome, Kind, LogEntry, OpId, Phase, Reference, Source, Status,
};
use tokio::task::JoinSet;

use crate::fixture::{
    World, acceptance, ended, fail, in_doubt, kind, not_happened, ok, output, policy, reconciled,
    retry,
};

pub(super) const DAYS: u64 = 24 * 60 * 60;

pub(super) fn reference(text: &str) -> Reference {
    Reference::new("Acme", "acct_1", text).unwrap()
}

pub(super) fn message(text: &str, end: AttemptEnd) -> RecordParams {
    RecordParams { of: reference(text), kind: kind(), end, source: "webhook evt_1".to_owned() }
}

pub(super) async fn record(world: &World, text: &str, end: AttemptEnd) -> RecordedAnswer {
    world.store.record(message(text, end)).await.unwrap()
}

pub(super) async fn refer(world: &World, text: &str, op_id: OpId) {
    world.store.refer(reference(text), op_id).await.unwrap();
}

pub(super) async fn apply(world: &World, of: Option<&str>, hooked: &[Kind]) -> Vec<Swept> {
    apply_on(&*world.store, of, hooked).await
}

pub(super) async fn apply_on(store: &dyn Store, of: Option<&str>, hooked: &[Kind]) -> Vec<Swept> {
    let params = AnswerParams { of: of.map(reference), hooked_kinds: hooked.to_vec(), limit: 100 };
    store.answer(params).await.unwrap()
}

/// Told and applied, about an operation that is known by this reference.
pub(super) async fn told(world: &World, op_id: OpId, end: AttemptEnd) -> Option<Swept> {
    refer(world, "r", op_id).await;
    assert_eq!(record(world, "r", end).await, RecordedAnswer::Kept);
    apply(world, Some("r"), &[]).await.pop()
}

pub(super) async fn unmatched(world: &World) -> Vec<Unmatched> {
    world.store.unmatched(UnmatchedParams { after: None, limit: 100 }).await.unwrap()
}

pub(super) async fn last(world: &World, op_id: OpId) -> LogEntry {
    world.history(op_id).await.pop().unwrap()
}

pub(super) async fn status(world: &World, op_id: OpId) -> Status {
    world.operation(op_id).await.status
}

pub(super) fn is_late(swept: &Swept) -> bool {
    matches!(swept.to, Some(Finalized::AlreadyFinal(_)))
}

pub(super) fn paid() -> Option<Finalized> {
    Some(Finalized::Finished(FinalOutcome::Ok(output("paid"))))
}

/// An attempt that ended without an answer, of a kind that is parked or reconciled then.
pub(super) async fn doubted(world: &World, in_doubt_is: InDoubt) -> Claim {
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

pub async fn what_came_before_the_end_of_an_attempt_clears_no_doubt_about_it(world: World) {
    let claim = world.running("k").await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Running));
    let entry = last(&world, claim.op_id).await;
    assert!(entry.late && entry.source == Source::Provider, "operators see it");
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(60);
    assert_eq!(apply(&world, None, &[]).await, []);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::InDoubt));
}

pub async fn that_nothing_has_happened_clears_no_doubt(world: World) {
    let claim = doubted(&world, InDoubt::Retry).await;
    let due_at = world.operation(claim.op_id).await.due_at;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.due_at), (Some(Phase::InDoubt), due_at));
    let entry = last(&world, claim.op_id).await;
    assert_eq!((entry.source, entry.end, entry.late), (Source::Provider, not_happened(), true));
    world.advance(1);
    assert!(world.claim_as(policy()).await.unresolved);
}

pub async fn said_again_it_is_about_the_later_call(world: World) {
    let op_id = world.accepted("k").await;
    assert_eq!(told(&world, op_id, not_happened()).await, None);
    let claim = world.claim().await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    assert_eq!(told(&world, op_id, not_happened()).await, None);
    assert_eq!(last(&world, op_id).await.end, not_happened());
}

pub async fn what_is_parked_stays_so_and_its_operator_is_shown_it(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    for end in [not_happened(), fail("EXPIRED")] {
        assert_eq!(told(&world, claim.op_id, end.clone()).await, None);
        assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Parked));
        let entry = last(&world, claim.op_id).await;
        assert!(entry.late && entry.end == end);
    }
}

pub async fn a_redrive_asks_where_a_success_waits_for_a_hook(world: World) {
    let hooked = || KindPolicy { hooked: true, ..policy() };
    let claim = world.running_as("k", hooked()).await;
    world.log(ended(claim, fail("DECLINED"))).await;
    assert_eq!(told(&world, claim.op_id, ok("paid")).await, None);
    world.finalize(claim, Some(world.backend.marking_hook())).await;
    assert_eq!(status(&world, claim.op_id).await, Status::Failed);
    assert_eq!(world.redrive(claim.op_id, false).await, Redriven::Uncertain);
}

pub async fn a_refusal_waits_for_the_attempt_that_is_under_way(world: World) {
    let claim = world.running("k").await;
    assert_eq!(told(&world, claim.op_id, fail("EXPIRED")).await, None);
    world.settle(ended(claim, ok("paid"))).await;
    world.advance(60);
    assert!(is_late(&apply(&world, None, &[]).await[0]));
    assert_eq!(status(&world, claim.op_id).await, Status::Completed);
    let late = |entry: &LogEntry| entry.late && entry.end == fail("EXPIRED");
    assert_eq!(world.history(claim.op_id).await.iter().filter(|entry| late(entry)).count(), 1);
}

pub async fn a_refusal_ends_what_is_in_doubt_for_certain(world: World) {
    let claim = doubted(&world, InDoubt::Retry).await;
    told(&world, claim.op_id, fail("EXPIRED")).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.code == "EXPIRED" && !failure.uncertain);
}

pub async fn a_reconcile_that_is_under_way_comes_first(world: World) {
    let asking = || KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = doubted(&world, InDoubt::Reconcile).await;
    world.advance(60);
    let asked = world.reconcile(asking()).await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(record(&world, "r", fail("EXPIRED")).await, RecordedAnswer::Kept);
    assert_eq!(apply(&world, Some("r"), &[]).await, []);
    assert_eq!(Some(world.settle(reconciled(asked, ok("paid"))).await), paid());
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

pub async fn a_refusal_of_what_was_called_twice_is_uncertain(world: World) {
    let retried = || KindPolicy { in_doubt: InDoubt::Retry, ..policy() };
    let claim = doubted(&world, InDoubt::Retry).await;
    world.advance(60);
    let again = world.attempt(retried()).await;
    world.settle(ended(again, in_doubt("no answer"))).await;
    assert_eq!(told(&world, claim.op_id, not_happened()).await, None);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::InDoubt));
    assert!(last(&world, claim.op_id).await.late);
    assert_eq!(record(&world, "r", fail("EXPIRED")).await, RecordedAnswer::Kept);
    apply(&world, Some("r"), &[]).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.code == "EXPIRED" && failure.uncertain);
}

pub async fn of_what_was_called_twice_the_provider_is_asked_at_once(world: World) {
    let asking = || KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = world.running_as("k", asking()).await;
    world.settle(ended(claim, retry("busy"))).await;
    world.advance(60);
    let again = world.attempt(asking()).await;
    world.settle(ended(again, in_doubt("no answer"))).await;
    world.nothing_to_claim(asking()).await;
    assert_eq!(told(&world, claim.op_id, fail("EXPIRED")).await, None);
    let asked = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(asked, ok("paid"))).await;
    assert_eq!(Some(answer), paid());
    let log = world.history(claim.op_id).await;
    let outcome = FinalOutcome::Ok(output("paid"));
    assert!(bearings(Some(&outcome), &log).contains(&Bearing::Diverges));
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
    assert!(last(&world, claim.op_id).await.late);
}

pub async fn a_hook_that_a_deploy_has_added_is_owed(world: World) {
    let claim = doubted(&world, InDoubt::Park).await;
    refer(&world, "r", claim.op_id).await;
    record(&world, "r", ok("paid")).await;
    assert_eq!(apply(&world, Some("r"), &[kind()]).await[0].to, None);
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
