use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;

/// Counts what a Postgres server did meanwhile. On other databases there is nothing to read.
#[derive(Debug)]
pub(crate) struct Meter {
    before: Option<Reading>,
}

/// What the server has done since it was started.
#[derive(Debug, Clone, Copy)]
struct Reading {
    commits: i64,
    wal_bytes: i64,
}

impl Meter {
    /// Begins to count. What other sessions of this process did before is waited for: a session
    /// reports its commits late, but at its end for certain.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn start(database: &Database) -> Result<Self, Failed> {
        Ok(Self { before: read(database).await? })
    }

    /// Adds commits and WAL bytes per operation since the start, all sessions closed.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn stop(
        self,
        database: &Database,
        operations: u64,
        figures: Figures,
    ) -> Result<Figures, Failed> {
        let (Some(before), Some(after)) = (self.before, read(database).await?) else {
            return Ok(figures);
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = |before: i64, after: i64| (after - before) as f64 / operations.max(1) as f64;
        Ok(figures
            .with("commits_per_operation", each(before.commits, after.commits))
            .with("wal_bytes_per_operation", each(before.wal_bytes, after.wal_bytes)))
    }
}

/// How long sessions that are being closed may take.
const CLOSING: Duration = Duration::from_secs(5);

async fn read(database: &Database) -> Result<Option<Reading>, Failed> {
    let Database::Postgres { url } = database else { return Ok(None) };
    let mut connection = PgConnection::connect(url).await?;
    let others = "select count(*) from pg_stat_activity \
                  where datname = current_database() and pid <> pg_backend_pid()";
    let asked = Instant::now();
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await? > 0 {
        if asked.elapsed() > CLOSING {
            eprintln!("orch-bench: other sessions use this database; their commits are counted");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (commits, wal_bytes) = sqlx::query_as(
        "select xact_commit, (pg_current_wal_lsn() - '0/0')::bigint \
         from pg_stat_database where datname = current_database()",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(Some(Reading { commits, wal_bytes }))
}
