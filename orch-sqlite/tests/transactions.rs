//! The caller's transactions, hooks inside the writer's, and a database that refuses.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::any::Any;

use common::{File, ROW, acceptance, claim, claim_of, kind, rows, succeeded, world};
use futures_util::FutureExt;
use orch_core::store::{
    Admitted, Claim, ConnectionType, Finalization, FinalizeHook, Finalized, HookContext, HookError,
    HookFn, Hooked, RunHook, Store, StoreError, connection,
};
use orch_core::words::{FinalOutcome, Owner, Phase, Status};
use orch_sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

/// So many operations, each with its success logged.
async fn logged(store: &SqliteStore, count: usize) -> Vec<Claim> {
    let batch = (0..count).map(|n| acceptance(&n.to_string())).collect();
    store.accept(batch).await.unwrap();
    let claims: Vec<Claim> =
        store.claim(claim(count)).await.unwrap().iter().map(claim_of).collect();
    store.log(claims.iter().copied().map(succeeded).collect()).await.unwrap();
    claims
}

fn hook(run: RunHook) -> FinalizeHook {
    HookFn { connection: ConnectionType::of::<SqliteConnection>, run }.into()
}

fn writes<'a>(
    any: &'a mut (dyn Any + Send),
    _: &'a FinalOutcome,
    _: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        let connection = connection::<SqliteConnection>(any)?;
        sqlx::query(ROW).execute(connection).await.map(drop).map_err(HookError::new)
    }
    .boxed()
}

fn fails<'a>(
    any: &'a mut (dyn Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        writes(any, outcome, of).await?;
        Err(HookError::new("no such account"))
    }
    .boxed()
}

fn panics<'a>(
    any: &'a mut (dyn Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        writes(any, outcome, of).await?;
        panic!("a bug in the hook");
    }
    .boxed()
}

fn hangs<'a>(
    any: &'a mut (dyn Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        writes(any, outcome, of).await?;
        // A statement that never ends, so that giving the future up is not enough.
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT max(i) FROM n";
        let connection = connection::<SqliteConnection>(any)?;
        sqlx::query(endless).execute(connection).await.map(drop).map_err(HookError::new)
    }
    .boxed()
}

fn rolls_back<'a>(
    any: &'a mut (dyn Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        writes(any, outcome, of).await?;
        let connection = connection::<SqliteConnection>(any)?;
        sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop).map_err(HookError::new)
    }
    .boxed()
}

fn nests<'a>(any: &'a mut (dyn Any + Send), _: &'a FinalOutcome, _: HookContext<'a>) -> Hooked<'a> {
    async move {
        let connection = connection::<SqliteConnection>(any)?;
        let mut inner = connection.begin().await.map_err(HookError::new)?;
        sqlx::query(ROW).execute(&mut *inner).await.map_err(HookError::new)?;
        inner.commit().await.map_err(HookError::new)
    }
    .boxed()
}

/// SQLite looks at the rule that this breaks only at the commit.
fn owes<'a>(any: &'a mut (dyn Any + Send), _: &'a FinalOutcome, _: HookContext<'a>) -> Hooked<'a> {
    async move {
        let connection = connection::<SqliteConnection>(any)?;
        sqlx::query(ROW).execute(&mut *connection).await.map_err(HookError::new)?;
        let owed = "INSERT INTO tied VALUES (1)";
        sqlx::query(owed).execute(connection).await.map(drop).map_err(HookError::new)
    }
    .boxed()
}

/// A table with a rule that SQLite looks at only at the commit, and that every row breaks.
const TIED: &str = "CREATE TABLE absent (id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE tied (id INTEGER REFERENCES absent (id) DEFERRABLE INITIALLY DEFERRED) STRICT";

/// Three operations, of which the middle one has this hook and the others one that writes.
async fn finalize_between_neighbours(middle: FinalizeHook) -> (File, SqliteStore, Finalized) {
    let (file, store) = world().await;
    sqlx::raw_sql(TIED).execute(&mut file.connection().await).await.unwrap();
    let claims = logged(&store, 3).await;
    let hooks = [hook(writes), middle, hook(writes)];
    let batch = claims.iter().zip(hooks);
    let batch = batch.map(|(&claim, hook)| Finalization { claim, hook: Some(hook) }).collect();
    let mut finalized = store.finalize(batch).await.unwrap();
    let middle = finalized.remove(1);
    assert!(finalized.iter().all(|f| matches!(f, Finalized::Finished(_))), "{finalized:?}");
    let operation = store.get(&Owner::default(), claims[1].op_id).await.unwrap().unwrap();
    let finished = matches!(middle, Finalized::Finished(_));
    assert_eq!(operation.status == Status::Completed, finished);
    (file, store, middle)
}

