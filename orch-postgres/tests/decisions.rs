//! settle_open.sql decides as `policies::after_attempt` does, and counts as `policies::Tally`.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::{Facts, InDoubt, KindPolicy, Move, Tally, after_attempt};
use orch_core::store::{Claim, Claimed, EndedAttempt, Finalized, ManualClock, Store};
use orch_core::words::{AttemptEnd, Outcome, Source, Timestamp, storable};
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, claim_params, kind, owner};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use common::{Schema, execute};

/// Cases in a batch; each batch is settled by one statement.
const BATCH: usize = 64;

#[derive(Debug, Clone)]
struct Case {
    attempt: u32,
    max_attempts: u32,
    in_doubt: InDoubt,
    /// Before now; `None` if no doubt stands.
    first_called_ms: Option<i64>,
    lost_attempts: u32,
    key_generation: u32,
    replays_errors: bool,
    reconciles: u32,
    max_reconciles: u32,
    /// From now.
    deadline_ms: i64,
    delay_ms: u64,
    end: AttemptEnd,
    source: Source,
}

impl Case {
    fn first_called_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.first_called_ms.map(|ms| Timestamp::from_micros(now.as_micros() - ms * 1000))
    }

    fn tally(&self, now: Timestamp) -> Tally {
        Tally::of(&self.end, self.source, &self.facts(now))
    }

    fn facts(&self, now: Timestamp) -> Facts {
        Facts {
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            in_doubt: self.in_doubt,
            unresolved: self.first_called_ms.is_some(),
            lost_attempts: self.lost_attempts,
            reconciles: self.reconciles,
            max_reconciles: self.max_reconciles,
            replays_errors: self.replays_errors,
            deadline: Timestamp::from_micros(now.as_micros() + self.deadline_ms * 1000),
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let end = prop_oneof![
        "[a-z\u{0}\\\\\"주]{0,20}"
            .prop_map(|reason| AttemptEnd::Outcome(Outcome::Retry { reason, after: None })),
        "[a-z\u{0}\\\\\"주]{0,20}".prop_map(|reason| AttemptEnd::InDoubt { reason }),
        Just(AttemptEnd::NotHappened),
    ];
    (
        (0u32..5, 1u32..5, prop::sample::select(InDoubt::ALL.to_vec())),
        (prop::option::of(0i64..5000), 0u32..2, 0u32..3, any::<bool>()),
        (
            (0u32..4, 1u32..4),
            // Deadlines around the delays, also past ones and equal ones.
            prop::sample::select(vec![-1000i64, 0, 1, 999, 1000, 1001, 5000]),
            prop::sample::select(vec![0u64, 1, 999, 1000, 1001, 5000]),
        ),
        end,
        prop::sample::select(vec![Source::Handler, Source::Reconcile]),
    )
        .prop_map(|(row, key, times, end, source)| {
            let (attempt, max_attempts, in_doubt) = row;
            let (first_called_ms, lost_attempts, key_generation, replays_errors) = key;
            let ((reconciles, max_reconciles), deadline_ms, delay_ms) = times;
            Case {
                attempt,
                max_attempts,
                in_doubt,
                first_called_ms,
                lost_attempts,
                key_generation,
                replays_errors,
                reconciles,
                max_reconciles,
                deadline_ms,
                delay_ms,
                end,
                source,
            }
        })
}

#[test]
fn sql_and_rust_decide_alike() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let (schema, store) = runtime.block_on(async {
        let schema = Schema::create().await;
        let store = PostgresStore::open_with(&schema.url(""), Some(clock)).await.unwrap();
        (schema, store)
    });
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    runner
        .run(&prop::collection::vec(case(), BATCH), |cases| {
            runtime.block_on(check(&schema, &store, cases));
            Ok(())
        })
        .unwrap();
}

