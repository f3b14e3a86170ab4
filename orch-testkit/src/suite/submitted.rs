//! What the provider has accepted, and tells later what becomes of it.

use std::time::Duration;

use orch_core::policies::{
    InDoubt, KindPolicy, SUBMITTED_MAX_PAUSE, SUBMITTED_MIN_PAUSE, UNHANDLED_PARKED_AFTER,
};
use orch_core::store::{
    Acceptance, Claim, Finalized, Logged, Purpose, Redriven, ReleaseReason, Released, Resolution,
    Resolved, SweepParams,
};
use orch_core::words::{AttemptEnd, FinalOutcome, OpId, Phase, Source, Status, code};

use super::recorded::{apply, refer};
use crate::fixture::{
    BUDGET, LEASE, World, acceptance, ended, fail, in_doubt, not_happened, ok, policy, reconciled,
    still_running, submitted, sweep_params,
};

fn declared(in_doubt: InDoubt) -> KindPolicy {
    KindPolicy { in_doubt, ..policy() }
}

pub(super) fn asking() -> KindPolicy {
    declared(InDoubt::Reconcile)
}

/// A submitted operation of a kind with these rules.
pub(super) async fn accepted_by_the_provider(world: &World, policy: KindPolicy) -> Claim {
    let claim = world.running_as("k", policy).await;
    let answer = world.settle(ended(claim, submitted("as tr_1"))).await;
    assert!(matches!(answer, Finalized::Submitted { .. }), "{answer:?}");
    claim
}

/// The reconcile that is due once the shortest pause is over.
async fn asked(world: &World) -> Claim {
    accepted_by_the_provider(world, asking()).await;
    world.clock.advance(SUBMITTED_MIN_PAUSE);
    world.reconcile(asking()).await
}

pub(super) async fn phase(world: &World, op_id: OpId) -> Option<Phase> {
    world.operation(op_id).await.phase
}

pub async fn it_waits_without_a_lease_and_never_runs_again(world: World) {
    let claim = world.running("k").await;
    let deadline = world.operation(claim.op_id).await.deadline;
    for _ in 0..2 {
        let answer = world.settle(ended(claim, submitted("as tr_1"))).await;
        assert_eq!(answer, Finalized::Submitted { due_at: deadline });
    }
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Submitted)));
    assert_eq!((operation.attempt, operation.retries, operation.lost_attempts), (1, 0, 1));
    assert_eq!((operation.lease_expires_at, operation.due_at), (None, Some(deadline)));
    assert_eq!(operation.reason.as_deref(), Some("as tr_1"));
    for seconds in [0, LEASE.as_secs(), BUDGET.as_secs() - LEASE.as_secs() - 1] {
        world.advance(seconds);
        world.nothing_to_claim(policy()).await;
        assert_eq!(
            (world.sweep_expired().await, world.sweep_over_budget().await),
            (vec![], vec![])
        );
    }
    world.advance(1);
    world.nothing_to_claim(policy()).await;
}

pub async fn what_it_says_is_in_the_history(world: World) {
    let claim = world.running("k").await;
    let after = Some(Duration::from_millis(2500));
    world.settle(ended(claim, AttemptEnd::Submitted { reason: "이체 1".to_owned(), after })).await;
    let entry = world.history(claim.op_id).await.pop().unwrap();
    assert_eq!(entry.end, AttemptEnd::Submitted { reason: "이체 1".to_owned(), after });
    assert_eq!((entry.source, entry.late), (Source::Handler, false));
}

pub async fn at_its_deadline_it_is_doubt_as_its_kind_declares(world: World) {
    for (declares, key) in [(InDoubt::Retry, "a"), (InDoubt::Fail, "b")] {
        let claim = world.running_as(key, declared(declares)).await;
        world.settle(ended(claim, submitted("as tr_1"))).await;
        world.clock.advance(BUDGET);
        let swept = world.sweep_over_budget().await;
        assert!(matches!(swept[0].to, Some(Finalized::Finished(_))), "{swept:?}");
        let failure = world.failure(claim.op_id).await;
        assert_eq!(failure.code, code::TIME_BUDGET_EXCEEDED);
        assert_eq!(failure.cause.as_deref(), Some("as tr_1"));
        assert!(failure.uncertain && failure.called);
    }
    let claim = accepted_by_the_provider(&world, declared(InDoubt::Park)).await;
    world.clock.advance(BUDGET);
    assert_eq!(world.sweep_over_budget().await[0].to, Some(Finalized::Parked));
    let parked = world.operation(claim.op_id).await;
    assert_eq!(parked.phase, Some(Phase::Parked));
    assert!(parked.fence > claim.fence);
    let reason = parked.reason.unwrap();
    assert!(reason.contains("time budget") && reason.ends_with("as tr_1"), "{reason}");
    assert_eq!(world.sweep_over_budget().await, []);
}