fn reason(finalized: Finalized) -> String {
    match finalized {
        Finalized::HookFailed { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hook_commits_with_the_state() {
    let (file, _, middle) = finalize_between_neighbours(hook(writes)).await;
    assert!(matches!(middle, Finalized::Finished(_)));
    assert_eq!(rows(&file).await, 3);
}

#[tokio::test]
async fn a_hook_may_nest_a_transaction() {
    let (file, _, middle) = finalize_between_neighbours(hook(nests)).await;
    assert!(matches!(middle, Finalized::Finished(_)));
    assert_eq!(rows(&file).await, 3);
}

#[tokio::test]
async fn a_failing_hook_rolls_back_itself_only() {
    let (file, _, middle) = finalize_between_neighbours(hook(fails)).await;
    assert!(reason(middle).contains("no such account"));
    assert_eq!(rows(&file).await, 2);
}

#[tokio::test]
async fn a_panicking_hook_rolls_back_itself_only_and_the_writer_lives() {
    let (file, store, middle) = finalize_between_neighbours(hook(panics)).await;
    assert!(reason(middle).contains("a bug in the hook"));
    assert_eq!(rows(&file).await, 2);
    store.accept(vec![acceptance("next")]).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_hangs_is_given_up_and_nothing_of_it_stays() {
    let (file, store, middle) = finalize_between_neighbours(hook(hangs)).await;
    assert!(reason(middle).contains("longer than 5s"));
    assert_eq!(rows(&file).await, 2);
    store.accept(vec![acceptance("next")]).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_ends_the_transaction_itself_is_given_up() {
    let (file, store, middle) = finalize_between_neighbours(hook(rolls_back)).await;
    assert!(reason(middle).contains("ended orch's transaction itself"));
    assert_eq!(rows(&file).await, 2);
    store.accept(vec![acceptance("next")]).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_breaks_a_deferred_rule_has_failed() {
    let (file, _store, middle) = finalize_between_neighbours(hook(owes)).await;
    let reason = reason(middle);
    assert!(reason.starts_with("finalize hook failed at its commit: "), "{reason}");
    assert_eq!(rows(&file).await, 2);
}

/// A full disk, made by the one who has the writer's connection: a hook.
fn fills_the_disk<'a>(
    any: &'a mut (dyn Any + Send),
    _: &'a FinalOutcome,
    _: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        let connection = connection::<SqliteConnection>(any)?;
        let limit = "PRAGMA max_page_count = 1";
        sqlx::query(limit).execute(connection).await.map(drop).map_err(HookError::new)
    }
    .boxed()
}

#[tokio::test]
async fn a_full_disk_is_transient_and_the_same_call_succeeds_once_there_is_room() {
    let (file, store) = world().await;
    let claim = logged(&store, 1).await[0];
    let full = Finalization { claim, hook: Some(hook(fills_the_disk)) };
    store.finalize(vec![full]).await.unwrap();
    let mut large = acceptance("large");
    large.command =
        orch_core::words::Command::new("PAYMENT", "CHARGE", "ORDER-1", "large", vec![7; 500_000])
            .unwrap();
    let error = store.accept(vec![large.clone()]).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    // The connection was replaced, and the new one has no limit.
    let admitted = store.accept(vec![large.clone()]).await.unwrap();
    assert_eq!(admitted, [Admitted::Created { op_id: large.op_id }]);
    assert_eq!(file.integrity().await, "ok");
}

#[tokio::test]
async fn a_file_locked_by_somebody_else_is_transient_and_then_served() {
    let (file, store) = world().await;
    let mut other = file.connection().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let item = acceptance("a");
    let error = store.accept(vec![item.clone()]).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error:?}");
    lock.rollback().await.unwrap();
    let admitted = store.accept(vec![item.clone()]).await.unwrap();
    assert_eq!(admitted, [Admitted::Created { op_id: item.op_id }]);
}

#[tokio::test]
async fn a_bad_item_fails_alone() {
    let (file, store) = world().await;
    // The database refuses one key for good, as a constraint would.
    sqlx::raw_sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON orch_operation WHEN NEW.idem_key = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    .execute(&mut file.connection().await)
    .await
    .unwrap();
    let batch = vec![acceptance("good"), acceptance("bad"), acceptance("fine")];
    let (first, last) = (batch[0].op_id, batch[2].op_id);
    let (refused, other) =
        tokio::join!(store.accept(batch), store.accept(vec![acceptance("another")]));
    assert!(matches!(refused.unwrap_err(), StoreError::Rejected(_)));
    assert!(matches!(other.unwrap()[0], Admitted::Created { .. }));
    for op_id in [first, last] {
        assert!(store.get(&Owner::default(), op_id).await.unwrap().is_some());
    }
}

/// A user's trigger that takes the row of the operation itself for bad: without the hook it is refused as
/// well, so that is not the hook's, and the writer has others to serve.
#[tokio::test]
async fn an_end_that_is_refused_at_the_commit_with_and_without_its_hook_holds_up_no_other() {
    let (file, store) = world().await;
    let claim = logged(&store, 1).await[0];
    let refuse = |table| {
        format!(
            "CREATE TRIGGER refuse_{table} AFTER UPDATE ON {table} BEGIN INSERT INTO tied VALUES (1); END"
        )
    };
    let (rows_of, log) = (refuse("orch_operation"), refuse("orch_write_ahead_log"));
    let sql = format!("{TIED}; {rows_of}; {log}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut file.connection().await).await.unwrap();
    for run in [writes, fails] {
        let end = Finalization { claim, hook: Some(hook(run)) };
        let answer = store.finalize(vec![end]).await.unwrap();
        assert!(matches!(answer[0], Finalized::Refused { .. }), "{answer:?}");
    }
    let other = acceptance("other");
    let admitted = store.accept(vec![other.clone()]).await.unwrap();
    assert_eq!(admitted, [Admitted::Created { op_id: other.op_id }]);
    assert_eq!(rows(&file).await, 0);
}

#[tokio::test]
async fn an_item_that_is_refused_at_the_commit_fails_alone() {
    let (file, store) = world().await;
    let refuse = "CREATE TRIGGER refuse AFTER INSERT ON orch_operation WHEN NEW.idem_key = 'bad'
        BEGIN INSERT INTO tied VALUES (1); END";
    let sql = format!("{TIED}; {refuse}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut file.connection().await).await.unwrap();
    let batch = vec![acceptance("good"), acceptance("bad"), acceptance("fine")];
    let (first, last) = (batch[0].op_id, batch[2].op_id);
    let (refused, other) =
        tokio::join!(store.accept(batch), store.accept(vec![acceptance("another")]));
    assert!(matches!(refused.unwrap_err(), StoreError::Rejected(_)));
    assert!(matches!(other.unwrap()[0], Admitted::Created { .. }));
    for op_id in [first, last] {
        assert!(store.get(&Owner::default(), op_id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_schema_refuses_to_change_a_terminal_row() {
    let (file, store) = world().await;
    let claim = logged(&store, 1).await[0];
    store.finalize(vec![Finalization { claim, hook: Some(hook(writes)) }]).await.unwrap();
    let change = "UPDATE orch_operation SET finished_at = finished_at + 1";
    let error = sqlx::query(change).execute(&mut file.connection().await).await.unwrap_err();
    assert!(error.to_string().contains("terminal_is_final"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_stops_the_start_with_advice_instead_of_waiting_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display();
    for url in [format!("sqlite://{folder}"), format!("sqlite://{folder}/new.db?mode=ro")] {
        let error = SqliteStore::open(&url).await.unwrap_err();
        assert!(matches!(error, StoreError::Fatal(_)), "{url}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("must be allowed to write the file"), "{url}: {text}");
    }
}

#[tokio::test]
async fn a_logged_outcome_that_cannot_be_decoded_is_parked_and_hides_nothing() {
    let (file, store) = world().await;
    let claims = logged(&store, 3).await;
    // The first two are due before the third, and fill the Finalizer's page.
    sqlx::query(
        "UPDATE orch_write_ahead_log SET outcome = 'FAIL', output = NULL, detail = '{', \
         finalize_due_at = 1 WHERE op_id IN (?1, ?2)",
    )
    .bind(claims[0].op_id.as_bytes().as_slice())
    .bind(claims[1].op_id.as_bytes().as_slice())
    .execute(&mut file.connection().await)
    .await
    .unwrap();
    sqlx::query("UPDATE orch_write_ahead_log SET finalize_due_at = 2 WHERE op_id = ?1")
        .bind(claims[2].op_id.as_bytes().as_slice())
        .execute(&mut file.connection().await)
        .await
        .unwrap();
    for _ in 0..2 {
        let due = store.unfinalized(&[kind()], 2).await.unwrap();
        let hook = || Some(hook(writes));
        let batch = due.iter().map(|row| Finalization { claim: row.claim, hook: hook() }).collect();
        store.finalize(batch).await.unwrap();
    }
    for (claim, phase) in claims.iter().zip([Some(Phase::Parked), Some(Phase::Parked), None]) {
        let operation = store.get(&Owner::default(), claim.op_id).await.unwrap().unwrap();
        assert_eq!(operation.phase, phase);
    }
    assert_eq!(store.unfinalized(&[kind()], 2).await.unwrap(), []);
}

#[tokio::test]
async fn hooks_that_all_hang_do_not_add_up() {
    let (_file, store) = world().await;
    let claims = logged(&store, 4).await;
    let batch = claims.iter().map(|claim| Finalization { claim: *claim, hook: Some(hook(hangs)) });
    let asked_at = std::time::Instant::now();
    let answers = store.finalize(batch.collect()).await.unwrap();
    assert!(asked_at.elapsed() < 3 * orch_sqlite::HOOK_LIMIT, "{:?}", asked_at.elapsed());
    assert!(answers.iter().all(|answer| matches!(answer, Finalized::HookFailed { .. })));
}
