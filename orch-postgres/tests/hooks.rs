//! Finalize hooks that misbehave.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_core::policies::KindPolicy;
use orch_core::store::{
    Claim, ConnectionType, Finalization, FinalizeHook, Finalized, HookError, HookFn, RunHook,
    Store, connection,
};
use orch_core::words::Status;
use orch_postgres::{HOOK_LIMIT, PostgresStore};
use orch_testkit::fixture::{acceptance, claim_params, ended, ok, owner, policy};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor, PgConnection};
use tokio::sync::Notify;

use common::{Schema, connect, execute, new_name, number, server, url_of};

fn hook(run: RunHook) -> Option<FinalizeHook> {
    Some(HookFn { connection: ConnectionType::of::<PgConnection>, run }.into())
}

/// An operation whose end is logged and whose hook has not run.
async fn logged(schema: &Schema) -> (PostgresStore, Claim) {
    let store = schema.store("").await;
    execute(&mut schema.connect().await, "CREATE TABLE ledger (entry text)").await;
    let claim = next_logged(&store, "key").await;
    (store, claim)
}

async fn next_logged(store: &PostgresStore, key: &str) -> Claim {
    store.accept(vec![acceptance(key)]).await.unwrap();
    let hooked = KindPolicy { hooked: true, ..policy() };
    let claimed = store.claim(claim_params([hooked])).await.unwrap();
    let orch_core::store::Claimed::Operation(attempt) = &claimed[0] else { panic!() };
    let claim = Claim { op_id: attempt.envelope.op_id, fence: attempt.envelope.fence };
    store.log(vec![ended(claim, ok("done"))]).await.unwrap();
    claim
}

async fn finalize(store: &PostgresStore, claim: Claim, hook: Option<FinalizeHook>) -> Finalized {
    store.finalize(vec![Finalization { claim, hook }]).await.unwrap().remove(0)
}

fn reason(finalized: Finalized) -> String {
    let Finalized::HookFailed { reason, .. } = finalized else { panic!("{finalized:?}") };
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_in_the_server_is_ended_there() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let hanging = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            connection.execute("SELECT pg_sleep(600)").await.map_err(HookError::new)?;
            Ok(())
        })
    });
    let started = Instant::now();
    let answer = reason(finalize(&store, claim, hanging).await);
    assert!(answer.contains("ran for more than"), "{answer}");
    assert!(started.elapsed() < HOOK_LIMIT + Duration::from_secs(5));
    // The lock went with it: the next try is not held up.
    let fine = hook(|_, _, _| Box::pin(async { Ok(()) }));
    assert!(matches!(finalize(&store, claim, fine).await, Finalized::Finished(_)));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_the_server_does_not_hang_by_a_paused_clock() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let waiting = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            connection.execute("SELECT pg_sleep(0.3)").await.map_err(HookError::new)?;
            Ok(())
        })
    });
    assert!(matches!(finalize(&store, claim, waiting).await, Finalized::Finished(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_panics_changes_nothing() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let panicking = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            connection.execute("INSERT INTO ledger VALUES ('x')").await.map_err(HookError::new)?;
            panic!("the ledger is on fire")
        })
    });
    let answer = reason(finalize(&store, claim, panicking).await);
    assert!(answer.contains("the ledger is on fire"), "{answer}");
    let operation = store.get(&owner(), claim.op_id).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::InProgress);
    assert_eq!(number(&mut schema.connect().await, "SELECT count(*) FROM ledger").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_swallows_its_failed_statement_does_not_finalize() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let swallowing = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            let _ = connection.execute("INSERT INTO no_such_table VALUES (1)").await;
            Ok(())
        })
    });
    let answer = reason(finalize(&store, claim, swallowing).await);
    assert!(answer.contains("failed statement"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_finalizers_at_once_run_it_once() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let store = Arc::new(store);
    let counting = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            connection.execute("INSERT INTO ledger VALUES ('x')").await.map_err(HookError::new)?;
            Ok(())
        })
    });
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (store, hook) = (store.clone(), counting.clone());
        all.spawn(async move { finalize(&store, claim, hook).await });
    }
    let answers = all.join_all().await;
    let (first, others): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| matches!(answer, Finalized::Finished(_)));
    let already = others.iter().all(|answer| matches!(answer, Finalized::AlreadyFinal(_)));
    assert!(first.len() == 1 && already, "{answers:?}");
    assert_eq!(number(&mut schema.connect().await, "SELECT count(*) FROM ledger").await, 1);
}

