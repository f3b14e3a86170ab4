//! A finalize hook's rows are there once, wherever the process died.

use std::sync::Arc;

use orch_testkit::{Boundary, Report};

/// Places of a death behind which the handler runs again: claimed, sent, answered.
const AGAIN: usize = 3;

use crate::databases::{Kind, Shared};

/// A handler whose hook books its result with this statement.
macro_rules! booked {
    ($name:ident, $event:literal, $connection:ty, $insert:literal) => {
        mod $name {
            use std::convert::Infallible;

            use orch::prelude::*;
            use orch_testkit::{ScriptedProvider, crash_matrix};

            use super::*;

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            struct Charge {
                order_id: u64,
            }

            #[orchestrated(domain = "HOOKS", event = $event, finalize = book)]
            async fn charge(
                _: Charge,
                ctx: Context,
                provider: State<Arc<ScriptedProvider>>,
            ) -> Result<String, Infallible> {
                provider.call(ctx.provider_key().as_str(), b"5 EUR").await;
                Ok(ctx.provider_key().to_string())
            }

            async fn book(
                connection: &mut $connection,
                ended: &FinalOutcome<String>,
            ) -> Result<(), sqlx::Error> {
                let FinalOutcome::Ok(key) = ended else { return Ok(()) };
                sqlx::query($insert).bind(key.clone()).execute(connection).await.map(drop)
            }

            pub(super) async fn run(shared: Shared) -> Report {
                crash_matrix(charge, Charge { order_id: 1 })
                    .against(ScriptedProvider::default)
                    .state(Arc::clone)
                    .on(move || shared.of_a_cell())
                    .run()
                    .await
            }
        }
    };
}

booked!(sqlite, "SQLITE", sqlx::SqliteConnection, "INSERT INTO ledger (receipt) VALUES (?)");
booked!(postgres, "POSTGRES", sqlx::PgConnection, "INSERT INTO ledger (receipt) VALUES ($1)");

/// The ready file, as a reader of the README gives it; and memory, which has no connection.
mod ready {
    use orch::prelude::*;
    use orch_testkit::{Matrix, ScriptedProvider, SqliteFile, crash_matrix};

    use super::*;

    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "ORDER-{order_id}")]
    struct Charge {
        order_id: u64,
    }

    #[orchestrated(domain = "HOOKS", event = "READY", finalize = book)]
    async fn charge(
        _: Charge,
        ctx: Context,
        provider: State<Arc<ScriptedProvider>>,
    ) -> Result<String, std::convert::Infallible> {
        provider.call(ctx.provider_key().as_str(), b"5 EUR").await;
        Ok(ctx.provider_key().to_string())
    }

    async fn book(
        connection: &mut sqlx::SqliteConnection,
        ended: &FinalOutcome<String>,
    ) -> Result<(), sqlx::Error> {
        let FinalOutcome::Ok(key) = ended else { return Ok(()) };
        let insert = sqlx::query("INSERT INTO ready (receipt) VALUES (?)").bind(key.clone());
        insert.execute(connection).await.map(drop)
    }

    fn matrix() -> Matrix<ScriptedProvider> {
        crash_matrix(charge, Charge { order_id: 1 })
            .against(ScriptedProvider::default)
            .state(Arc::clone)
    }

    #[tokio::test]
    async fn a_ready_sqlite_file_is_all_that_a_hook_needs() {
        let tables = "CREATE TABLE IF NOT EXISTS ready (receipt TEXT PRIMARY KEY)";
        let report = matrix().on(move || SqliteFile::with(tables)).run().await;
        report.assert_safe();
        assert_eq!(report.cells().len(), 1 + Boundary::ALL.len() + AGAIN);
    }
}

async fn check(shared: &Shared, report: &Report) {
    report.assert_safe();
    assert_eq!(report.cells().len(), 1 + Boundary::ALL.len() + AGAIN);
    assert_eq!(report.not_there().count(), 0);
    let mut booked = shared.texts("SELECT receipt FROM ledger ORDER BY receipt").await;
    assert_eq!(booked.len(), report.cells().len(), "each end is booked");
    booked.dedup();
    assert_eq!(booked.len(), report.cells().len(), "and none twice");
}

#[tokio::test]
async fn in_sqlite_each_end_is_booked_once() {
    let shared = Kind::Sqlite.create().await;
    shared.execute("CREATE TABLE ledger (receipt TEXT NOT NULL)").await;
    check(&shared, &sqlite::run(shared.clone()).await).await;
}

#[tokio::test]
async fn in_postgres_each_end_is_booked_once() {
    let shared = Kind::Postgres.create().await;
    shared.execute("CREATE TABLE ledger (receipt text NOT NULL)").await;
    check(&shared, &postgres::run(shared.clone()).await).await;
}
