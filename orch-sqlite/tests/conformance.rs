//! The suite that every store passes, on SQLite files.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use orch_core::store::{
    ConnectionType, FinalizeHook, HookContext, HookError, HookFn, Hooked, ManualClock, Store,
    connection,
};
use orch_core::words::{FinalOutcome, OpId};
use orch_sqlite::SqliteStore;
use orch_testkit::{Backend, conformance, marks};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tempfile::TempDir;

struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    fn in_a_new_folder() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("orch.db").display())
    }

    async fn connection(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url()).await.unwrap()
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let store = SqliteStore::open_with_clock(&self.url(), clock).await.unwrap();
        let mut connection = self.connection().await;
        sqlx::query("CREATE TABLE mark (text TEXT NOT NULL) STRICT")
            .execute(&mut connection)
            .await
            .unwrap();
        Arc::new(store)
    }

    async fn reopen(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open_with_clock(&self.url(), clock).await.unwrap())
    }

    async fn becomes_another(&self) {
        let mut connection = self.connection().await;
        let sql = "UPDATE orch_incarnation SET inode = inode + 1";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }

    async fn corrupt(&self, op_id: OpId) {
        let mut connection = self.connection().await;
        sqlx::query("UPDATE orch_operation SET biz_key = ' ', max_attempts = -1 WHERE op_id = ?1")
            .bind(op_id.as_bytes().as_slice())
            .execute(&mut connection)
            .await
            .unwrap();
    }

    async fn corrupt_log(&self, op_id: OpId) {
        let mut connection = self.connection().await;
        let sql = "UPDATE orch_write_ahead_log SET attempt = -1 WHERE rowid =
                   (SELECT max(rowid) FROM orch_write_ahead_log WHERE op_id = ?1)";
        let id = op_id.as_bytes().as_slice();
        sqlx::query(sql).bind(id).execute(&mut connection).await.unwrap();
    }

    async fn refuse(&self, op_ids: &[OpId], refused: bool) -> bool {
        let mut connection = self.connection().await;
        let trigger = "CREATE TABLE IF NOT EXISTS refused (op_id BLOB NOT NULL) STRICT;
            CREATE TRIGGER IF NOT EXISTS refuse BEFORE UPDATE ON orch_operation
            WHEN old.op_id IN (SELECT op_id FROM refused)
            BEGIN SELECT RAISE(ABORT, 'not this one'); END;
            CREATE TRIGGER IF NOT EXISTS refuse_removal BEFORE DELETE ON orch_operation
            WHEN old.op_id IN (SELECT op_id FROM refused)
            BEGIN SELECT RAISE(ABORT, 'not this one'); END";
        sqlx::raw_sql(trigger).execute(&mut connection).await.unwrap();
        for op_id in op_ids {
            let sql = match refused {
                true => "INSERT INTO refused VALUES (?1)",
                false => "DELETE FROM refused WHERE op_id = ?1",
            };
            let id = op_id.as_bytes().as_slice();
            sqlx::query(sql).bind(id).execute(&mut connection).await.unwrap();
        }
        true
    }

    async fn refuse_at_commit(&self, op_ids: &[OpId], refused: bool) -> bool {
        let mut connection = self.connection().await;
        let triggers = "CREATE TABLE IF NOT EXISTS refused_late (op_id BLOB NOT NULL) STRICT;
            CREATE TABLE IF NOT EXISTS absent (id INTEGER PRIMARY KEY) STRICT;
            CREATE TABLE IF NOT EXISTS tied
                (id INTEGER REFERENCES absent (id) DEFERRABLE INITIALLY DEFERRED) STRICT;
            CREATE TRIGGER IF NOT EXISTS refuse_late AFTER UPDATE ON orch_operation
            WHEN old.op_id IN (SELECT op_id FROM refused_late)
            BEGIN INSERT INTO tied VALUES (1); END;
            CREATE TRIGGER IF NOT EXISTS refuse_removal_late AFTER DELETE ON orch_operation
            WHEN old.op_id IN (SELECT op_id FROM refused_late)
            BEGIN INSERT INTO tied VALUES (1); END";
        sqlx::raw_sql(triggers).execute(&mut connection).await.unwrap();
        for op_id in op_ids {
            let sql = match refused {
                true => "INSERT INTO refused_late VALUES (?1)",
                false => "DELETE FROM refused_late WHERE op_id = ?1",
            };
            let id = op_id.as_bytes().as_slice();
            sqlx::query(sql).bind(id).execute(&mut connection).await.unwrap();
        }
        true
    }

    async fn hook_has_failed(&self, op_id: OpId, times: u32) {
        let mut connection = self.connection().await;
        let sql = "UPDATE orch_write_ahead_log SET hook_failures = ?2
                   WHERE op_id = ?1 AND finalize_due_at IS NOT NULL";
        let id = op_id.as_bytes().as_slice();
        sqlx::query(sql).bind(id).bind(times).execute(&mut connection).await.unwrap();
    }

    async fn undate(&self, op_id: OpId) {
        let mut connection = self.connection().await;
        sqlx::query("UPDATE orch_operation SET expires_at = NULL WHERE op_id = ?1")
            .bind(op_id.as_bytes().as_slice())
            .execute(&mut connection)
            .await
            .unwrap();
    }

    fn marking_hook(&self) -> FinalizeHook {
        HookFn { connection: ConnectionType::of::<SqliteConnection>, run: marking }.into()
    }

    fn failing_hook(&self) -> FinalizeHook {
        HookFn { connection: ConnectionType::of::<SqliteConnection>, run: failing }.into()
    }

    async fn marks(&self, text: &str) -> usize {
        let mut connection = self.connection().await;
        let marks: i64 = sqlx::query_scalar("SELECT count(*) FROM mark WHERE text = ?1")
            .bind(text)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        usize::try_from(marks).unwrap()
    }
}

fn marking<'a>(
    any: &'a mut (dyn std::any::Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        let connection = connection::<SqliteConnection>(any)?;
        let [end, whose] = marks(outcome, &of);
        sqlx::query("INSERT INTO mark (text) VALUES (?1), (?2)")
            .bind(end)
            .bind(whose)
            .execute(connection)
            .await
            .map(drop)
            .map_err(HookError::new)
    }
    .boxed()
}

fn failing<'a>(
    any: &'a mut (dyn std::any::Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    async move {
        marking(any, outcome, of).await?;
        Err(HookError::new("the hook fails"))
    }
    .boxed()
}

conformance!(Sqlite::in_a_new_folder());
