//! The Postgres store passes the conformance suite: directly, with a pool of one connection,
//! through pgbouncer in transaction mode, and as a role that may not create tables.
#![allow(missing_docs, clippy::unwrap_used, dead_code)]

mod common;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use orch_core::store::{
    ConnectionType, FinalizeHook, HookError, HookFn, ManualClock, Store, connection,
};
use orch_core::words::{Envelope, FinalOutcome, OpId};
use orch_postgres::PostgresStore;
use orch_testkit::{Backend, marks};
use sqlx::PgConnection;
use tokio::sync::OnceCell;

use common::{connect, execute, new_name, number, server, url_of};

mod directly {
    use super::{Postgres, Through};
    orch_testkit::conformance!(Postgres::new(Through::Nothing));
}

mod with_a_pool_of_one {
    use super::{Postgres, Through};
    orch_testkit::conformance!(Postgres::new(Through::OneConnection));
}

mod through_pgbouncer {
    use super::{Postgres, Through};
    orch_testkit::conformance!(Postgres::new(Through::Pgbouncer));
}

mod as_a_role_that_may_not_create_tables {
    use super::{Postgres, Through};
    orch_testkit::conformance!(Postgres::new(Through::PlainRole));
}

/// What stands between a test and its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Through {
    Nothing,
    OneConnection,
    Pgbouncer,
    PlainRole,
}

/// A schema for one case; through pgbouncer, which has no search path, a database.
struct Postgres {
    through: Through,
    urls: Mutex<Option<Urls>>,
    /// To be dropped at the end.
    database: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Urls {
    admin: String,
    store: String,
}

impl Postgres {
    fn new(through: Through) -> Self {
        Self { through, urls: Mutex::default(), database: Mutex::default() }
    }

    async fn create(&self) -> Urls {
        let name = new_name();
        let mut admin = connect(&server()).await;
        let sql = format!("CREATE DATABASE {name} {}", template().await);
        execute(&mut admin, &sql).await;
        *self.database.lock().unwrap() = Some(name.clone());
        let plain = url_of(&server(), &name);
        let store = match self.through {
            Through::Nothing => plain.clone(),
            Through::OneConnection => format!("{plain}?orch_connections=1"),
            Through::PlainRole => plain_role(&plain, &name).await,
            Through::Pgbouncer => {
                let bouncer = std::env::var("ORCH_TEST_PGBOUNCER_URL").expect(
                    "ORCH_TEST_PGBOUNCER_URL is not set; run: scripts/postgres cargo test -p orch-postgres",
                );
                format!("{}?orch_pooled=true", url_of(&bouncer, &name))
            }
        };
        Urls { admin: plain, store }
    }

    fn urls(&self) -> Urls {
        self.urls.lock().unwrap().clone().unwrap()
    }
}

/// How to copy a migrated database that nobody has worked on: that costs a fifth of the migrations.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let made = TEMPLATE.get_or_init(|| async {
        let name = new_name();
        execute(&mut connect(&server()).await, &format!("CREATE DATABASE {name}")).await;
        let url = url_of(&server(), &name);
        PostgresStore::open(&url).await.unwrap();
        // Else each copy would be found to be one.
        let mut inside = connect(&url).await;
        execute(&mut inside, "TRUNCATE orch_incarnation").await;
        // From 15 on, a copy by the file does not go through the write-ahead log.
        let version = number(&mut inside, "SELECT current_setting('server_version_num')::bigint");
        let by_file = if version.await < 150_000 { "" } else { " STRATEGY file_copy" };
        format!("TEMPLATE {name}{by_file}")
    });
    made.await
}

/// The schema is made by somebody else; the role may only use it.
async fn plain_role(url: &str, name: &str) -> String {
    let grants = format!(
        "CREATE ROLE {name} LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
         ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO {name}"
    );
    execute(&mut connect(url).await, &grants).await;
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{name}@{host}")
}

/// A database has 300 files of its own.
impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(name) = self.database.lock().unwrap().take() else { return };
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let mut admin = connect(&server()).await;
                execute(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            });
        });
        removed.join().unwrap();
    }
}

