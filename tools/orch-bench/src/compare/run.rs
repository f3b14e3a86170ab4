//! One run of a workload by one binary, on a new database.

use std::path::Path;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::alone;
use super::binary::{Binary, figure};
use super::server::{Cost, Fresh, Server};
use super::workload::{Sides, Sizes, Workload};
use crate::Failed;

/// The payload of operations whose size at rest is taken.
const PAYLOAD_BYTES: usize = 300;
/// Seconds after which a drain is given up.
const CAP_S: &str = "1800";
/// Worker processes of a fleet.
const FLEET: usize = 16;
/// Operations of orch-bench's own before those that it counts.
const WARM_UP: u64 = 500;

/// Which of two runs of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The other binary, or the smaller number.
    First,
    /// This binary, or the larger number.
    Second,
}

/// What the runs have in common.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    pub server: Option<Server>,
    pub other: Binary,
    pub this: Binary,
    pub sizes: Sizes,
    /// For files of SQLite.
    pub folder: &'a Path,
}

impl Runs<'_> {
    /// One figure for each row of the workload.
    ///
    /// # Errors
    /// A binary fails, or the server.
    pub(crate) async fn once(
        &mut self,
        workload: Workload,
        side: Side,
    ) -> Result<Vec<f64>, Failed> {
        let binary = match (workload.sides(), side) {
            (Sides::Binaries, Side::First) => self.other.clone(),
            _ => self.this.clone(),
        };
        if workload.is_sqlite() {
            return self.on_sqlite(workload, &binary).await;
        }
        let sizes = self.sizes;
        let server = self.server.as_mut().ok_or("this workload needs a Postgres server")?;
        let db = server.fresh().await?;
        let found = on_postgres(workload, side, sizes, server, &binary, &db).await;
        let removed = server.remove(&db).await;
        // What went wrong first says more.
        found.and_then(|found| removed.map(|()| found))
    }

    async fn on_sqlite(&self, workload: Workload, binary: &Binary) -> Result<Vec<f64>, Failed> {
        let folder = tempfile::tempdir_in(self.folder)?;
        let db = format!("sqlite://{}", folder.path().join("bench.db").display());
        let (accept, drain) =
            (self.sizes.sqlite_accept.to_string(), self.sizes.sqlite_drain.to_string());
        let args: &[&str] = match workload {
            Workload::SqliteAccept => &["accept", "--clients", "64", "--operations", &accept],
            _ => &["drain", "--operations", &drain],
        };
        let object = binary.run(&[args, &["--json", "--db", &db]].concat(), &db).await?;
        Ok(vec![figure(&object, "ops_per_second")?])
    }
}

async fn on_postgres(
    workload: Workload,
    side: Side,
    sizes: Sizes,
    server: &mut Server,
    binary: &Binary,
    db: &Fresh,
) -> Result<Vec<f64>, Failed> {
    // The schema is there before anything is counted.
    binary.run(&["peer", "setup"], &db.url).await?;
    match workload {
        Workload::Work => work(server, binary, db, sizes.work).await,
        Workload::Rest => at_rest(server, binary, db, sizes.rest).await,
        Workload::Accept16 => accept(server, binary, db, 16, sizes.accept_16).await,
        Workload::Accept256 => accept(server, binary, db, 256, sizes.accept_256).await,
        Workload::Latency => latency(server, binary, db, sizes.latency).await,
        Workload::Backlog => {
            let waiting = if side == Side::First { sizes.few } else { sizes.many };
            fill(binary, db, waiting, 0).await?;
            server.checkpoint().await;
            Ok(vec![drain(binary, db, waiting).await?])
        }
        Workload::Fleet => {
            let processes = if side == Side::First { 1 } else { FLEET };
            fill(binary, db, sizes.fleet, 0).await?;
            server.checkpoint().await;
            Ok(vec![alone::drain_of(binary, db, processes, sizes.fleet).await?])
        }
        Workload::Idle => alone::idle(binary, server, db, Duration::from_secs(sizes.idle_s)).await,
        Workload::InFlight => {
            fill(binary, db, sizes.in_flight, 0).await?;
            alone::in_flight(binary, db, sizes.in_flight).await
        }
        Workload::SqliteAccept | Workload::SqliteDrain => Err("a workload of SQLite".into()),
    }
}

/// The rate of the drain, then what the server spends: CPU time of all, of the accepts, of the drain; WAL likewise.
async fn work(
    server: &mut Server,
    binary: &Binary,
    db: &Fresh,
    operations: u64,
) -> Result<Vec<f64>, Failed> {
    server.checkpoint().await;
    let before = server.spent(db).await?;
    fill(binary, db, operations, 0).await?;
    let between = server.spent(db).await?;
    let rate = drain(binary, db, operations).await?;
    let accept = between.since(before, operations);
    let drain = server.spent(db).await?.since(between, operations);
    let costs = [accept.and(drain), accept, drain];
    let cpu = costs.map(|cost| cost.cpu_us.unwrap_or(f64::NAN));
    let wal = costs.map(|cost| cost.wal_bytes);
    Ok([vec![rate], cpu.to_vec(), wal.to_vec()].concat())
}

