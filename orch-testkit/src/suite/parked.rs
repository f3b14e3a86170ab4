//! Parked operations, and what an operator may decide about them.

use orch_core::policies::{DEFAULT_MAX_RECONCILES, InDoubt, KindPolicy};
use orch_core::store::{Finalized, ReleaseReason, Released, Resolution, ResolveParams, Resolved};
use orch_core::words::{Failure, FinalOutcome, LogStatus, OpId, Phase, Source, Status, TEXT_LIMIT};

use crate::fixture::{
    BUDGET, World, ended, in_doubt, not_happened, ok, output, owner, policy, reconciled, retry,
    tenant,
};

fn refused() -> Failure {
    Failure::new("REFUSED", "the bank never saw it")
}

pub async fn a_person_completes_it(world: World) {
    let op_id = world.parked("k").await;
    let answer = world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    let outcome = FinalOutcome::Ok(output("paid"));
    assert_eq!(answer, Resolved::Resolved(Some(Finalized::Finished(outcome.clone()))));
    let operation = world.operation(op_id).await;
    assert_eq!((operation.status, operation.outcome), (Status::Completed, Some(outcome)));
    assert_eq!(operation.finished_at, Some(world.now().await));
}

pub async fn a_person_fails_it(world: World) {
    let op_id = world.parked("k").await;
    let answer = world.resolve(op_id, Resolution::Fail(refused())).await;
    let outcome = FinalOutcome::Failed(refused());
    assert_eq!(answer, Resolved::Resolved(Some(Finalized::Finished(outcome))));
    assert_eq!(world.failure(op_id).await, refused());
    assert_eq!(world.dead_letter(op_id).await.failure, refused());
}

pub async fn a_person_has_it_run_again_with_a_fresh_budget(world: World) {
    let op_id = world.parked("k").await;
    world.clock.advance(BUDGET);
    let now = world.now().await;
    let answer = world.resolve(op_id, Resolution::RunAgain).await;
    assert_eq!(answer, Resolved::Resolved(Some(Finalized::Waiting { due_at: now })));
    let operation = world.operation(op_id).await;
    assert_eq!((operation.status, operation.phase), (Status::InProgress, Some(Phase::Waiting)));
    assert_eq!((operation.due_at, operation.deadline), (Some(now), now.plus(BUDGET)));
    assert_eq!(operation.reason.as_deref(), Some("ann: asked the bank"));
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 2);
}

pub async fn the_decision_is_logged_with_who_and_why(world: World) {
    let op_id = world.parked("k").await;
    world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    let entry = world.history(op_id).await.pop().unwrap();
    assert_eq!((entry.source, entry.end), (Source::Operator, ok("paid")));
    assert_eq!(entry.note.as_deref(), Some("ann: asked the bank"));
    assert_eq!((entry.status, entry.late), (LogStatus::Completed, false));
    assert_eq!(entry.fence, world.operation(op_id).await.fence);
}

pub async fn running_again_starts_the_questions_anew(world: World) {
    let asking = KindPolicy { in_doubt: InDoubt::Reconcile, ..policy() };
    let claim = world.running_as("k", asking.clone()).await;
    world.settle(ended(claim, in_doubt("no answer"))).await;
    for _ in 0..DEFAULT_MAX_RECONCILES {
        world.advance(1);
        let reconcile = world.reconcile(asking.clone()).await;
        world.settle(reconciled(reconcile, in_doubt("cannot say"))).await;
    }
    world.resolve(claim.op_id, Resolution::RunAgain).await;
    let claim = world.attempt(asking.clone()).await;
    let answer = world.settle(ended(claim, in_doubt("no answer"))).await;
    assert!(matches!(answer, Finalized::InDoubt { .. }), "{answer:?}");
    world.advance(1);
    assert_eq!(world.claim_as(asking).await.reconciles, 1);
}

pub async fn running_again_is_logged_as_well(world: World) {
    let op_id = world.parked("k").await;
    world.resolve(op_id, Resolution::RunAgain).await;
    let entry = world.history(op_id).await.pop().unwrap();
    assert_eq!((entry.source, entry.end), (Source::Operator, not_happened()));
    assert_eq!(entry.note.as_deref(), Some("ann: asked the bank"));
    assert_eq!(entry.status, LogStatus::Completed);
}

pub async fn a_persons_word_clears_the_doubt(world: World) {
    let op_id = world.parked("k").await;
    world.resolve(op_id, Resolution::RunAgain).await;
    let claim = world.claim().await;
    world.settle(ended(claim, retry("busy"))).await;
    world.spend_budget().await;
    assert!(!world.failure(op_id).await.uncertain);
}

pub async fn what_is_not_parked_is_not_resolved(world: World) {
    let op_id = world.accepted("k").await;
    let pending = Resolved::NotParked { status: Status::Pending, phase: None };
    assert_eq!(world.resolve(op_id, Resolution::RunAgain).await, pending);
    let claim = world.claim().await;
    let before = world.operation(op_id).await;
    let running = Resolved::NotParked { status: Status::InProgress, phase: Some(Phase::Running) };
    assert_eq!(world.resolve(op_id, Resolution::Ok(output("x"))).await, running);
    assert_eq!(world.operation(op_id).await, before);
    world.settle(ended(claim, ok("done"))).await;
    let completed = Resolved::NotParked { status: Status::Completed, phase: None };
    assert_eq!(world.resolve(op_id, Resolution::Fail(refused())).await, completed);
}

