//! A look at all that is not finished: of every owner, page by page, with what is logged for it.

use orch_core::machine::Purpose;
use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{
    Acceptance, Finalized, Resolution, Unfinished, UnfinishedOperation, UnfinishedParams,
};
use orch_core::words::{
    AttemptEnd, Command, FinalOutcome, LogStatus, OpId, Outcome, Phase, Status,
};

use crate::fixture::{
    World, acceptance, ended, in_doubt, kind, ok, other_kind, output, owner, policy, retry, tenant,
};

async fn all(world: &World) -> Vec<Unfinished> {
    let params = UnfinishedParams { after: None, limit: 100 };
    let page = world.store.unfinished(params).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

async fn ids(world: &World) -> Vec<OpId> {
    all(world).await.iter().map(Unfinished::op_id).collect()
}

/// The only one that there is.
async fn only(world: &World) -> UnfinishedOperation {
    match <[Unfinished; 1]>::try_from(all(world).await) {
        Ok([Unfinished::Operation(operation)]) => *operation,
        other => panic!("{other:?}"),
    }
}

fn sorted(mut ids: Vec<OpId>) -> Vec<OpId> {
    ids.sort();
    ids
}

pub async fn what_is_finished_is_left_out(world: World) {
    assert_eq!(ids(&world).await, []);
    world.completed_as("completed", policy()).await;
    world.failed("failed").await;
    let parked = world.parked("parked").await;
    let waiting = world.running("waiting").await;
    world.settle(ended(waiting, retry("busy"))).await;
    let running = world.running("running").await.op_id;
    let pending = world.accepted("pending").await;
    let expected = sorted(vec![parked, waiting.op_id, running, pending]);
    assert_eq!(ids(&world).await, expected);
}

pub async fn every_owner_and_kind_is_read(world: World) {
    let mine = world.accepted("k").await;
    let theirs = world.accepted_as(Acceptance { owner: tenant(), ..acceptance("k") }).await;
    let command = Command::new("PAYMENT", "REFUND", "ORDER-1", "k", "{}").unwrap();
    let refund = world.accepted_as(Acceptance { command, ..acceptance("k") }).await;
    let mut seen = Vec::new();
    for unfinished in all(&world).await {
        let Unfinished::Operation(it) = unfinished else { panic!("{unfinished:?}") };
        let UnfinishedOperation { request, row, .. } = *it;
        assert_eq!(request.identity.kind(), row.policy.kind);
        seen.push((row.op_id, request.identity.owner, row.policy.kind));
    }
    let mut expected =
        [(mine, owner(), kind()), (theirs, tenant(), kind()), (refund, owner(), other_kind())];
    expected.sort_by_key(|(op_id, ..)| *op_id);
    assert_eq!(seen, expected);
}

pub async fn pages_follow_one_another_and_pass_over_the_finished(world: World) {
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.push(world.running(&format!("open-{n}")).await.op_id);
        world.completed_as(&format!("done-{n}"), policy()).await;
    }
    let (mut seen, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = world.store.unfinished(UnfinishedParams { after, limit: 3 }).await.unwrap();
        sizes.push(page.items.len());
        seen.extend(page.items.iter().map(Unfinished::op_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (sorted(expected), vec![3, 3, 1]));
}

pub async fn a_full_last_page_is_the_last(world: World) {
    for key in ["a", "b", "c"] {
        world.accepted(key).await;
    }
    let params = UnfinishedParams { after: None, limit: 3 };
    let page = world.store.unfinished(params).await.unwrap();
    assert_eq!((page.items.len(), page.next), (3, None));
}

pub async fn the_row_says_what_the_last_claim_wrote(world: World) {
    let declared = KindPolicy { in_doubt: InDoubt::Reconcile, hooked: true, ..policy() };
    let claim = world.running_as("k", declared.clone()).await;
    let running = only(&world).await;
    assert_eq!((running.row.status, running.row.phase), (Status::InProgress, Some(Phase::Running)));
    assert_eq!(running.row.policy, declared);
    assert_eq!(running.row.purpose(), Some(Purpose::Attempt));
    assert_eq!(running.request.payload, acceptance("k").command.payload().clone());
    assert_eq!(running.logged, None);
    world.settle(ended(claim, in_doubt("no answer"))).await;
    let doubtful = only(&world).await;
    assert!(doubtful.row.is_unresolved());
    assert_eq!(doubtful.logged, None, "the status has followed it");
}

pub async fn an_end_that_is_logged_is_read_until_the_status_follows(world: World) {
    let claim = world.running("k").await;
    world.log(ended(claim, ok("done"))).await;
    let logged = only(&world).await.logged.unwrap();
    assert_eq!((logged.log.fence, logged.log.status), (claim.fence, LogStatus::Pending));
    assert_eq!(logged.log.end, AttemptEnd::Outcome(Outcome::Ok { output: output("done") }));
    let done = Finalized::Finished(FinalOutcome::Ok(output("done")));
    assert_eq!(world.finalize(claim, None).await, done);
    assert_eq!(ids(&world).await, []);
}

pub async fn a_decision_that_waits_for_its_hook_is_read(world: World) {
    let op_id = world.parked_as("k", true).await;
    world.resolve(op_id, Resolution::Ok(output("paid"))).await;
    let logged = only(&world).await.logged.unwrap();
    assert_eq!(logged.log.end, AttemptEnd::Outcome(Outcome::Ok { output: output("paid") }));
}

pub async fn what_cannot_be_decoded_is_named_and_hides_no_other(world: World) {
    let (bad, good) = (world.running("bad").await, world.running("good").await);
    let torn = world.running("torn").await;
    world.log(ended(torn, ok("done"))).await;
    world.backend.corrupt(bad.op_id).await;
    world.backend.corrupt_log(torn.op_id).await;
    let mut undecodable = Vec::new();
    let mut read = Vec::new();
    for unfinished in all(&world).await {
        match unfinished {
            Unfinished::Operation(it) => read.push(it.row.op_id),
            Unfinished::Undecodable { op_id, reason } => {
                assert!(!reason.is_empty());
                undecodable.push(op_id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read, [good.op_id]);
    assert_eq!(undecodable, sorted(vec![bad.op_id, torn.op_id]));
}

pub async fn a_look_changes_nothing(world: World) {
    let claim = world.running("k").await;
    let before = world.operation(claim.op_id).await;
    all(&world).await;
    assert_eq!(world.operation(claim.op_id).await, before);
    world.settle(ended(claim, ok("done"))).await;
    assert_eq!(world.operation(claim.op_id).await.status, Status::Completed);
}
