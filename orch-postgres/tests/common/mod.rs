//! Databases and schemas of their own for tests.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(unreachable_pub, reason = "a test exports nothing")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

pub mod cluster;
pub mod load;

use std::sync::atomic::{AtomicU64, Ordering};

use orch_postgres::PostgresStore;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

/// The server that `scripts/postgres` has started, or another one.
pub fn server() -> String {
    std::env::var("ORCH_TEST_POSTGRES_URL").expect(
        "ORCH_TEST_POSTGRES_URL is not set; run: scripts/postgres cargo test -p orch-postgres",
    )
}

/// A name that no other test has, in this process or another.
pub fn new_name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    format!("t{}_{number}", std::process::id())
}

/// An empty schema.
pub struct Schema {
    pub name: String,
}

impl Schema {
    pub async fn create() -> Self {
        let name = new_name();
        execute(&mut connect(&server()).await, &format!("CREATE SCHEMA {name}")).await;
        Self { name }
    }

    /// A URL into it; `more` are further parameters.
    pub fn url(&self, more: &str) -> String {
        url_into(&server(), &self.name, more)
    }

    /// A connection into it.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url("")).await
    }

    /// A store in it, on the server's clock.
    pub async fn store(&self, more: &str) -> PostgresStore {
        PostgresStore::open(&self.url(more)).await.unwrap()
    }
}

/// This URL with a search path.
pub fn url_into(url: &str, schema: &str, more: &str) -> String {
    let first = if url.contains('?') { '&' } else { '?' };
    format!("{url}{first}options[search_path]={schema}{more}")
}

/// This URL with another database.
pub fn url_of(url: &str, database: &str) -> String {
    let (server, rest) = url.rsplit_once('/').unwrap();
    let query = rest.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
    format!("{server}/{database}{query}")
}

pub async fn connect(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

pub async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

pub async fn rows(connection: &mut PgConnection, sql: &str) -> Vec<PgRow> {
    sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap()
}

/// The one number that a query returns.
pub async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

/// A store that works as this role.
pub async fn store_as(url: &str, role: &str) -> PostgresStore {
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    PostgresStore::open(&format!("{scheme}://{role}@{host}")).await.unwrap()
}
