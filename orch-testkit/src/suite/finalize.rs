//! S3: the log, the status that follows it, and the hook between them.

use orch_core::policies::KindPolicy;
use orch_core::store::{Acceptance, Claim, Finalization, Finalized, Logged, Resolution};
use orch_core::words::{
    AttemptEnd, Command, Envelope, Failure, FinalOutcome, LogStatus, Operation, Phase, Source,
    Status,
};

use crate::backend::whose;
use crate::fixture::{
    BUDGET, DELAY, World, acceptance, claim_params, ended, fail, kind, listed, ok, output, owner,
    policy, retry, sweep_params, tenant,
};

fn hooked() -> KindPolicy {
    KindPolicy { hooked: true, ..policy() }
}

/// An operation whose outcome is logged, and whose kind has a hook.
async fn logged(world: &World, text: &str) -> Claim {
    let claim = world.running_as(text, hooked()).await;
    assert_eq!(world.log(ended(claim, ok(text))).await, Logged::Logged);
    claim
}

fn finished(text: &str) -> Finalized {
    Finalized::Finished(FinalOutcome::Ok(output(text)))
}

pub async fn settle_completes_an_operation(world: World) {
    let claim = world.running("k").await;
    world.advance(3);
    assert_eq!(world.settle(ended(claim, ok("done"))).await, finished("done"));
    let (operation, now) = (world.operation(claim.op_id).await, world.now().await);
    assert_eq!((operation.status, operation.phase), (Status::Completed, None));
    assert_eq!(operation.outcome, Some(FinalOutcome::Ok(output("done"))));
    assert_eq!(operation.finished_at, Some(now));
    assert_eq!((operation.due_at, operation.lease_expires_at), (None, None));
    assert_eq!(world.store.dead_letter(&owner(), claim.op_id).await.unwrap(), None);
}

pub async fn settle_fails_an_operation_and_writes_its_dead_letter(world: World) {
    let claim = world.running("k").await;
    let answer = world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Failed(failure.clone())));
    assert_eq!((failure.code.as_str(), failure.called), ("CARD_DECLINED", true));
    assert_eq!(world.operation(claim.op_id).await.status, Status::Failed);
    let letter = world.dead_letter(claim.op_id).await;
    assert_eq!((letter.op_id, letter.failure), (claim.op_id, failure));
    assert_eq!(letter.created_at, world.now().await);
    assert_eq!((letter.redriven_as, letter.late_outcomes), (None, 0));
}

pub async fn log_keeps_the_state_and_drops_the_lease(world: World) {
    let claim = world.running("k").await;
    assert_eq!(world.log(ended(claim, ok("done"))).await, Logged::Logged);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Running)));
    assert_eq!((operation.due_at, operation.lease_expires_at), (None, None));
    assert_eq!((operation.attempt, operation.fence), (1, claim.fence));
    assert_eq!(operation.outcome, None);
    assert_eq!(world.history(claim.op_id).await[0].status, LogStatus::Pending);
}

pub async fn a_logged_operation_is_not_taken_for_lost(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    world.advance(3600);
    assert_eq!(world.sweep_expired().await, []);
    assert_eq!(world.sweep_over_budget().await, []);
    assert_eq!(world.finalize(claim, None).await, finished("done"));
}

pub async fn a_logged_operation_is_not_claimed(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, retry("busy"))).await;
    world.advance(60);
    assert_eq!(world.store.claim(claim_params([policy()])).await.unwrap(), []);
}

pub async fn an_outcome_is_the_finalizers_after_a_second(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    assert_eq!(world.unfinalized().await, []);
    world.clock.advance(std::time::Duration::from_millis(999));
    assert_eq!(world.unfinalized().await, []);
    world.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(world.unfinalized().await, [claim]);
}

pub async fn a_crash_between_log_and_finalize_is_made_good(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    let other = world.reopened().await;
    world.advance(1);
    assert_eq!(other.unfinalized().await, [claim]);
    assert_eq!(other.finalize(claim, None).await, finished("done"));
    assert_eq!(other.unfinalized().await, []);
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
    assert_eq!(world.history(claim.op_id).await[0].status, LogStatus::Completed);
}

pub async fn finalize_without_an_entry_is_stale(world: World) {
    let claim = world.running("k").await;
    assert_eq!(world.finalize(claim, None).await, Finalized::Stale);
    assert_eq!(world.operation(claim.op_id).await.phase, Some(Phase::Running));
}

pub async fn a_second_finalize_answers_that_it_was_final(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    world.finalize(claim, None).await;
    let before = world.operation(claim.op_id).await;
    world.advance(1);
    assert_eq!(world.finalize(claim, None).await, finished("done").again());
    assert_eq!(world.operation(claim.op_id).await, before);
}

pub async fn a_second_settle_changes_nothing(world: World) {
    let claim = world.running("k").await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    let before = world.operation(claim.op_id).await;
    let history = world.history(claim.op_id).await;
    world.advance(1);
    let again = world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    assert!(matches!(again, Finalized::AlreadyFinal(FinalOutcome::Failed(_))));
    assert_eq!(world.operation(claim.op_id).await, before);
    assert_eq!(world.history(claim.op_id).await, history);
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 0);
}