/// A frozen process cannot keep its own limits: it held the operation's lock, and whoever waited
/// for that, for as long as it slept.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_process_is_frozen_does_not_hold_up_the_others() {
    static FROZEN: Notify = Notify::const_new();
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let freezing = hook(|_, _, _| {
        Box::pin(async {
            FROZEN.notify_one();
            loop {
                std::thread::park();
            }
        })
    });
    let url = schema.url("");
    // A runtime of its own, so that nothing in it goes on.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            finalize(&PostgresStore::open(&url).await.unwrap(), claim, freezing).await
        })
    });
    FROZEN.notified().await;
    let started = Instant::now();
    let fine = hook(|_, _, _| Box::pin(async { Ok(()) }));
    assert!(matches!(finalize(&store, claim, fine).await, Finalized::Finished(_)));
    assert!(started.elapsed() < HOOK_LIMIT + Duration::from_secs(5));
}

/// The application's own migration adds a column to a table that a hook reads with `SELECT *`.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_table_has_changed_succeeds_at_the_next_try() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let reading = || {
        hook(|any, _, _| {
            Box::pin(async move {
                let connection: &mut PgConnection = connection(any)?;
                let all = sqlx::query("SELECT * FROM ledger").fetch_all(connection).await;
                all.map(drop).map_err(HookError::new)
            })
        })
    };
    execute(&mut schema.connect().await, "INSERT INTO ledger VALUES ('x')").await;
    assert!(matches!(finalize(&store, claim, reading()).await, Finalized::Finished(_)));
    execute(&mut schema.connect().await, "ALTER TABLE ledger ADD COLUMN city text").await;
    let other = next_logged(&store, "other").await;
    if let Finalized::HookFailed { reason, .. } = finalize(&store, other, reading()).await {
        assert!(reason.contains("cached plan"), "{reason}");
        let again = finalize(&store, other, reading()).await;
        assert!(matches!(again, Finalized::Finished(_)), "{again:?}");
    }
}

/// A user's statements have names, and other clients of the pooler have left the same names behind.
#[tokio::test(flavor = "multi_thread")]
async fn one_behind_a_pooler_may_use_prepared_statements() {
    let name = new_name();
    execute(&mut connect(&server()).await, &format!("CREATE DATABASE {name}")).await;
    let pooler = url_of(&std::env::var("ORCH_TEST_PGBOUNCER_URL").unwrap(), &name);
    let store = PostgresStore::open(&format!("{pooler}?orch_pooled=true")).await.unwrap();
    let counting = || {
        hook(|any, _, _| {
            Box::pin(async move {
                let connection: &mut PgConnection = connection(any)?;
                for sql in ["SELECT 1", "SELECT 2"] {
                    sqlx::query(sql).execute(&mut *connection).await.map_err(HookError::new)?;
                }
                Ok(())
            })
        })
    };
    for key in ["one", "two", "three"] {
        let options = pooler.parse::<PgConnectOptions>().unwrap().extra_float_digits(None);
        let mut other = options.connect().await.unwrap();
        let _ = sqlx::query("SELECT 'another client'").execute(&mut other).await;
        let claim = next_logged(&store, key).await;
        let answer = finalize(&store, claim, counting()).await;
        assert!(matches!(answer, Finalized::Finished(_)), "{answer:?}");
    }
    drop(store);
    execute(&mut connect(&server()).await, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// What a rule of the application refuses only at the commit is this hook's failure too, or nobody would
/// ever park its operation.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_a_deferred_rule_has_failed() {
    let schema = Schema::create().await;
    let (store, claim) = logged(&schema).await;
    let rules = "CREATE TABLE customer (id int PRIMARY KEY);
                 ALTER TABLE ledger ADD customer int REFERENCES customer DEFERRABLE INITIALLY DEFERRED";
    execute(&mut schema.connect().await, rules).await;
    let orphaning = hook(|any, _, _| {
        Box::pin(async move {
            let connection: &mut PgConnection = connection(any)?;
            let orphan = "INSERT INTO ledger VALUES ('x', 7)";
            connection.execute(orphan).await.map(drop).map_err(HookError::new)
        })
    });
    let answer = finalize(&store, claim, orphaning).await;
    assert!(matches!(answer, Finalized::HookFailed { .. }), "{answer:?}");
    assert_eq!(number(&mut schema.connect().await, "SELECT count(*) FROM ledger").await, 0);
    let fine = hook(|_, _, _| Box::pin(async { Ok(()) }));
    assert!(matches!(finalize(&store, claim, fine).await, Finalized::Finished(_)));
}
