//! Finalize hooks that cannot succeed: every logged end has a way out.

use orch_core::policies::{
    FINALIZER_HEAD_START, InDoubt, KindPolicy, MAX_HOOK_FAILURES, UNHANDLED_PARKED_AFTER,
};
use orch_core::store::{Claim, Finalization, Finalized, Logged, Resolution, Resolved};
use orch_core::words::{Failure, FinalOutcome, LogStatus, OpId, Phase, Source, Status, code};

use crate::fixture::{
    BUDGET, World, ended, fail, in_doubt, ok, output, policy, retry, sweep_params,
};

fn hooked() -> KindPolicy {
    KindPolicy { hooked: true, ..policy() }
}

fn finished(text: &str) -> Finalized {
    Finalized::Finished(FinalOutcome::Ok(output(text)))
}

async fn logged(world: &World, text: &str) -> Claim {
    let claim = world.running_as(text, hooked()).await;
    assert_eq!(world.log(ended(claim, ok(text))).await, Logged::Logged);
    claim
}

/// The first and the last of the failures after which the operation is parked.
async fn fails_for_good(world: &World, claim: Claim) {
    fails_once(world, claim).await;
    world.backend.hook_has_failed(claim.op_id, MAX_HOOK_FAILURES - 1).await;
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert_eq!(answer, Finalized::Parked);
}

async fn fails_once(world: &World, claim: Claim) {
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    world.advance(300);
    assert_eq!(world.unfinalized().await, [claim]);
}

async fn parked(world: &World, text: &str) -> Claim {
    let claim = logged(world, text).await;
    fails_for_good(world, claim).await;
    claim
}

/// What the Finalizer of a worker with the kind's hook does.
async fn finalizes(world: &World) -> Finalized {
    let found = world.unfinalized().await;
    assert_eq!(found.len(), 1, "{found:?}");
    world.finalize(found[0], Some(world.backend.marking_hook())).await
}

async fn stands(world: &World, op_id: OpId) -> (Status, Option<Phase>) {
    let operation = world.operation(op_id).await;
    (operation.status, operation.phase)
}

const PARKED: (Status, Option<Phase>) = (Status::InProgress, Some(Phase::Parked));

pub async fn one_that_fails_for_good_parks_its_operation(world: World) {
    let claim = logged(&world, "parks-1").await;
    for _ in 1..MAX_HOOK_FAILURES {
        fails_once(&world, claim).await;
    }
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert_eq!(answer, Finalized::Parked);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.status, operation.phase), PARKED);
    assert_eq!((operation.due_at, operation.lease_expires_at), (None, None));
    let reason = operation.reason.unwrap();
    let entry = world.history(claim.op_id).await.pop().unwrap();
    let error = entry.hook_error.unwrap();
    assert_eq!(reason, format!("its finalize hook has failed 20 times: {error}"));
    assert_eq!((entry.end, entry.status), (ok("parks-1"), LogStatus::Pending));
    world.clock.advance(BUDGET);
    assert_eq!(world.unfinalized().await, []);
    assert_eq!(world.sweep_over_budget().await, []);
    world.nothing_to_claim(hooked()).await;
    assert_eq!(world.backend.marks("parks-1").await, 0);
}

pub async fn an_operator_has_it_run_again(world: World) {
    let claim = parked(&world, "again-1").await;
    assert_eq!(world.resolve(claim.op_id, Resolution::RunHook).await, Resolved::Resolved(None));
    assert_eq!(stands(&world, claim.op_id).await, (Status::InProgress, Some(Phase::Running)));
    world.advance(1);
    assert_eq!(finalizes(&world).await, finished("again-1"));
    assert_eq!(world.backend.marks("again-1").await, 1);
    let history = world.history(claim.op_id).await;
    let told: Vec<_> = history.iter().map(|it| (it.source, it.status, it.end.clone())).collect();
    let end = ok("again-1");
    let [first, second] = [Source::Handler, Source::Operator]
        .map(|source| (source, LogStatus::Completed, end.clone()));
    assert_eq!(told, [first, second]);
    assert_eq!(history[1].note.as_deref(), Some("ann: asked the bank"));
    assert_eq!(world.operation(claim.op_id).await.attempt, 1, "the provider is not called again");
}

pub async fn run_again_it_has_all_its_tries_again(world: World) {
    let claim = parked(&world, "k").await;
    world.resolve(claim.op_id, Resolution::RunHook).await;
    world.advance(1);
    let again = world.unfinalized().await[0];
    fails_for_good(&world, again).await;
    assert_eq!(stands(&world, claim.op_id).await, PARKED);
}