async fn accept(
    server: &mut Server,
    binary: &Binary,
    db: &Fresh,
    clients: u64,
    operations: u64,
) -> Result<Vec<f64>, Failed> {
    server.checkpoint().await;
    let (clients, count) = (clients.to_string(), operations.to_string());
    let args = ["accept", "--clients", &clients, "--operations", &count, "--json", "--db", &db.url];
    let before = server.spent(db).await?;
    let object = binary.run(&args, &db.url).await?;
    let Cost { cpu_us, wal_bytes } = server.spent(db).await?.since(before, operations + WARM_UP);
    Ok(vec![figure(&object, "ops_per_second")?, cpu_us.unwrap_or(f64::NAN), wal_bytes])
}

async fn latency(
    server: &mut Server,
    binary: &Binary,
    db: &Fresh,
    operations: u64,
) -> Result<Vec<f64>, Failed> {
    server.checkpoint().await;
    let count = operations.to_string();
    let args = ["latency", "--operations", &count, "--every-ms", "20", "--json", "--db", &db.url];
    let object = binary.run(&args, &db.url).await?;
    Ok(vec![figure(&object, "p50_ms")?, figure(&object, "p99_ms")?])
}

/// Bytes of the tables and indexes of completed operations, after a vacuum: all, and without the queue, whose
/// indexes keep the size that they had with all operations waiting.
async fn at_rest(
    server: &mut Server,
    binary: &Binary,
    db: &Fresh,
    operations: u64,
) -> Result<Vec<f64>, Failed> {
    const SIZE: &str = "
        select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint,
               coalesce(sum(pg_total_relation_size(oid))
                        filter (where relname not like '%queue%'), 0)::bigint
        from pg_class where relname like 'orch\\_%' and relkind = 'r'";
    fill(binary, db, operations, PAYLOAD_BYTES).await?;
    drain(binary, db, operations).await?;
    server.checkpoint().await;
    let mut session = PgConnection::connect(&db.url).await?;
    sqlx::raw_sql("vacuum").execute(&mut session).await?;
    let (all, kept): (i64, i64) = sqlx::query_as(SIZE).fetch_one(&mut session).await?;
    session.close().await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(vec![all as f64 / operations as f64, kept as f64 / operations as f64])
}

/// The columns of orch's tables, as `table.column`, sorted.
///
/// # Errors
/// The binary's, or the server's.
pub(crate) async fn columns(server: &mut Server, binary: &Binary) -> Result<Vec<String>, Failed> {
    const COLUMNS: &str = "
        select table_name || '.' || column_name from information_schema.columns
        join information_schema.tables using (table_schema, table_name)
        where table_name like 'orch\\_%' and table_type = 'BASE TABLE' order by 1";
    let db = server.fresh().await?;
    let found = async {
        binary.run(&["peer", "setup"], &db.url).await?;
        let mut session = PgConnection::connect(&db.url).await?;
        let columns = sqlx::query_scalar(COLUMNS).fetch_all(&mut session).await?;
        session.close().await?;
        Ok(columns)
    }
    .await;
    let removed = server.remove(&db).await;
    found.and_then(|found| removed.map(|()| found))
}

/// Accepts operations that wait. Where the binary cannot make larger payloads, the server fills them up with
/// spaces, which JSON allows at its end.
async fn fill(
    binary: &Binary,
    db: &Fresh,
    operations: u64,
    payload_bytes: usize,
) -> Result<(), Failed> {
    let (operations, bytes) = (operations.to_string(), payload_bytes.to_string());
    let args = ["fill", "--db", &db.url, "--operations", &operations, "--run", "1"];
    let sized = payload_bytes > 0 && binary.knows(&["fill"], &["--payload-bytes"]).await?;
    if payload_bytes > 0 && !sized {
        filled_up_to(db, payload_bytes).await?;
    }
    let size: &[&str] = if sized { &["--payload-bytes", &bytes] } else { &[] };
    binary.run(&[&args, size].concat(), &db.url).await?;
    Ok(())
}

async fn filled_up_to(db: &Fresh, payload_bytes: usize) -> Result<(), Failed> {
    let sql = format!(
        "create function bench_fill_up() returns trigger language plpgsql as $$
         begin
             new.payload := new.payload || decode(repeat('20', {payload_bytes} - length(new.payload)), 'hex');
             return new;
         end $$;
         create trigger bench_fill_up before insert on orch_operation
             for each row execute function bench_fill_up()"
    );
    let mut session = PgConnection::connect(&db.url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut session).await?;
    Ok(session.close().await?)
}

/// One worker with default slots until all is completed: operations per second.
async fn drain(binary: &Binary, db: &Fresh, operations: u64) -> Result<f64, Failed> {
    let count = operations.to_string();
    let object = binary.run(&["peer", "drain", &count, "default", CAP_S], &db.url).await?;
    if object["capped"] != false || object["dups"] != 0 {
        return Err(format!("not every operation ran once: {object}").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(operations as f64 / figure(&object, "secs")?)
}