#[async_trait]
impl Backend for Postgres {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let urls = self.create().await;
        *self.urls.lock().unwrap() = Some(urls);
        let store = self.reopen(clock).await;
        let mut admin = connect(&self.urls().admin).await;
        execute(&mut admin, "CREATE TABLE mark (text text NOT NULL)").await;
        store
    }

    async fn reopen(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open_with(&self.urls().store, Some(clock)).await.unwrap())
    }

    async fn becomes_another(&self) {
        let mut admin = connect(&self.urls().admin).await;
        execute(&mut admin, "UPDATE orch_incarnation SET timeline = timeline + 1").await;
    }

    async fn corrupt(&self, op_id: OpId) {
        let mut admin = connect(&self.urls().admin).await;
        // Only with the trigger out of the way can an operation be changed at all.
        let sql = format!(
            "SET session_replication_role = replica;
             UPDATE orch_operation SET biz_key = '' WHERE op_id = '{op_id}'"
        );
        execute(&mut admin, &sql).await;
    }

    async fn corrupt_log(&self, op_id: OpId) {
        let mut admin = connect(&self.urls().admin).await;
        let sql = format!(
            "SET session_replication_role = replica;
             UPDATE orch_write_ahead_log SET attempt = -1 WHERE seq =
             (SELECT max(seq) FROM orch_write_ahead_log WHERE op_id = '{op_id}')"
        );
        execute(&mut admin, &sql).await;
    }

    async fn undate(&self, op_id: OpId) {
        let mut admin = connect(&self.urls().admin).await;
        // Only with the trigger out of the way can an outcome be changed at all.
        let sql = format!(
            "SET session_replication_role = replica;
             UPDATE orch_write_ahead_log SET expires_at = NULL WHERE op_id = '{op_id}'"
        );
        execute(&mut admin, &sql).await;
    }

    async fn refuse(&self, op_ids: &[OpId], refused: bool) -> bool {
        let mut admin = connect(&self.urls().admin).await;
        let trigger = "CREATE TABLE IF NOT EXISTS refused (op_id uuid NOT NULL);
             CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF EXISTS (SELECT FROM refused r WHERE r.op_id = OLD.op_id) THEN
                     RAISE EXCEPTION 'not this one';
                 END IF;
                 RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
             END $$;
             DROP TRIGGER IF EXISTS refuse ON orch_queue;
             CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON orch_queue
             FOR EACH ROW EXECUTE FUNCTION refuse();
             DROP TRIGGER IF EXISTS refuse ON orch_operation;
             CREATE TRIGGER refuse BEFORE DELETE ON orch_operation
             FOR EACH ROW EXECUTE FUNCTION refuse()";
        execute(&mut admin, trigger).await;
        let ids: Vec<String> = op_ids.iter().map(|op_id| format!("'{op_id}'")).collect();
        let sql = match refused {
            true => format!("INSERT INTO refused VALUES ({})", ids.join("), (")),
            false => format!("DELETE FROM refused WHERE op_id IN ({})", ids.join(", ")),
        };
        execute(&mut admin, &sql).await;
        true
    }

    async fn refuse_at_commit(&self, op_ids: &[OpId], refused: bool) -> bool {
        let mut admin = connect(&self.urls().admin).await;
        let trigger = "CREATE TABLE IF NOT EXISTS refused_late (op_id uuid NOT NULL);
             CREATE OR REPLACE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF EXISTS (SELECT FROM refused_late r WHERE r.op_id = OLD.op_id) THEN
                     RAISE EXCEPTION 'not this one' USING ERRCODE = 'foreign_key_violation';
                 END IF;
                 RETURN NULL;
             END $$;
             DROP TRIGGER IF EXISTS refuse_late ON orch_queue;
             CREATE CONSTRAINT TRIGGER refuse_late AFTER UPDATE OR DELETE ON orch_queue
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_late();
             DROP TRIGGER IF EXISTS refuse_late ON orch_operation;
             CREATE CONSTRAINT TRIGGER refuse_late AFTER DELETE ON orch_operation
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_late()";
        execute(&mut admin, trigger).await;
        let ids: Vec<String> = op_ids.iter().map(|op_id| format!("'{op_id}'")).collect();
        let sql = match refused {
            true => format!("INSERT INTO refused_late VALUES ({})", ids.join("), (")),
            false => format!("DELETE FROM refused_late WHERE op_id IN ({})", ids.join(", ")),
        };
        execute(&mut admin, &sql).await;
        true
    }

    async fn hook_has_failed(&self, op_id: OpId, times: u32) {
        let mut admin = connect(&self.urls().admin).await;
        let sql = format!(
            "UPDATE orch_write_ahead_log SET hook_failures = {times}
             WHERE op_id = '{op_id}' AND finalize_due_at IS NOT NULL"
        );
        execute(&mut admin, &sql).await;
    }

    fn marking_hook(&self) -> FinalizeHook {
        HookFn {
            connection: ConnectionType::of::<PgConnection>,
            run: |any, outcome, of| {
                Box::pin(async move { write_marks(connection(any)?, outcome, &of).await })
            },
        }
        .into()
    }

    fn failing_hook(&self) -> FinalizeHook {
        HookFn {
            connection: ConnectionType::of::<PgConnection>,
            run: |any, outcome, of| {
                Box::pin(async move {
                    write_marks(connection(any)?, outcome, &of).await?;
                    Err(HookError::new("the ledger is closed"))
                })
            },
        }
        .into()
    }

    async fn marks(&self, text: &str) -> usize {
        let mut admin = connect(&self.urls().admin).await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM mark WHERE text = $1")
            .bind(text)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        usize::try_from(count).unwrap()
    }
}

async fn write_marks(
    connection: &mut PgConnection,
    outcome: &FinalOutcome,
    of: &Envelope,
) -> Result<(), HookError> {
    sqlx::query("INSERT INTO mark (text) SELECT unnest($1::text[])")
        .persistent(false)
        .bind(marks(outcome, of))
        .execute(connection)
        .await
        .map_err(HookError::new)?;
    Ok(())
}