pub async fn a_sweep_takes_it_beside_others_and_keeps_its_limit(world: World) {
    let mut all = Vec::new();
    for key in ["a", "b", "c", "d"] {
        let claim = world.running(key).await;
        world.settle(ended(claim, submitted("as tr_1"))).await;
        all.push(claim.op_id);
    }
    for key in ["e", "f", "g"] {
        all.push(world.accepted(key).await);
    }
    world.clock.advance(BUDGET);
    let mut swept = Vec::new();
    for _ in 0..4 {
        let params = SweepParams { limit: 2, ..sweep_params([policy()]) };
        let page = world.store.sweep_over_budget(params).await.unwrap();
        assert!(page.len() <= 2, "{page:?}");
        swept.extend(page.into_iter().map(|swept| swept.op_id));
    }
    swept.sort_unstable();
    all.sort_unstable();
    assert_eq!(swept, all);
}

pub async fn with_a_reconcile_the_provider_is_asked_ever_more_slowly(world: World) {
    let days = Duration::from_secs(3 * 24 * 3600);
    let item = Acceptance { time_budget: days, ..acceptance("k") };
    let op_id = world.accepted_as(item).await;
    let claim = world.attempt(asking()).await;
    let mut answer = world.settle(ended(claim, submitted("as tr_1"))).await;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let Finalized::Submitted { due_at } = answer else { panic!("{answer:?}") };
        let pause = due_at.since(world.now().await);
        world.clock.advance(pause - Duration::from_millis(1));
        world.nothing_to_claim(asking()).await;
        world.clock.advance(Duration::from_millis(1));
        let claimed = world.claim_as(asking()).await;
        assert_eq!((claimed.purpose, claimed.unresolved), (Purpose::Reconcile, true));
        assert_eq!((claimed.reconciles, claimed.envelope.attempt), (1, 1));
        assert_eq!(phase(&world, op_id).await, Some(Phase::Submitted));
        pauses.push(pause.as_secs());
        answer = world.settle(reconciled(claimed.claim(), still_running("pending"))).await;
    }
    assert_eq!(pauses, [60, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    assert_eq!(SUBMITTED_MAX_PAUSE.as_secs(), 3600);
}

pub async fn what_the_handler_asks_for_comes_before_the_pause(world: World) {
    let claim = world.running_as("k", asking()).await;
    let now = world.now().await;
    let due_after =
        |seconds| Finalized::Submitted { due_at: now.plus(Duration::from_secs(seconds)) };
    let said = |after| AttemptEnd::Submitted { reason: "as tr_1".to_owned(), after };
    let answer = world.settle(ended(claim, said(Some(Duration::from_secs(7))))).await;
    assert_eq!(answer, due_after(7));
    world.advance(7);
    let claim = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(claim, said(Some(Duration::ZERO)))).await;
    assert_eq!(answer, due_after(8));
    world.advance(1);
    let claim = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(claim, said(Some(Duration::from_secs(9999))))).await;
    assert_eq!(answer, due_after(BUDGET.as_secs()));
}

pub async fn who_is_asked_each_second_is_asked_more_slowly_once_that_has_gone_on(world: World) {
    let item = Acceptance { time_budget: BUDGET * 100, ..acceptance("k") };
    world.accepted_as(item).await;
    let claim = world.attempt(asking()).await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    world.advance(1000);
    let claim = world.reconcile(asking()).await;
    let soon = Some(Duration::from_secs(1));
    let end = AttemptEnd::Submitted { reason: "as tr_1".to_owned(), after: soon };
    let due_at = world.now().await.plus(Duration::from_secs(10));
    assert_eq!(world.settle(reconciled(claim, end)).await, Finalized::Submitted { due_at });
}

