//! Answers of providers that are neither yes nor no: still running, already done; and a reconcile that
//! refuses.

use std::time::Duration;

use orch_core::policies::{Bearing, InDoubt, KindPolicy, bearings};
use orch_core::store::{Claim, Finalized, Logged, Purpose, Resolution, Resolved};
use orch_core::words::{AttemptEnd, FinalOutcome, OpId, Phase, Status, code};

use crate::fixture::{
    DELAY, World, already_done, ended, fail, in_doubt, not_happened, ok, output, policy,
    reconciled, retry, still_running,
};

fn declared(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy { in_doubt, ..policy() }
}

fn asking() -> KindPolicy {
    declared(InDoubt::Reconcile)
}

/// Attempts, retries and lost attempts.
async fn counts(world: &World, op_id: OpId) -> (u32, u32, u32) {
    let operation = world.operation(op_id).await;
    (operation.attempt, operation.retries, operation.lost_attempts)
}

/// The attempt that is due, told that it is still running.
async fn told(world: &World, policy: KindPolicy) -> (OpId, Finalized) {
    let claim = world.attempt(policy).await;
    (claim.op_id, world.settle(ended(claim, still_running("at work"))).await)
}

/// A reconcile after the provider has said that it was done already.
async fn reconcile_of_already_done(world: &World) -> Claim {
    let claim = world.running_as("k", asking()).await;
    let answer = world.settle(ended(claim, already_done("paid"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    world.reconcile(asking()).await
}

pub async fn still_running_uses_up_no_attempt_and_counts_as_a_retry(world: World) {
    world.accepted("k").await;
    for executions in 1..=5 {
        let attempt = world.claim_as(policy()).await;
        assert_eq!((attempt.purpose, attempt.envelope.attempt), (Purpose::Attempt, 1));
        assert_eq!((attempt.uncounted, attempt.unresolved), (executions - 1, executions > 1));
        let due_at = world.now().await.plus(DELAY);
        let answer = world.settle(ended(attempt.claim(), still_running("at work"))).await;
        assert_eq!(answer, Finalized::InDoubt { due_at });
        let op_id = attempt.envelope.op_id;
        assert_eq!(counts(&world, op_id).await, (0, executions, 1));
        let operation = world.operation(op_id).await;
        assert_eq!(operation.phase, Some(Phase::InDoubt));
        assert_eq!(operation.reason.as_deref(), Some("at work"));
        world.advance(1);
    }
    let claim = world.claim().await;
    let history = world.history(claim.op_id).await;
    let said: Vec<_> = history.iter().map(|entry| (entry.attempt, entry.end.clone())).collect();
    assert_eq!(said, vec![(1, still_running("at work")); 5]);
    let answer = world.settle(ended(claim, ok("paid"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
    assert_eq!(counts(&world, claim.op_id).await, (1, 5, 1));
}

pub async fn what_the_provider_asked_for_is_in_the_history(world: World) {
    let claim = world.running("k").await;
    let after = Some(Duration::from_millis(2500));
    let end = AttemptEnd::StillRunning { reason: "주문 \u{0}".to_owned(), after };
    world.settle(ended(claim, end)).await;
    let history = world.history(claim.op_id).await;
    let AttemptEnd::StillRunning { reason, after: kept } = &history[0].end else { panic!() };
    assert_eq!(*kept, after);
    assert!(reason.starts_with("주문 "), "{reason}");
}

pub async fn past_its_limit_still_running_is_an_attempt(world: World) {
    let limited = || KindPolicy { max_uncounted: 2, max_attempts: 2, ..policy() };
    world.accepted("k").await;
    for (attempts, retries) in [(0, 1), (0, 2), (1, 3)] {
        let (op_id, answer) = told(&world, limited()).await;
        assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
        assert_eq!(counts(&world, op_id).await, (attempts, retries, 1));
        world.advance(1);
    }
    let (op_id, _) = told(&world, limited()).await;
    let failure = world.failure(op_id).await;
    assert_eq!(failure.code, code::ATTEMPTS_EXHAUSTED);
    assert!(failure.uncertain && failure.called);
    assert_eq!(counts(&world, op_id).await, (2, 4, 1));
}

pub async fn the_last_attempt_may_be_told_so_too(world: World) {
    let once = || KindPolicy { max_attempts: 1, ..policy() };
    world.accepted("k").await;
    let (_, answer) = told(&world, once()).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    let claim = world.attempt(once()).await;
    let answer = world.settle(ended(claim, ok("paid"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}

pub async fn still_running_follows_what_is_declared_for_doubt(world: World) {
    let claim = world.running_as("a", declared(InDoubt::Park)).await;
    assert_eq!(world.settle(ended(claim, still_running("at work"))).await, Finalized::Parked);
    let claim = world.running_as("b", declared(InDoubt::Fail)).await;
    world.settle(ended(claim, still_running("at work"))).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.uncertain && failure.code == code::IN_DOUBT);
    let claim = world.running_as("c", asking()).await;
    world.settle(ended(claim, still_running("at work"))).await;
    world.advance(1);
    world.reconcile(asking()).await;
}

pub async fn what_is_told_of_the_last_one_is_what_led_to_the_end(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Fail)).await;
    world.log(ended(claim, still_running("at work"))).await;
    let answer = world.finalize(claim, None).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    assert_eq!(counts(&world, claim.op_id).await, (1, 1, 1));
}

pub async fn a_logged_one_gives_its_attempt_back_once_it_is_finalized(world: World) {
    let claim = world.running("k").await;
    let end = ended(claim, still_running("at work"));
    assert_eq!(world.log(end).await, Logged::Logged);
    assert_eq!(counts(&world, claim.op_id).await, (1, 0, 0));
    for _ in 0..2 {
        let answer = world.finalize(claim, None).await;
        assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
        assert_eq!(counts(&world, claim.op_id).await, (0, 1, 1));
    }
}

pub async fn an_attempt_lost_while_asking_is_lost_as_ever(world: World) {
    world.accepted("k").await;
    let (op_id, _) = told(&world, policy()).await;
    world.advance(1);
    world.claim().await;
    world.expire().await;
    assert_eq!(counts(&world, op_id).await, (1, 1, 2));
}

pub async fn the_key_stays_after_it_also_when_the_doubt_is_cleared(world: World) {
    let replaying = || KindPolicy { replays_errors: true, ..asking() };
    for (key, end) in [("a", still_running("at work")), ("b", in_doubt("no answer"))] {
        let claim = world.running_as(key, replaying()).await;
        world.settle(ended(claim, end)).await;
        world.advance(1);
        let asked = world.reconcile(replaying()).await;
        world.settle(reconciled(asked, not_happened())).await;
        world.advance(1);
        let again = world.claim_as(replaying()).await;
        assert!(!again.unresolved);
        world.settle(ended(again.claim(), retry("busy"))).await;
        world.advance(1);
        let last = world.claim_as(replaying()).await;
        assert_eq!(last.envelope.key_generation, 0);
        world.settle(ended(last.claim(), ok("paid"))).await;
    }
}

pub async fn the_deadline_ends_it_as_uncertain(world: World) {
    world.accepted("k").await;
    let (op_id, _) = told(&world, policy()).await;
    world.spend_budget().await;
    let failure = world.failure(op_id).await;
    assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
    assert!(failure.uncertain && failure.called);
    assert_eq!(failure.cause.as_deref(), Some("at work"));
}

pub async fn a_delay_beyond_the_deadline_ends_it_as_uncertain(world: World) {
    let claim = world.running("k").await;
    let delay = Duration::from_secs(600);
    let mut end = ended(claim, still_running("at work"));
    end.delay = delay;
    world.settle(end).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.uncertain && failure.code == code::TIME_BUDGET_EXCEEDED);
}

pub async fn a_late_one_says_nothing_and_is_dropped(world: World) {
    let claim = world.running_as("k", declared(InDoubt::Fail)).await;
    world.expire().await;
    let answer = world.settle(ended(claim, still_running("at work"))).await;
    assert_eq!(answer, Finalized::Stale);
    assert!(world.history(claim.op_id).await.iter().all(|entry| !entry.late));
}

pub async fn an_operator_lets_it_be_told_so_again(world: World) {
    let limited = || KindPolicy { max_uncounted: 1, ..declared(InDoubt::Park) };
    let claim = world.running_as("k", limited()).await;
    assert_eq!(world.settle(ended(claim, still_running("at work"))).await, Finalized::Parked);
    let answer = world.resolve(claim.op_id, Resolution::RunAgain).await;
    assert!(matches!(answer, Resolved::Resolved(_)), "{answer:?}");
    let again = world.claim_as(limited()).await;
    assert_eq!((again.uncounted, again.envelope.attempt), (0, 1));
    assert_eq!(
        world.settle(ended(again.claim(), still_running("at work"))).await,
        Finalized::Parked
    );
    assert_eq!(counts(&world, claim.op_id).await, (0, 2, 1));
}

pub async fn already_done_and_happened_completes_it(world: World) {
    let asked = reconcile_of_already_done(&world).await;
    assert_eq!(counts(&world, asked.op_id).await, (1, 0, 1));
    let answer = world.settle(reconciled(asked, ok("paid"))).await;
    assert_eq!(answer, Finalized::Finished(FinalOutcome::Ok(output("paid"))));
    let (history, outcome) = (world.history(asked.op_id).await, FinalOutcome::Ok(output("paid")));
    assert_eq!(history[0].end, already_done("paid"));
    assert_eq!(bearings(Some(&outcome), &history), [Bearing::Counts; 2]);
}

pub async fn already_done_and_not_happened_fails_and_is_not_run_again(world: World) {
    let asked = reconcile_of_already_done(&world).await;
    let answer = world.settle(reconciled(asked, not_happened())).await;
    assert!(matches!(answer, Finalized::Finished(FinalOutcome::Failed(_))), "{answer:?}");
    let failure = world.failure(asked.op_id).await;
    assert!(failure.uncertain && failure.called && failure.code == code::ALREADY_DONE);
    assert_eq!(world.operation(asked.op_id).await.status, Status::Failed);
}

pub async fn already_done_and_not_happened_fails_once_it_is_finalized(world: World) {
    let asked = reconcile_of_already_done(&world).await;
    assert_eq!(world.log(reconciled(asked, not_happened())).await, Logged::Logged);
    world.finalize(asked, None).await;
    assert_eq!(world.failure(asked.op_id).await.code, code::ALREADY_DONE);
}

pub async fn already_done_and_refused_fails_for_certain(world: World) {
    let asked = reconcile_of_already_done(&world).await;
    world.settle(reconciled(asked, fail("EXPIRED"))).await;
    let failure = world.failure(asked.op_id).await;
    assert!(!failure.uncertain && failure.code == "EXPIRED");
}

pub async fn already_done_is_remembered_while_the_reconcile_is_unanswered(world: World) {
    let mut asked = reconcile_of_already_done(&world).await;
    for lost in [false, true] {
        if lost {
            world.expire().await;
        } else {
            world.settle(reconciled(asked, in_doubt("cannot say"))).await;
            world.advance(1);
        }
        asked = world.reconcile(asking()).await;
    }
    world.settle(reconciled(asked, not_happened())).await;
    assert_eq!(world.failure(asked.op_id).await.code, code::ALREADY_DONE);
}

pub async fn already_done_without_a_reconcile_is_for_an_operator(world: World) {
    let claim = world.running_as("a", declared(InDoubt::Park)).await;
    assert_eq!(world.settle(ended(claim, already_done("paid"))).await, Finalized::Parked);
    assert_eq!(world.operation(claim.op_id).await.reason.as_deref(), Some("paid"));
    for (key, declares) in [("b", InDoubt::Retry), ("c", InDoubt::Fail)] {
        let claim = world.running_as(key, declared(declares)).await;
        let answer = world.settle(ended(claim, already_done("paid"))).await;
        assert!(matches!(answer, Finalized::Finished(FinalOutcome::Failed(_))), "{answer:?}");
        let failure = world.failure(claim.op_id).await;
        assert!(failure.uncertain && failure.called && failure.code == code::ALREADY_DONE);
        assert_eq!(failure.cause.as_deref(), Some("paid"));
        let counted = counts(&world, claim.op_id).await;
        assert_eq!(counted, (1, 0, 1), "somebody's call has acted");
    }
}

pub async fn an_operator_that_lets_it_run_answers_for_what_was_done(world: World) {
    let parking = || KindPolicy { max_reconciles: 1, ..asking() };
    let claim = world.running_as("k", parking()).await;
    world.settle(ended(claim, already_done("paid"))).await;
    world.advance(1);
    let asked = world.reconcile(parking()).await;
    let answer = world.settle(reconciled(asked, in_doubt("cannot say"))).await;
    assert_eq!(answer, Finalized::Parked);
    world.resolve(claim.op_id, Resolution::RunAgain).await;
    let again = world.attempt(parking()).await;
    world.settle(ended(again, in_doubt("no answer"))).await;
    world.advance(1);
    let asked = world.reconcile(parking()).await;
    let answer = world.settle(reconciled(asked, not_happened())).await;
    assert!(matches!(answer, Finalized::Waiting { .. }), "{answer:?}");
}

pub async fn what_a_reconcile_refuses_is_certain(world: World) {
    let claim = world.running_as("k", asking()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    world.advance(1);
    let asked = world.reconcile(asking()).await;
    world.settle(reconciled(asked, fail("EXPIRED"))).await;
    let failure = world.failure(claim.op_id).await;
    assert!(!failure.uncertain && failure.called && failure.code == "EXPIRED");
}

pub async fn already_done_is_kept_when_it_is_late(world: World) {
    let lost = world.running("k").await;
    world.expire().await;
    world.advance(2);
    let held = world.claim().await;
    world.settle(ended(held, fail("CARD_DECLINED"))).await;
    assert_eq!(world.settle(ended(lost, already_done("paid"))).await, Finalized::Stale);
    let history = world.history(lost.op_id).await;
    let late: Vec<_> = history.iter().filter(|entry| entry.late).collect();
    assert_eq!(late.iter().map(|entry| &entry.end).collect::<Vec<_>>(), [&already_done("paid")]);
    let letter = world.dead_letter(lost.op_id).await;
    assert_eq!((letter.late_outcomes, letter.divergences), (1, 1));
}
