//! Batches: answered in order, and one bad item never fails its neighbours.

use orch_core::store::{
    Claim, ClaimedOperation, EndedAttempt, Finalization, Finalized, Logged, Release, ReleaseReason,
    Released,
};
use orch_core::words::{Fence, FinalOutcome, OpId, Status};

use crate::fixture::{
    World, acceptance, ended, fail, in_doubt, of_another_history, ok, output, policy, retry,
};

/// This many running operations, newest id first, so that no store may answer in id order.
async fn running(world: &World, count: usize) -> Vec<Claim> {
    let batch = (0..count).map(|n| acceptance(&format!("key-{n}"))).collect();
    world.store.accept(batch).await.unwrap();
    let mut claims: Vec<_> =
        world.claims(policy(), count).await.iter().map(ClaimedOperation::claim).collect();
    assert_eq!(claims.len(), count);
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.op_id));
    claims
}

fn nobodys() -> Claim {
    Claim { op_id: OpId::generate(), fence: Fence::new(1) }
}

fn finished(text: &str) -> Finalized {
    Finalized::Finished(FinalOutcome::Ok(output(text)))
}

pub async fn settle_answers_in_order(world: World) {
    let claims = running(&world, 20).await;
    let text = |n: usize| format!("output-{n}");
    let batch = claims.iter().enumerate().map(|(n, c)| ended(*c, ok(&text(n)))).collect();
    let expected: Vec<_> = (0..20).map(|n| finished(&text(n))).collect();
    assert_eq!(world.store.settle(batch).await.unwrap(), expected);
    for (n, claim) in claims.iter().enumerate() {
        let outcome = world.operation(claim.op_id).await.outcome;
        assert_eq!(outcome, Some(FinalOutcome::Ok(output(&text(n)))));
    }
}

pub async fn settle_takes_every_kind_of_end_at_once(world: World) {
    let claims = running(&world, 4).await;
    let ends = [ok("done"), retry("busy"), in_doubt("no answer"), fail("CARD_DECLINED")];
    let batch = claims.iter().zip(ends).map(|(claim, end)| ended(*claim, end)).collect();
    let answers = world.store.settle(batch).await.unwrap();
    assert_eq!(answers[0], finished("done"));
    assert!(matches!(answers[1], Finalized::Waiting { .. }));
    assert!(matches!(answers[2], Finalized::InDoubt { .. }));
    assert!(matches!(answers[3], Finalized::Finished(FinalOutcome::Failed(_))));
}

pub async fn settle_of_stale_and_good_items(world: World) {
    let claims = running(&world, 3).await;
    let stale = of_another_history(claims[1]);
    let batch = [nobodys(), claims[0], stale, claims[2]];
    let batch: Vec<_> = batch.into_iter().map(|claim| ended(claim, ok("done"))).collect();
    let expected = [Finalized::Stale, finished("done"), Finalized::Stale, finished("done")];
    assert_eq!(world.store.settle(batch).await.unwrap(), expected);
    assert_eq!(world.operation(claims[1].op_id).await.status, Status::InProgress);
}

pub async fn log_of_stale_and_good_items(world: World) {
    let claims = running(&world, 2).await;
    let batch = [claims[0], nobodys(), claims[1]];
    let batch: Vec<EndedAttempt> = batch.into_iter().map(|c| ended(c, ok("done"))).collect();
    let expected = [Logged::Logged, Logged::Stale, Logged::Logged];
    assert_eq!(world.store.log(batch).await.unwrap(), expected);
    assert_eq!(world.history(claims[1].op_id).await.len(), 1);
}

pub async fn finalize_of_stale_and_good_items(world: World) {
    let claims = running(&world, 3).await;
    world.log(ended(claims[0], ok("first"))).await;
    world.log(ended(claims[2], ok("last"))).await;
    let item = |claim| Finalization { claim, hook: None };
    let batch = vec![item(claims[2]), item(claims[1]), item(nobodys()), item(claims[0])];
    let expected = [finished("last"), Finalized::Stale, Finalized::Stale, finished("first")];
    assert_eq!(world.store.finalize(batch).await.unwrap(), expected);
}

pub async fn release_of_stale_and_good_items(world: World) {
    let claims = running(&world, 2).await;
    let item = |claim| Release { claim, reason: ReleaseReason::Unstarted };
    let batch = vec![item(claims[0]), item(nobodys()), item(claims[1])];
    let expected = [Released::Released, Released::Stale, Released::Released];
    assert_eq!(world.store.release(batch).await.unwrap(), expected);
    assert_eq!(world.claims(policy(), 10).await.len(), 2);
}

pub async fn one_claim_twice_in_a_batch_is_settled_once(world: World) {
    let claim = running(&world, 1).await[0];
    let batch = vec![ended(claim, ok("first")), ended(claim, fail("SECOND"))];
    let answers = world.store.settle(batch).await.unwrap();
    assert_eq!(answers, [finished("first"), finished("first").again()]);
    assert_eq!(world.history(claim.op_id).await.len(), 1);
}

pub async fn one_claim_twice_in_a_batch_is_logged_once(world: World) {
    let claim = running(&world, 1).await[0];
    let batch = vec![ended(claim, ok("first")), ended(claim, fail("SECOND"))];
    let answers = world.store.log(batch).await.unwrap();
    assert_eq!(answers, [Logged::Logged, Logged::Logged]);
    assert_eq!(world.history(claim.op_id).await[0].end, ok("first"));
}

pub async fn empty_batches_are_answered_by_nothing(world: World) {
    assert_eq!(world.store.log(vec![]).await.unwrap(), []);
    assert_eq!(world.store.finalize(vec![]).await.unwrap(), []);
    assert_eq!(world.store.settle(vec![]).await.unwrap(), []);
    assert_eq!(world.store.release(vec![]).await.unwrap(), []);
}

pub async fn a_large_batch_is_taken(world: World) {
    let claims = running(&world, 500).await;
    let batch = claims.iter().map(|claim| ended(*claim, ok("done"))).collect();
    let answers = world.store.settle(batch).await.unwrap();
    assert_eq!(answers, vec![finished("done"); 500]);
}

pub async fn batches_in_opposite_order_do_not_deadlock(world: World) {
    let claims = running(&world, 50).await;
    let forwards: Vec<_> = claims.iter().map(|claim| ended(*claim, ok("done"))).collect();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let other = world.reopened().await;
    let (one, two) = (world.store.clone(), other.store.clone());
    let one = tokio::spawn(async move { one.settle(forwards).await.unwrap() });
    let two = tokio::spawn(async move { two.settle(backwards).await.unwrap() });
    // Each is finished by one of them.
    let (one, mut two) = (one.await.unwrap(), two.await.unwrap());
    two.reverse();
    for answers in one.into_iter().zip(two) {
        let done = finished("done");
        let already = done.clone().again();
        let both = [(done.clone(), already.clone()), (already, done)];
        assert!(both.contains(&answers), "{answers:?}");
    }
    for claim in claims {
        assert_eq!(world.history(claim.op_id).await.len(), 1);
    }
}