pub async fn past_its_deadline_reconciles_count_and_it_is_parked_after_the_last(world: World) {
    let asking = || KindPolicy { max_reconciles: 2, ..asking() };
    let op_id = accepted_by_the_provider(&world, asking()).await.op_id;
    for _ in 0..4 {
        world.clock.advance(SUBMITTED_MIN_PAUSE / 2);
        world.store.record(super::recorded::message("r", not_happened())).await.unwrap();
        refer(&world, "r", op_id).await;
        apply(&world, Some("r"), &[]).await;
        let claim = world.reconcile(asking()).await;
        let answer = world.settle(reconciled(claim, in_doubt("cannot say"))).await;
        assert!(matches!(answer, Finalized::Submitted { .. }), "{answer:?}");
    }
    world.clock.advance(BUDGET);
    assert_eq!(world.sweep_over_budget().await, []);
    let claim = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(claim, still_running("pending"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    let claim = world.reconcile(asking()).await;
    assert_eq!(world.settle(reconciled(claim, in_doubt("cannot say"))).await, Finalized::Parked);
    assert_eq!(phase(&world, op_id).await, Some(Phase::Parked));
}

pub async fn the_answer_of_a_reconcile_ends_it(world: World) {
    for (end, status, code) in
        [(ok("paid"), Status::Completed, None), (fail("EXPIRED"), Status::Failed, Some("EXPIRED"))]
    {
        let claim = asked(&world).await;
        world.settle(reconciled(claim, end)).await;
        let operation = world.operation(claim.op_id).await;
        assert_eq!(operation.status, status);
        if let Some(FinalOutcome::Failed(failure)) = operation.outcome {
            assert_eq!(Some(failure.code.as_str()), code);
            assert!(failure.called && !failure.uncertain);
        }
        world.nothing_to_claim(asking()).await;
        world.clock.advance(Duration::from_secs(40 * 24 * 3600));
        world.purge().await;
    }
}

pub async fn what_the_provider_has_accepted_is_not_believed_not_to_have_happened(world: World) {
    let claim = asked(&world).await;
    let answer = world.settle(reconciled(claim, not_happened())).await;
    let Finalized::Submitted { due_at } = answer else { panic!("{answer:?}") };
    let operation = world.operation(claim.op_id).await;
    assert_eq!(operation.reason.as_deref(), Some("as tr_1"));
    world.clock.advance(due_at.since(world.now().await));
    let claimed = world.claim_as(asking()).await;
    assert_eq!((claimed.purpose, claimed.unresolved), (Purpose::Reconcile, true));
    world.clock.advance(BUDGET);
    world.settle(reconciled(claimed.claim(), not_happened())).await;
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), (code::NOT_HAPPENED, true));
    assert_eq!(world.redrive(claim.op_id, false).await, Redriven::Uncertain);
}

pub async fn a_reconcile_that_kills_its_process_is_stopped(world: World) {
    let asking = || KindPolicy { max_reconciles: 2, ..asking() };
    let item = Acceptance { time_budget: BUDGET * 100, ..acceptance("k") };
    let op_id = world.accepted_as(item).await;
    let claim = world.attempt(asking()).await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    for expected in [Phase::Submitted, Phase::Parked] {
        world.clock.advance(SUBMITTED_MAX_PAUSE);
        world.reconcile(asking()).await;
        world.clock.advance(LEASE);
        world.expire().await;
        assert_eq!(phase(&world, op_id).await, Some(expected));
    }
    world.clock.advance(SUBMITTED_MAX_PAUSE);
    world.nothing_to_claim(asking()).await;
}

pub async fn with_a_hook_it_waits_for_its_end_and_never_runs_again(world: World) {
    let hooked = || KindPolicy { hooked: true, ..asking() };
    let claim = world.running_as("k", hooked()).await;
    world.log(ended(claim, submitted("as tr_1"))).await;
    world.finalize(claim, None).await;
    world.clock.advance(BUDGET);
    let claim = world.reconcile(hooked()).await;
    world.log(reconciled(claim, not_happened())).await;
    world.clock.advance(UNHANDLED_PARKED_AFTER + LEASE);
    assert_eq!(world.finalize(claim, None).await, Finalized::Parked);
    let answer = world.resolve(claim.op_id, Resolution::SkipHook).await;
    assert!(matches!(answer, Resolved::Resolved(Some(_))), "{answer:?}");
    let failure = world.failure(claim.op_id).await;
    assert_eq!((failure.code.as_str(), failure.uncertain), (code::NOT_HAPPENED, true));
}