pub async fn an_operator_has_it_skipped(world: World) {
    let claim = parked(&world, "skip-1").await;
    let answer = world.resolve(claim.op_id, Resolution::SkipHook).await;
    assert_eq!(answer, Resolved::Resolved(Some(finished("skip-1"))));
    assert_eq!(stands(&world, claim.op_id).await, (Status::Completed, None));
    world.advance(300);
    assert_eq!(world.unfinalized().await, []);
    assert_eq!(world.backend.marks("skip-1").await, 0);
    let entry = world.history(claim.op_id).await.pop().unwrap();
    assert_eq!((entry.source, entry.status), (Source::Operator, LogStatus::Completed));
    assert_eq!(entry.note.as_deref(), Some("ann: asked the bank"));
}

pub async fn an_operator_resolves_it_anew(world: World) {
    let claim = parked(&world, "wrong-1").await;
    let answer = world.resolve(claim.op_id, Resolution::Ok(output("right-1"))).await;
    assert_eq!(answer, Resolved::Resolved(None));
    world.advance(1);
    assert_eq!(finalizes(&world).await, finished("right-1"));
    assert_eq!(world.backend.marks("right-1").await, 1);
    assert_eq!(world.backend.marks("wrong-1").await, 0);
    let outcome = world.operation(claim.op_id).await.outcome;
    assert_eq!(outcome, Some(FinalOutcome::Ok(output("right-1"))));
}

pub async fn one_resolved_as_failed_has_its_dead_letter(world: World) {
    let claim = parked(&world, "k").await;
    let refused = Failure::new("REVERSED", "the bank has taken it back");
    let answer = world.resolve(claim.op_id, Resolution::Fail(refused.clone())).await;
    assert_eq!(answer, Resolved::Resolved(None));
    world.advance(1);
    let failed = Finalized::Finished(FinalOutcome::Failed(refused.clone()));
    assert_eq!(finalizes(&world).await, failed);
    let letter = world.dead_letter(claim.op_id).await;
    assert_eq!((letter.failure, letter.divergences), (refused, 1), "the handler had said ok");
}