async fn check(schema: &Schema, store: &PostgresStore, cases: Vec<Case>) {
    let now = store.now().await.unwrap();
    let claims = leased(schema, store, &cases, now).await;
    let ended = claims.iter().zip(&cases).map(|(claim, case)| EndedAttempt {
        claim: *claim,
        source: case.source,
        end: case.end.clone(),
        delay: Duration::from_millis(case.delay_ms),
    });
    let answers = store.settle(ended.collect()).await.unwrap();
    for (case, answer) in cases.iter().zip(answers) {
        assert_eq!(answer, expected(case, now), "{case:?}");
    }
    let keys = keys(schema).await;
    for (claim, case) in claims.iter().zip(&cases) {
        let stored = store.get(&owner(), claim.op_id).await.unwrap().unwrap();
        let tally = case.tally(now);
        let counted = (stored.retries, stored.lost_attempts);
        let lost_attempts = case.lost_attempts + tally.lost_attempts;
        assert_eq!(counted, (tally.retries, lost_attempts), "{case:?}");
        if stored.outcome.is_none() {
            assert_eq!(stored.reason, tally.reason.as_deref().map(storable));
            let first_called_at = tally.first_called_at(case.first_called_at(now), now);
            let generation = case.key_generation + tally.key_generations;
            assert_eq!(keys[&claim.op_id.to_string()], (first_called_at, generation), "{case:?}");
        }
        match expected(case, now) {
            Finalized::Finished(outcome) => assert_eq!(stored.outcome, Some(outcome)),
            Finalized::Waiting { due_at } | Finalized::InDoubt { due_at } => {
                assert_eq!(stored.due_at, Some(due_at));
            }
            _ => assert_eq!(stored.due_at, None),
        }
    }
}

/// What the rows of unfinished operations say of the provider key.
async fn keys(schema: &Schema) -> HashMap<String, (Option<Timestamp>, u32)> {
    let sql = "SELECT op_id::text, (extract(epoch FROM first_called_at) * 1000000)::bigint,
                      key_generation FROM orch_queue";
    let key = |row: &PgRow| {
        let first_called_at = row.get::<Option<i64>, _>(1).map(Timestamp::from_micros);
        (row.get(0), (first_called_at, u32::try_from(row.get::<i32, _>(2)).unwrap()))
    };
    common::rows(&mut schema.connect().await, sql).await.iter().map(key).collect()
}

/// Running operations whose rows say what the cases say.
async fn leased(
    schema: &Schema,
    store: &PostgresStore,
    cases: &[Case],
    now: Timestamp,
) -> Vec<Claim> {
    let mut admin = schema.connect().await;
    // What earlier cases left waiting may be due.
    execute(&mut admin, "DELETE FROM orch_queue").await;
    let key = common::new_name();
    let batch = (0..cases.len()).map(|n| acceptance(&format!("{key}-{n}"))).collect();
    store.accept(batch).await.unwrap();
    let params = claim_params([KindPolicy::new(kind())]);
    let params = orch_core::store::ClaimParams { limit: cases.len(), ..params };
    let mut claims = Vec::new();
    for claimed in store.claim(params).await.unwrap() {
        let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
        let envelope = attempt.envelope;
        claims.push(Claim { op_id: envelope.op_id, fence: envelope.fence });
    }
    assert_eq!(claims.len(), cases.len());
    let mut sql = String::new();
    for (claim, case) in claims.iter().zip(cases) {
        let at = now.as_micros() + case.deadline_ms * 1000;
        let first_called_at = case.first_called_at(now).map_or("NULL".to_owned(), |at| {
            format!("'epoch'::timestamptz + {} * interval '1 microsecond'", at.as_micros())
        });
        sql += &format!(
            "UPDATE orch_queue SET attempt = {}, max_attempts = {}, in_doubt = '{}',
                    first_called_at = {first_called_at}, lost_attempts = {}, key_generation = {},
                    replays_errors = {}, reconciles = {}, max_reconciles = {},
                    deadline = 'epoch'::timestamptz + {at} * interval '1 microsecond'
             WHERE op_id = '{}';",
            case.attempt,
            case.max_attempts,
            case.in_doubt,
            case.lost_attempts,
            case.key_generation,
            case.replays_errors,
            case.reconciles,
            case.max_reconciles,
            claim.op_id
        );
    }
    execute(&mut admin, &sql).await;
    claims
}

fn expected(case: &Case, now: Timestamp) -> Finalized {
    match after_attempt(&case.end, &case.facts(now), Duration::from_millis(case.delay_ms), now) {
        Move::Finish(outcome) => Finalized::Finished(outcome),
        Move::Wait { not_before } => Finalized::Waiting { due_at: not_before },
        Move::Doubt { not_before } => Finalized::InDoubt { due_at: not_before },
        Move::Park => Finalized::Parked,
    }
}
