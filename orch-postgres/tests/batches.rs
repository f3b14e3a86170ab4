//! What one bad item, a time limit or a crowd does to a batch.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::{InDoubt, KindPolicy};
use orch_core::store::{Admitted, Claim, ClaimParams, Claimed, RedriveParams, Store, StoreError};
use orch_core::words::{AttemptEnd, Failure, FinalOutcome, OpId, Outcome, Payload};
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{
    acceptance, claim_params, ended, fail, in_doubt, kind, ok, owner, policy, retry,
};
use tokio::task::JoinSet;

use common::load::patiently;
use common::{Schema, execute, number};

/// Bytes and texts that databases and JSON do not like.
fn odd_bytes() -> [&'static [u8]; 4] {
    [b"\0", b"{\"a\":\"\\ud800\"}", &[0xff, 0xfe, 0x00], "a\0\u{1F600}\u{FFFF}".as_bytes()]
}

#[tokio::test]
async fn odd_bytes_are_kept_alone_and_among_a_hundred() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    for (place, around) in [(0, 1), (57, 100)] {
        for bytes in odd_bytes() {
            let mut items: Vec<_> =
                (0..around).map(|_| acceptance(&format!("key-{}", OpId::generate()))).collect();
            let command = &items[place].command;
            items[place].command = orch_core::words::Command::of(
                command.kind(),
                command.biz_key().clone(),
                command.idem_key().clone(),
                Payload::from(bytes),
            );
            let op_id = items[place].op_id;
            store.accept(items).await.unwrap();
            let claims = claim(&store, around).await;
            let claims_of = |claim: &&Claim| claim.op_id == op_id;
            let odd = claims.iter().find(claims_of).copied().unwrap();
            let end = |claim: &Claim| {
                let output = if *claim == odd { Payload::from(bytes) } else { "fine".into() };
                ended(*claim, AttemptEnd::Outcome(Outcome::Ok { output }))
            };
            store.settle(claims.iter().map(end).collect()).await.unwrap();
            let stored = store.get(&owner(), op_id).await.unwrap().unwrap();
            assert_eq!(stored.payload, Payload::from(bytes));
            assert_eq!(stored.outcome, Some(FinalOutcome::Ok(Payload::from(bytes))));
        }
    }
}

#[tokio::test]
async fn odd_texts_of_errors_are_stored_alone_and_among_a_hundred() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let odd = "NUL \0, quote ' \" \\, 주 \u{FFFF}";
    let mut failure = Failure::new("CODE", "m").cause(Some("c"));
    (failure.code, failure.message) = (odd.to_owned(), odd.to_owned());
    for around in [1, 100] {
        let ends = [
            AttemptEnd::Outcome(Outcome::Fail(failure.clone())),
            retry(odd),
            in_doubt(odd),
            AttemptEnd::NotHappened,
        ];
        for end in ends {
            let items = (0..around).map(|_| acceptance(&format!("key-{}", OpId::generate())));
            store.accept(items.collect()).await.unwrap();
            let claims = claim(&store, around).await;
            let ended = claims.iter().map(|claim| ended(*claim, end.clone())).collect();
            let answers = store.settle(ended).await.unwrap();
            assert_eq!(answers.len(), around);
            let history = store.history(&owner(), claims[0].op_id).await.unwrap();
            assert_eq!(history.len(), 1);
            let mut admin = schema.connect().await;
            execute(&mut admin, "DELETE FROM orch_queue").await;
        }
    }
}

async fn claim(store: &PostgresStore, count: usize) -> Vec<Claim> {
    let params = ClaimParams { limit: count, ..claim_params([KindPolicy::new(kind())]) };
    let claimed = store.claim(params).await.unwrap();
    assert_eq!(claimed.len(), count);
    claimed.iter().map(claim_of).collect()
}

fn claim_of(claimed: &Claimed) -> Claim {
    let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
    Claim { op_id: attempt.envelope.op_id, fence: attempt.envelope.fence }
}

