//! Which store a test runs on, and where Postgres keeps it.
#![allow(unreachable_pub, reason = "a test exports nothing")]

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

/// The URL of a new schema, on the server that `scripts/postgres` has started or on another one.
pub async fn new_schema() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let server = std::env::var("ORCH_TEST_POSTGRES_URL").expect(
        "ORCH_TEST_POSTGRES_URL is not set; run: scripts/postgres cargo test -p orch-testkit",
    );
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("testkit{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let sql = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let first = if server.contains('?') { '&' } else { '?' };
    format!("{server}{first}options[search_path]={name}")
}