pub async fn a_reconcile_that_a_later_release_has_is_asked_at_the_deadline(world: World) {
    let claim = accepted_by_the_provider(&world, policy()).await;
    world.clock.advance(BUDGET);
    let swept = world.store.sweep_over_budget(sweep_params([asking()])).await.unwrap();
    assert!(matches!(swept[0].to, Some(Finalized::Submitted { .. })), "{swept:?}");
    let asked = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(asked, ok("paid"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    assert_eq!(world.operation(claim.op_id).await.attempt, 1);
}

pub async fn an_operator_may_let_it_run_again(world: World) {
    let claim = accepted_by_the_provider(&world, declared(InDoubt::Park)).await;
    world.clock.advance(BUDGET);
    world.sweep_over_budget().await;
    world.resolve(claim.op_id, Resolution::RunAgain).await;
    let again = world.claim_as(declared(InDoubt::Park)).await;
    assert_eq!((again.purpose, again.unresolved), (Purpose::Attempt, false));
    world.settle(ended(again.claim(), in_doubt("no answer"))).await;
    assert_eq!(phase(&world, claim.op_id).await, Some(Phase::Parked));
}

pub async fn a_reconcile_that_is_lost_or_given_back_leaves_it_submitted(world: World) {
    let claim = asked(&world).await;
    world.clock.advance(LEASE);
    let Some(Finalized::Submitted { due_at }) = world.expire().await else { panic!("moved") };
    assert!(due_at.since(world.now().await) >= SUBMITTED_MIN_PAUSE);
    world.clock.advance(due_at.since(world.now().await));
    for reason in
        [ReleaseReason::Unstarted, ReleaseReason::Unhandled { reason: "no reconcile".to_owned() }]
    {
        let again = world.reconcile(asking()).await;
        assert_eq!(world.release(again, reason).await, Released::Released);
        assert_eq!(phase(&world, claim.op_id).await, Some(Phase::Submitted));
        world.advance(1);
    }
    let claim = world.reconcile(asking()).await;
    let answer = world.settle(reconciled(claim, ok("paid"))).await;
    assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
}

pub async fn one_that_no_worker_can_ask_about_is_parked_at_its_deadline_only(world: World) {
    let budget = UNHANDLED_PARKED_AFTER * 2;
    let item = Acceptance { time_budget: budget, ..acceptance("k") };
    let op_id = world.accepted_as(item).await;
    let claim = world.attempt(asking()).await;
    world.settle(ended(claim, submitted("as tr_1"))).await;
    let deadline = world.operation(op_id).await.deadline;
    let mut last = Phase::Submitted;
    while last == Phase::Submitted {
        world.clock.advance(SUBMITTED_MIN_PAUSE);
        let before = world.now().await < deadline;
        let claim = world.reconcile(asking()).await;
        let reason = ReleaseReason::Unhandled { reason: "no reconcile".to_owned() };
        world.release(claim, reason).await;
        last = phase(&world, op_id).await.unwrap();
        assert_eq!(last == Phase::Submitted, before);
    }
    assert_eq!(last, Phase::Parked);
}

pub async fn logged_first_it_is_submitted_once_it_is_finalized(world: World) {
    let claim = world.running("k").await;
    assert_eq!(world.log(ended(claim, submitted("as tr_1"))).await, Logged::Logged);
    for _ in 0..2 {
        let answer = world.finalize(claim, None).await;
        assert!(matches!(answer, Finalized::Submitted { .. }), "{answer:?}");
    }
    assert_eq!(phase(&world, claim.op_id).await, Some(Phase::Submitted));
}

pub async fn what_comes_at_the_deadline_is_doubt_at_once(world: World) {
    let claim = world.running("k").await;
    world.clock.advance(BUDGET);
    world.settle(ended(claim, submitted("as tr_1"))).await;
    let failure = world.failure(claim.op_id).await;
    assert!(failure.uncertain && failure.code == code::TIME_BUDGET_EXCEEDED);
}