pub async fn it_is_not_called_again(world: World) {
    let claim = parked(&world, "k").await;
    let before = world.operation(claim.op_id).await;
    let answer = world.resolve(claim.op_id, Resolution::RunAgain).await;
    assert_eq!(answer, Resolved::Unfit { for_hook: true });
    assert_eq!(world.operation(claim.op_id).await, before);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn what_is_parked_in_doubt_has_no_hook_to_run_or_to_skip(world: World) {
    let op_id = world.parked_as("k", true).await;
    let before = world.operation(op_id).await;
    for decision in [Resolution::RunHook, Resolution::SkipHook] {
        let answer = world.resolve(op_id, decision).await;
        assert_eq!(answer, Resolved::Unfit { for_hook: false });
    }
    assert_eq!(world.operation(op_id).await, before);
}

pub async fn who_finalized_before_the_decision_is_stale_after_it(world: World) {
    let claim = parked(&world, "stale-1").await;
    world.resolve(claim.op_id, Resolution::RunHook).await;
    let hook = Some(world.backend.marking_hook());
    assert_eq!(world.finalize(claim, hook.clone()).await, Finalized::Stale);
    assert_eq!(world.backend.marks("stale-1").await, 0);
    world.advance(1);
    assert_eq!(finalizes(&world).await, finished("stale-1"));
    assert_eq!(world.backend.marks("stale-1").await, 1);
}

pub async fn two_operators_decide_once(world: World) {
    let claim = parked(&world, "k").await;
    let other = world.reopened().await;
    let (one, two) = tokio::join!(
        world.resolve(claim.op_id, Resolution::RunHook),
        other.resolve(claim.op_id, Resolution::SkipHook),
    );
    let resolved = [one, two].into_iter().filter(|it| matches!(it, Resolved::Resolved(_)));
    assert_eq!(resolved.count(), 1);
    assert_eq!(world.history(claim.op_id).await.len(), 2);
}

pub async fn an_end_without_attempts_left_keeps_its_failure(world: World) {
    let claim = world.running_as("k", KindPolicy { max_attempts: 1, ..hooked() }).await;
    world.log(ended(claim, retry("busy"))).await;
    fails_for_good(&world, claim).await;
    world.resolve(claim.op_id, Resolution::SkipHook).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!(
        (&*failure.code, failure.cause.as_deref()),
        (code::ATTEMPTS_EXHAUSTED, Some("busy"))
    );
    assert_eq!(world.operation(claim.op_id).await.retries, 1);
}

pub async fn the_end_of_a_sweep_is_parked_too(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    world.store.sweep_over_budget(sweep_params([hooked()])).await.unwrap();
    world.advance(1);
    let claim = world.unfinalized().await[0];
    fails_for_good(&world, claim).await;
    assert_eq!(stands(&world, op_id).await, PARKED);
    world.resolve(op_id, Resolution::SkipHook).await;
    assert_eq!(&*world.failure(op_id).await.code, code::TIME_BUDGET_EXCEEDED);
}

pub async fn without_its_hook_a_hooked_end_waits(world: World) {
    let claim = logged(&world, "waits-1").await;
    let before = world.history(claim.op_id).await;
    let answer = world.finalize(claim, None).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    assert_eq!(stands(&world, claim.op_id).await, (Status::InProgress, Some(Phase::Running)));
    assert_eq!(world.history(claim.op_id).await, before);
    world.advance(1);
    assert_eq!(finalizes(&world).await, finished("waits-1"));
}

pub async fn without_its_hook_what_goes_on_goes_on(world: World) {
    let parks = KindPolicy { in_doubt: InDoubt::Park, ..hooked() };
    for (key, end) in [("a", retry("busy")), ("b", in_doubt("no answer"))] {
        let claim = world.running_as(key, parks.clone()).await;
        world.log(ended(claim, end)).await;
        let answer = world.finalize(claim, None).await;
        assert!(matches!(answer, Finalized::Waiting { .. } | Finalized::Parked), "{answer:?}");
        world.clock.advance(BUDGET);
        world.store.sweep_over_budget(sweep_params([policy()])).await.unwrap();
    }
}

/// The Finalizer of a worker without the hook.
async fn found_without_the_hook(world: &World) -> Vec<Claim> {
    let found = world.store.unfinalized(&[], 10).await.unwrap();
    found.into_iter().map(|it| it.claim).collect()
}

pub async fn one_that_nobody_has_parks_its_operation_after_a_while(world: World) {
    let claim = logged(&world, "nobody-1").await;
    world.clock.advance(UNHANDLED_PARKED_AFTER);
    assert_eq!(found_without_the_hook(&world).await, []);
    world.advance(1);
    assert_eq!(found_without_the_hook(&world).await, [claim]);
    assert_eq!(world.finalize(claim, None).await, Finalized::Parked);
    assert_eq!(stands(&world, claim.op_id).await, PARKED);
    let reason = world.operation(claim.op_id).await.reason.unwrap();
    assert!(reason.contains("finalize hook"), "{reason}");
    assert_eq!(found_without_the_hook(&world).await, [], "parked once");
    // A worker that has it comes.
    assert_eq!(finalizes(&world).await, finished("nobody-1"));
    assert_eq!(world.backend.marks("nobody-1").await, 1);
}

pub async fn one_that_nobody_has_can_be_skipped(world: World) {
    let claim = logged(&world, "k").await;
    world.clock.advance(UNHANDLED_PARKED_AFTER + FINALIZER_HEAD_START);
    world.finalize(claim, None).await;
    let answer = world.resolve(claim.op_id, Resolution::SkipHook).await;
    assert_eq!(answer, Resolved::Resolved(Some(finished("k"))));
}

pub async fn one_that_comes_back_and_fails_is_tried_again(world: World) {
    let claim = logged(&world, "k").await;
    world.clock.advance(UNHANDLED_PARKED_AFTER + FINALIZER_HEAD_START);
    world.finalize(claim, None).await;
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    assert_eq!(stands(&world, claim.op_id).await, (Status::InProgress, Some(Phase::Running)));
    world.advance(2);
    assert_eq!(finalizes(&world).await, finished("k"));
}

pub async fn a_repeated_finalize_of_a_parked_end_may_still_run_the_hook(world: World) {
    let claim = parked(&world, "late-1").await;
    let hook = Some(world.backend.marking_hook());
    let batch = vec![Finalization { claim, hook: hook.clone() }, Finalization { claim, hook }];
    let answers = world.store.finalize(batch).await.unwrap();
    assert_eq!(answers, [finished("late-1"), finished("late-1").again()]);
    assert_eq!(world.backend.marks("late-1").await, 1);
    assert_eq!(stands(&world, claim.op_id).await, (Status::Completed, None));
}

pub async fn a_decline_is_parked_and_keeps_its_word(world: World) {
    let claim = world.running_as("k", hooked()).await;
    world.log(ended(claim, fail("CARD_DECLINED"))).await;
    fails_for_good(&world, claim).await;
    world.resolve(claim.op_id, Resolution::RunHook).await;
    world.advance(1);
    finalizes(&world).await;
    assert_eq!(&*world.failure(claim.op_id).await.code, "CARD_DECLINED");
}

pub async fn a_failure_counts_once_however_many_run_it_at_a_time(world: World) {
    let claim = logged(&world, "k").await;
    for _ in 0..=MAX_HOOK_FAILURES {
        let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
        assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    }
    world.advance(2);
    assert_eq!(world.unfinalized().await, [claim], "after the pause of one failure");
}

pub async fn one_that_fails_is_not_one_that_nobody_has(world: World) {
    let claim = logged(&world, "k").await;
    world.clock.advance(UNHANDLED_PARKED_AFTER + FINALIZER_HEAD_START);
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    world.advance(2);
    assert_eq!(world.unfinalized().await, [claim]);
    assert_eq!(found_without_the_hook(&world).await, []);
    let answer = world.finalize(claim, None).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    assert_eq!(stands(&world, claim.op_id).await, (Status::InProgress, Some(Phase::Running)));
}
