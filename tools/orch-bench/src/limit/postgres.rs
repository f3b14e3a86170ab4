use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;
use crate::meter::Meter;

/// Clients that claim and complete.
const DRAINERS: u32 = 2;
/// Rows that one statement claims.
const BATCH: i64 = 1000;
/// Rows to claim from, per second of the measurement: more than a server can drain.
const ROWS_PER_SECOND: u64 = 250_000;

const DROP: &str = "drop schema if exists orch_bench_limit cascade";
const SCHEMA: &str = "
    drop schema if exists orch_bench_limit cascade;
    create schema orch_bench_limit;
    create table orch_bench_limit.lim(
        id bigserial primary key, key text not null unique, payload jsonb not null,
        state smallint not null default 0, owner int, run_at timestamptz not null default now());
    create index lim_ready on orch_bench_limit.lim(id) where state = 0;
    create index lim_owned on orch_bench_limit.lim(owner) where state = 1;";
const INSERT: &str = "insert into orch_bench_limit.lim(key, payload)
    values ($1, '{\"id\":1}') on conflict do nothing";
const FILL: &str = "insert into orch_bench_limit.lim(key, payload)
    select g::text, '{\"id\":1}' from generate_series(1, $1::bigint) g";
const CLAIM: &str = "update orch_bench_limit.lim set state = 1, owner = $1
    where id = any(array(select id from orch_bench_limit.lim where state = 0
                         order by id limit $2 for update skip locked))";
const COMPLETE: &str = "update orch_bench_limit.lim set state = 2 where state = 1 and owner = $1";

/// Single-row inserts from concurrent clients, one commit each and no NOTIFY; then rows that two
/// clients claim and complete in batches of 1,000.
pub(super) async fn measure(
    database: &Database,
    clients: u64,
    span: Duration,
) -> Result<Figures, Failed> {
    let Database::Postgres { url } = database else {
        return Err("not a Postgres database".into());
    };
    let figures = Figures::new("limit of postgres, plain SQL")
        .with("clients", clients)
        .with("seconds", span.as_secs_f64());
    let measured = async {
        let figures = single_rows(database, url, clients, span, figures).await?;
        batches(database, url, span, figures).await
    }
    .await;
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(DROP).execute(&mut connection).await?;
    connection.close().await?;
    measured
}

async fn single_rows(
    database: &Database,
    url: &str,
    clients: u64,
    span: Duration,
    figures: Figures,
) -> Result<Figures, Failed> {
    fresh(url, 0).await?;
    let meter = Meter::start(database).await?;
    let rows = Arc::new(AtomicU64::new(0));
    let mut inserting = JoinSet::new();
    let mut connections = Vec::new();
    for client in 0..clients {
        let mut connection = PgConnection::connect(url).await?;
        // Prepares the statement outside the clock.
        insert(&mut connection, format!("warm-up:{client}")).await?;
        connections.push((client, connection));
    }
    let started = Instant::now();
    for (client, mut connection) in connections {
        let rows = Arc::clone(&rows);
        inserting.spawn(async move {
            while started.elapsed() < span {
                // Spread over the index, as random keys are.
                let number = rows.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                insert(&mut connection, format!("{number}:{client}")).await?;
            }
            let took = started.elapsed();
            connection.close().await.map(|()| took)
        });
    }
    let took = longest(&mut inserting).await?;
    let rows = rows.load(Relaxed);
    let figures = figures.with("single_row_inserts_per_second", per_second(rows, took));
    per_operation("single_row_insert", meter, database, rows, figures).await
}

async fn insert(connection: &mut PgConnection, key: String) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT).bind(key).execute(connection).await.map(drop)
}

async fn batches(
    database: &Database,
    url: &str,
    span: Duration,
    figures: Figures,
) -> Result<Figures, Failed> {
    fresh(url, ROWS_PER_SECOND * span.as_secs()).await?;
    let meter = Meter::start(database).await?;
    let rows = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    for client in 1..=DRAINERS {
        let mut connection = PgConnection::connect(url).await?;
        // Prepares the statements outside the clock.
        drain_batch(&mut connection, i32::try_from(client)?, 1).await?;
        connections.push((i32::try_from(client)?, connection));
    }
    let mut draining = JoinSet::new();
    let started = Instant::now();
    for (client, mut connection) in connections {
        let rows = Arc::clone(&rows);
        draining.spawn(async move {
            while started.elapsed() < span {
                let drained = drain_batch(&mut connection, client, BATCH).await?;
                rows.fetch_add(drained, Relaxed);
                if drained == 0 {
                    return Err(sqlx::Error::RowNotFound);
                }
            }
            let took = started.elapsed();
            connection.close().await.map(|()| took)
        });
    }
    let took = longest(&mut draining).await?;
    let rows = rows.load(Relaxed);
    let figures = figures.with("claim_and_complete_rows_per_second", per_second(rows, took));
    per_operation("claim_and_complete", meter, database, rows, figures).await
}

/// Claims and completes; returns how many.
async fn drain_batch(
    connection: &mut PgConnection,
    client: i32,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query(CLAIM).bind(client).bind(limit).execute(&mut *connection).await?;
    Ok(sqlx::query(COMPLETE).bind(client).execute(connection).await?.rows_affected())
}

/// An empty table with so many rows to claim, and its pages on disk, so that no full-page image
/// of the filling is charged to what follows.
async fn fresh(url: &str, rows: u64) -> Result<(), Failed> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
    sqlx::query(FILL).bind(i64::try_from(rows)?).execute(&mut connection).await?;
    sqlx::raw_sql("analyze orch_bench_limit.lim").execute(&mut connection).await?;
    if let Err(error) = sqlx::raw_sql("checkpoint").execute(&mut connection).await {
        eprintln!("orch-bench: measured without a checkpoint before: {error}");
    }
    connection.close().await?;
    Ok(())
}

async fn longest(clients: &mut JoinSet<Result<Duration, sqlx::Error>>) -> Result<Duration, Failed> {
    let mut longest = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        longest = longest.max(client??);
    }
    Ok(longest)
}

/// Commits and WAL under names of their own: there are two limits in one result.
async fn per_operation(
    limit: &str,
    meter: Meter,
    database: &Database,
    rows: u64,
    figures: Figures,
) -> Result<Figures, Failed> {
    let cost = meter.stop(database, rows, Figures::default()).await?;
    Ok(["commits_per_operation", "wal_bytes_per_operation"]
        .iter()
        .fold(figures, |figures, name| {
            figures.with_some(&format!("{limit}_{name}"), cost.number(name))
        }))
}

fn per_second(rows: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rows = rows as f64;
    rows / took.as_secs_f64()
}