pub async fn the_first_entry_stands(world: World) {
    let claim = world.running("k").await;
    assert_eq!(world.log(ended(claim, ok("first"))).await, Logged::Logged);
    assert_eq!(world.log(ended(claim, fail("SECOND"))).await, Logged::Logged);
    assert_eq!(world.settle(ended(claim, fail("THIRD"))).await, finished("first"));
    assert_eq!(world.log(ended(claim, fail("FOURTH"))).await, Logged::Logged);
    let history = world.history(claim.op_id).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].end, ok("first"));
}

pub async fn a_second_settle_of_a_retry_answers_the_same(world: World) {
    let claim = world.running("k").await;
    let due_at = world.now().await.plus(DELAY);
    for _ in 0..2 {
        let answer = world.settle(ended(claim, retry("busy"))).await;
        assert_eq!(answer, Finalized::Waiting { due_at });
    }
    assert_eq!(world.operation(claim.op_id).await.retries, 1);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn an_entry_says_who_ran_what_and_when(world: World) {
    world.accepted("k").await;
    let params = claim_params([policy()]);
    let worker = params.worker.clone();
    let started_at = world.now().await;
    world.store.claim(params).await.unwrap();
    let op_id = listed(&world.all().await)[0];
    let claim = Claim { op_id, fence: world.operation(op_id).await.fence };
    world.advance(4);
    world.settle(ended(claim, ok("done"))).await;
    let entry = world.history(op_id).await.remove(0);
    assert_eq!((entry.fence, entry.attempt, entry.worker), (claim.fence, 1, Some(worker)));
    assert_eq!((entry.source, entry.started_at), (Source::Handler, Some(started_at)));
    assert_eq!(entry.logged_at, world.now().await);
    assert_eq!((entry.end, entry.status), (ok("done"), LogStatus::Completed));
    assert_eq!((entry.late, entry.note), (false, None));
}

pub async fn a_finalize_hook_runs_in_the_transaction(world: World) {
    let claim = logged(&world, "in the transaction").await;
    let hook = Some(world.backend.marking_hook());
    assert_eq!(world.finalize(claim, hook).await, finished("in the transaction"));
    assert_eq!(world.backend.marks("in the transaction").await, 1);
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}

pub async fn a_hook_is_told_which_operation_it_is(world: World) {
    world.accepted_as(Acceptance { owner: tenant(), ..acceptance("told") }).await;
    let attempt = world.claim_as(hooked()).await;
    world.log(ended(attempt.claim(), ok("done"))).await;
    world.finalize(attempt.claim(), Some(world.backend.marking_hook())).await;
    assert_eq!(world.backend.marks(&whose(&attempt.envelope)).await, 1);
}

pub async fn a_hook_is_told_which_operation_a_person_has_failed(world: World) {
    let op_id = world.parked_as("k", true).await;
    let refused = Failure::new("REFUSED", "the bank never saw it");
    world.resolve(op_id, Resolution::Fail(refused)).await;
    let of = envelope(world.operation(op_id).await);
    let claim = Claim { op_id, fence: of.fence };
    world.finalize(claim, Some(world.backend.marking_hook())).await;
    assert_eq!((of.attempt, world.backend.marks(&whose(&of)).await), (1, 1));
}

pub async fn a_hook_is_told_which_operation_was_never_run(world: World) {
    let op_id = world.accepted("k").await;
    world.clock.advance(BUDGET);
    world.store.sweep_over_budget(sweep_params([hooked()])).await.unwrap();
    let of = envelope(world.operation(op_id).await);
    let claim = Claim { op_id, fence: of.fence };
    world.finalize(claim, Some(world.backend.marking_hook())).await;
    assert_eq!((of.attempt, world.backend.marks(&whose(&of)).await), (0, 1));
}

/// What a hook is to be told about an operation that stands like this.
fn envelope(operation: Operation) -> Envelope {
    let Operation { identity, payload, .. } = operation;
    let owner = identity.owner.clone();
    let mut envelope = Envelope::new(
        operation.op_id,
        owner,
        Command::of(identity.kind(), identity.biz_key, identity.idem_key, payload),
        operation.accepted_at,
        operation.deadline,
    );
    envelope.attempt = operation.attempt;
    envelope.fence = operation.fence;
    envelope
}

pub async fn a_hook_does_not_run_for_an_operation_that_goes_on(world: World) {
    let claim = world.running_as("k", hooked()).await;
    world.log(ended(claim, retry("busy"))).await;
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    assert!(matches!(answer, Finalized::Waiting { .. }), "{answer:?}");
}

pub async fn a_hook_that_fails_changes_nothing_but_the_time(world: World) {
    let claim = logged(&world, "rolled back").await;
    let before = world.operation(claim.op_id).await;
    let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
    let Finalized::HookFailed { reason, .. } = answer else { panic!("{answer:?}") };
    assert!(!reason.is_empty());
    assert_eq!(world.operation(claim.op_id).await, before);
    assert_eq!(world.history(claim.op_id).await[0].status, LogStatus::Pending);
    assert_eq!(world.backend.marks("rolled back").await, 0);
}

pub async fn a_hook_that_fails_leaves_its_error_in_the_history(world: World) {
    let claim = logged(&world, "told").await;
    assert_eq!(world.history(claim.op_id).await[0].hook_error, None);
    for _ in 0..2 {
        let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
        let Finalized::HookFailed { reason, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(world.history(claim.op_id).await[0].hook_error, Some(reason));
    }
    world.finalize(claim, Some(world.backend.marking_hook())).await;
    let entry = world.history(claim.op_id).await.remove(0);
    assert_eq!((entry.status, entry.hook_error.is_some()), (LogStatus::Completed, true));
}

pub async fn a_hook_that_fails_backs_off(world: World) {
    let claim = logged(&world, "k").await;
    let mut last = std::time::Duration::ZERO;
    for _ in 0..3 {
        let answer = world.finalize(claim, Some(world.backend.failing_hook())).await;
        let Finalized::HookFailed { due_at, .. } = answer else { panic!("{answer:?}") };
        let wait = due_at.since(world.now().await);
        assert!(wait > last && wait >= std::time::Duration::from_secs(1), "{wait:?}");
        assert_eq!(world.unfinalized().await, []);
        world.clock.advance(wait);
        assert_eq!(world.unfinalized().await, [claim]);
        last = wait;
    }
}

pub async fn a_failed_hook_succeeds_later_without_a_new_attempt(world: World) {
    let claim = logged(&world, "at last").await;
    world.finalize(claim, Some(world.backend.failing_hook())).await;
    let answer = world.finalize(claim, Some(world.backend.marking_hook())).await;
    assert_eq!(answer, finished("at last"));
    assert_eq!(world.backend.marks("at last").await, 1);
    assert_eq!(world.operation(claim.op_id).await.attempt, 1);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn a_failing_hook_leaves_its_neighbours(world: World) {
    let first = logged(&world, "left neighbour").await;
    let bad = logged(&world, "bad").await;
    let last = logged(&world, "right neighbour").await;
    let with = |claim, hook| Finalization { claim, hook: Some(hook) };
    let batch = vec![
        with(first, world.backend.marking_hook()),
        with(bad, world.backend.failing_hook()),
        with(last, world.backend.marking_hook()),
    ];
    let answers = world.store.finalize(batch).await.unwrap();
    assert_eq!(answers[0], finished("left neighbour"));
    assert!(matches!(answers[1], Finalized::HookFailed { .. }));
    assert_eq!(answers[2], finished("right neighbour"));
    for text in ["left neighbour", "right neighbour"] {
        assert_eq!(world.backend.marks(text).await, 1);
    }
    assert_eq!(world.operation(bad.op_id).await.status, Status::InProgress);
}

pub async fn a_hook_runs_once_however_often_it_is_finalized(world: World) {
    let claim = logged(&world, "only once").await;
    for expected in [finished("only once"), finished("only once").again()] {
        let answer = world.finalize(claim, Some(world.backend.marking_hook())).await;
        assert_eq!(answer, expected);
    }
    assert_eq!(world.backend.marks("only once").await, 1);
}

pub async fn a_hook_sees_failures_too(world: World) {
    let claim = world.running_as("k", hooked()).await;
    let failure = orch_core::words::Failure::new("DECLINED", "a hook sees failures too");
    let end = AttemptEnd::Outcome(orch_core::words::Outcome::Fail(failure));
    world.log(ended(claim, end)).await;
    world.finalize(claim, Some(world.backend.marking_hook())).await;
    assert_eq!(world.backend.marks("a hook sees failures too").await, 1);
    assert_eq!(world.dead_letter(claim.op_id).await.failure.code, "DECLINED");
}

pub async fn only_a_worker_with_the_kind_finalizes_a_hooked_outcome(world: World) {
    let claim = logged(&world, "hooked").await;
    let plain = world.running("plain").await;
    world.log(ended(plain, ok("plain"))).await;
    world.advance(1);
    let of = |found: Vec<orch_core::store::Unfinalized>| {
        found.into_iter().map(|u| (u.claim, u.kind)).collect::<Vec<_>>()
    };
    assert_eq!(of(world.store.unfinalized(&[], 10).await.unwrap()), [(plain, kind())]);
    let all = of(world.store.unfinalized(&[kind()], 10).await.unwrap());
    assert_eq!(all.len(), 2);
    assert!(all.contains(&(claim, kind())));
}

pub async fn unfinalized_keeps_its_limit(world: World) {
    let batch: Vec<_> = (0..5).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    for attempt in world.claims(policy(), 10).await {
        world.log(ended(attempt.claim(), ok("done"))).await;
    }
    world.advance(1);
    assert_eq!(world.store.unfinalized(&[], 3).await.unwrap().len(), 3);
    assert_eq!(world.store.unfinalized(&[], 10).await.unwrap().len(), 5);
}