#[tokio::test]
async fn a_statement_timeout_makes_batches_smaller_and_stops_nothing() {
    let schema = Schema::create().await;
    schema.store("").await;
    let mut admin = schema.connect().await;
    // Each row takes 2 ms, so a hundred never fit into 50 ms.
    execute(
        &mut admin,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON orch_queue
             FOR EACH ROW EXECUTE FUNCTION slow();
         CREATE TRIGGER slow BEFORE INSERT ON orch_write_ahead_log
             FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    .await;
    let store = schema.store("&options[statement_timeout]=50").await;
    let items: Vec<_> = (0..100).map(|n| acceptance(&format!("key-{n}"))).collect();
    let created: Vec<_> = items.iter().map(|i| Admitted::Created { op_id: i.op_id }).collect();
    assert_eq!(patiently(|| store.accept(items.clone())).await, created);
    let mut settled = 0;
    while settled < 100 {
        let params = ClaimParams { limit: 100, ..claim_params([policy()]) };
        let claimed = patiently(|| store.claim(params.clone())).await;
        let batch: Vec<_> = claimed.iter().map(|c| ended(claim_of(c), ok("done"))).collect();
        settled += patiently(|| store.settle(batch.clone())).await.len();
    }
    assert_eq!(number(&mut admin, "SELECT count(*) FROM orch_queue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settlers_reapers_and_redrives_never_deadlock() {
    let schema = Schema::create().await;
    let store = Arc::new(schema.store("&orch_connections=10&options[deadlock_timeout]=10ms").await);
    let doubting = KindPolicy { in_doubt: InDoubt::Fail, ..policy() };
    let items: Vec<_> = (0..600).map(|n| acceptance(&format!("key-{n}"))).collect();
    let ids: Vec<OpId> = items.iter().map(|item| item.op_id).collect();
    store.accept(items).await.unwrap();
    let params =
        ClaimParams { limit: 600, lease: Duration::from_millis(1), ..claim_params([doubting]) };
    let claims: Vec<Claim> = store.claim(params).await.unwrap().iter().map(claim_of).collect();
    let mut mix = JoinSet::new();
    for n in 0..8usize {
        let (store, claims, ids) = (store.clone(), claims.clone(), ids.clone());
        mix.spawn(async move {
            for round in 0..12 {
                match n % 4 {
                    0 | 1 => drop(store.settle(shuffled_ends(&claims, round + n)).await?),
                    2 => drop(store.sweep_expired(10).await?),
                    _ => redrive_some(store.as_ref(), &ids, round + n).await?,
                }
            }
            Ok::<(), StoreError>(())
        });
    }
    while let Some(done) = mix.join_next().await {
        done.unwrap().unwrap();
    }
    let mut admin = schema.connect().await;
    let twice = "SELECT count(*) FROM (SELECT op_id FROM orch_write_ahead_log
        WHERE finished_at IS NOT NULL GROUP BY op_id HAVING count(*) > 1) t";
    assert_eq!(number(&mut admin, twice).await, 0);
}

/// All claims, in an order of this round's own, with ends of every sort.
fn shuffled_ends(claims: &[Claim], seed: usize) -> Vec<orch_core::store::EndedAttempt> {
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|n| n.wrapping_mul(2_654_435_761).wrapping_add(seed * 7919) % 1009);
    let end = |n: &usize| match (n + seed) % 4 {
        0 => ok("done"),
        1 => fail("NO"),
        2 => retry("busy"),
        _ => in_doubt("no answer"),
    };
    order.iter().map(|n| ended(claims[*n], end(n))).collect()
}

async fn redrive_some(store: &dyn Store, ids: &[OpId], seed: usize) -> Result<(), StoreError> {
    for op_id in ids.iter().skip(seed * 31 % 200).step_by(37) {
        let new_op_id = OpId::generate();
        let params =
            RedriveParams { op_id: *op_id, owner: owner(), new_op_id, even_if_uncertain: true };
        store.redrive(params).await?;
    }
    Ok(())
}