pub async fn it_is_resolved_once(world: World) {
    let op_id = world.parked("k").await;
    world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    let before = world.operation(op_id).await;
    let answer = world.resolve(op_id, Resolution::Fail(refused())).await;
    assert_eq!(answer, Resolved::NotParked { status: Status::Completed, phase: None });
    assert_eq!(world.operation(op_id).await, before);
    assert_eq!(world.history(op_id).await.len(), 2);
}

pub async fn two_people_at_once_resolve_it_once(world: World) {
    let op_id = world.parked("k").await;
    let other = world.reopened().await;
    let (one, two) = tokio::join!(
        world.resolve(op_id, Resolution::Ok(output("paid"))),
        other.resolve(op_id, Resolution::Fail(refused())),
    );
    let resolved = [one, two].into_iter().filter(|s| matches!(s, Resolved::Resolved(_)));
    assert_eq!(resolved.count(), 1);
    assert_eq!(world.history(op_id).await.len(), 2);
}

pub async fn another_owners_operation_is_not_there(world: World) {
    let op_id = world.parked("k").await;
    let (who, why) = ("eve".to_owned(), "mine".to_owned());
    let params = ResolveParams {
        op_id,
        owner: tenant(),
        resolution: Resolution::RunAgain,
        who,
        why,
        hooked_kinds: Vec::new(),
    };
    let theirs = world.store.resolve(params.clone()).await.unwrap();
    let nobodys = ResolveParams { op_id: OpId::generate(), owner: owner(), ..params };
    assert_eq!(theirs, Resolved::NotFound);
    assert_eq!(world.store.resolve(nobodys).await.unwrap(), Resolved::NotFound);
    assert_eq!(world.operation(op_id).await.phase, Some(Phase::Parked));
}

pub async fn of_a_hooked_kind_the_decision_is_only_logged(world: World) {
    let op_id = world.parked_as("k", true).await;
    let answer = world.resolve(op_id, Resolution::Ok(output("by hand"))).await;
    assert_eq!(answer, Resolved::Resolved(None));
    assert_eq!(world.operation(op_id).await.status, Status::InProgress);
    let again = world.resolve(op_id, Resolution::Fail(refused())).await;
    assert!(matches!(again, Resolved::NotParked { .. }), "{again:?}");
    world.advance(1);
    let logged = world.unfinalized().await.remove(0);
    let answer = world.finalize(logged, Some(world.backend.marking_hook())).await;
    assert!(matches!(answer, Finalized::Finished(FinalOutcome::Ok(_))), "{answer:?}");
    assert_eq!(world.backend.marks("by hand").await, 1);
    let entry = world.history(op_id).await.pop().unwrap();
    assert_eq!((entry.source, entry.status), (Source::Operator, LogStatus::Completed));
    assert_eq!(entry.note.as_deref(), Some("ann: asked the bank"));
}

pub async fn a_payload_that_the_handler_cannot_take_is_parked(world: World) {
    let claim = world.running("k").await;
    let reason = "not what the handler takes".to_owned();
    let release = ReleaseReason::Unrunnable { reason: reason.clone() };
    assert_eq!(world.release(claim, release).await, Released::Released);
    let operation = world.operation(claim.op_id).await;
    assert_eq!((operation.phase, operation.attempt), (Some(Phase::Parked), 0));
    assert_eq!((operation.due_at, operation.lease_expires_at), (None, None));
    assert_eq!((operation.reason, operation.fence), (Some(reason), claim.fence));
    world.nothing_to_claim(policy()).await;
    assert!(matches!(
        world.resolve(claim.op_id, Resolution::RunAgain).await,
        Resolved::Resolved(Some(Finalized::Waiting { .. }))
    ));
    assert_eq!(world.claim_as(policy()).await.envelope.attempt, 1);
}

pub async fn the_worker_that_was_too_late_is_heard_after_a_decision(world: World) {
    let parks = orch_core::policies::InDoubt::Park;
    let policy = orch_core::policies::KindPolicy { in_doubt: parks, ..policy() };
    let claim = world.running_as("k", policy).await;
    world.expire().await;
    world.resolve(claim.op_id, Resolution::Fail(refused())).await;
    assert_eq!(world.settle(ended(claim, ok("paid"))).await, Finalized::Stale);
    assert_eq!(world.dead_letter(claim.op_id).await.late_outcomes, 1);
    assert_eq!(world.failure(claim.op_id).await, refused());
}

pub async fn an_endless_note_is_cut(world: World) {
    let op_id = world.parked("k").await;
    let (who, why) = ("ann\0".to_owned(), "because ".repeat(100_000));
    let resolution = Resolution::Ok(output("paid"));
    let params =
        ResolveParams { op_id, owner: owner(), resolution, who, why, hooked_kinds: Vec::new() };
    world.store.resolve(params).await.unwrap();
    let note = world.history(op_id).await.pop().unwrap().note.unwrap();
    assert!(note.starts_with("ann\\0: because because"));
    assert!(note.len() < TEXT_LIMIT + 100 && note.contains("truncated"));
}

pub async fn a_parked_operation_keeps_its_doubt(world: World) {
    let op_id = world.parked("k").await;
    let history = world.history(op_id).await;
    assert_eq!((history.len(), &history[0].end), (1, &in_doubt("no answer")));
    assert_eq!(world.operation(op_id).await.lost_attempts, 1);
}
