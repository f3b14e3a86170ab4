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

use common::{connect, execute, new_name, server, url_into, url_of};

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
        if self.through == Through::Pgbouncer {
            execute(&mut admin, &format!("CREATE DATABASE {name}")).await;
            *self.database.lock().unwrap() = Some(name.clone());
            let bouncer = std::env::var("ORCH_TEST_PGBOUNCER_URL").expect(
                "ORCH_TEST_PGBOUNCER_URL is not set; run: scripts/postgres cargo test -p orch-postgres",
            );
            let store = format!("{}?orch_pooled=true", url_of(&bouncer, &name));
            return Urls { admin: url_of(&server(), &name), store };
        }
        execute(&mut admin, &format!("CREATE SCHEMA {name}")).await;
        let into = url_into(&server(), &name, "");
        let store = match self.through {
            Through::OneConnection => url_into(&server(), &name, "&orch_connections=1"),
            Through::PlainRole => self.plain_role(&mut admin, &name, &into).await,
            _ => into.clone(),
        };
        Urls { admin: into, store }
    }

    /// The schema is made by somebody else; the role may only use it.
    async fn plain_role(&self, admin: &mut PgConnection, name: &str, into: &str) -> String {
        PostgresStore::open(into).await.unwrap();
        let grants = format!(
            "CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA {name} TO {name};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {name};
             ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT, INSERT ON TABLES TO {name}"
        );
        execute(admin, &grants).await;
        let (server, rest) =
            server().split_once("://").map(|(s, r)| (s.to_owned(), r.to_owned())).unwrap();
        let host = rest.split_once('@').map_or(rest.clone(), |(_, host)| host.to_owned());
        url_into(&format!("{server}://{name}@{host}"), name, "")
    }

    fn urls(&self) -> Urls {
        self.urls.lock().unwrap().clone().unwrap()
    }
}

/// A database has 300 files of its own; 250 of them would be a long time in removing.
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

    async fn refuse(&self, op_id: OpId, refused: bool) -> bool {
        let mut admin = connect(&self.urls().admin).await;
        let name = format!("refuse_{}", op_id.to_string().replace('-', ""));
        let sql = match refused {
            true => format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
                 CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON orch_queue
                 FOR EACH ROW WHEN (OLD.op_id = '{op_id}') EXECUTE FUNCTION refuse()"
            ),
            false => format!("DROP TRIGGER {name} ON orch_queue"),
        };
        execute(&mut admin, &sql).await;
        true
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
