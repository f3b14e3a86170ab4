//! The store, read by plain SQL: no code of the engine's takes part.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Executor, FromRow};

use crate::plan::now_us;

/// Which database a store is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Postgres.
    Postgres,
    /// A SQLite file.
    Sqlite,
}

/// A store, past the engine.
#[derive(Debug, Clone)]
pub enum Store {
    /// On Postgres.
    Postgres(PgConnectOptions),
    /// On SQLite.
    Sqlite(SqliteConnectOptions),
}

/// An operation as it is in the store. Ids are 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Stored {
    /// Which operation.
    pub op_id: String,
    /// The entity.
    pub biz_key: String,
    /// The client's key.
    pub idem_key: String,
    /// The event type.
    pub event: String,
    /// The command's payload.
    pub body: String,
    /// How many redrives of the same request came before; 0 unless it is one.
    pub redrive: i64,
    /// Microseconds since 1970.
    pub accepted_at: i64,
    /// PENDING, IN_PROGRESS, COMPLETED, FAILED; two of them, joined, if the store says both.
    pub status: String,
    /// Of an operation IN_PROGRESS.
    pub phase: Option<String>,
    /// True if a worker has it.
    pub held: bool,
    /// The newest.
    pub fence: i64,
    /// Attempts that asked for another one.
    pub retries: i64,
    /// Attempts that ended without an outcome.
    pub lost: i64,
    /// Reconciles.
    pub reconciles: i64,
    /// Of an operation that is COMPLETED.
    pub output: Option<String>,
    /// The dead letter of one that FAILED.
    pub failure: Option<String>,
    /// What an audit must have recorded when it became terminal.
    pub outcome: Option<String>,
}

impl Stored {
    /// True if it has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETED" | "FAILED")
    }

    /// True if it says itself that the provider may have acted, and no more: uncertain or parked.
    pub fn may_have_acted(&self) -> bool {
        let failure = self.failure.as_deref().map(serde_json::from_str::<Failure>);
        self.phase.as_deref() == Some("parked")
            || failure.is_some_and(|failure| failure.is_ok_and(|failure| failure.uncertain))
    }
}

/// An entry of the write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Logged {
    /// Whose.
    pub op_id: String,
    /// Under which claim.
    pub fence: i64,
    /// True if it is kept without effect.
    pub late: bool,
    /// True if the operation has not followed.
    pub pending: bool,
    /// Which attempt.
    pub attempt: i64,
    /// Who says so: handler, reconcile, engine, operator.
    pub source: String,
    /// How the attempt ended.
    pub outcome: String,
    /// The worker that had it.
    pub worker: Option<String>,
    /// Microseconds since 1970.
    pub logged_at: i64,
}

/// The dead letter's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Why.
    pub code: String,
    /// True if the provider may have acted all the same.
    pub uncertain: bool,
    /// True if the provider was called.
    pub called: bool,
}

/// One look at a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Operations that are neither terminal nor parked.
    pub open: u64,
    /// How long the longest expired lease has been so.
    pub overdue: Duration,
}

/// What a row of either backend can be read as.
pub trait FromEither:
    for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}
impl<T> FromEither for T where
    T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl Store {
    /// The store behind this URL.
    pub fn at(url: &str) -> crate::Result<Self> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?;
            return Ok(Self::Sqlite(options.busy_timeout(Duration::from_secs(10))));
        }
        Ok(Self::Postgres(PgConnectOptions::from_str(url)?.application_name("lab")))
    }

    /// All rows that a query answers.
    pub async fn ask<T: FromEither>(&self, words: &Words) -> crate::Result<Vec<T>> {
        Ok(match self {
            Self::Postgres(options) => {
                sqlx::query_as(words.postgres).fetch_all(&mut options.connect().await?).await?
            }
            Self::Sqlite(options) => {
                sqlx::query_as(words.sqlite).fetch_all(&mut options.connect().await?).await?
            }
        })
    }

    /// Carries statements out.
    pub async fn execute(&self, words: &Words) -> crate::Result<()> {
        match self {
            Self::Postgres(options) => {
                options.connect().await?.execute(sqlx::raw_sql(words.postgres)).await?;
            }
            Self::Sqlite(options) => {
                options.connect().await?.execute(sqlx::raw_sql(words.sqlite)).await?;
            }
        }
        Ok(())
    }

    /// How much is left to do.
    pub async fn look(&self) -> crate::Result<Look> {
        let rows: Vec<(i64, Option<i64>)> = self.ask(&LOOK).await?;
        let (open, expired_at) = rows.first().copied().ok_or("a count is one row")?;
        let overdue = expired_at.map_or(0, |at| (now_us() - at).max(0));
        Ok(Look {
            open: open.unsigned_abs(),
            overdue: Duration::from_micros(overdue.unsigned_abs()),
        })
    }

    /// All operations, and the log in its order.
    pub async fn read(&self) -> crate::Result<(Vec<Stored>, Vec<Logged>)> {
        Ok((self.ask(&STORED).await?, self.ask(&LOG).await?))
    }

    /// Takes SQLite's write lock; there is none on Postgres.
    pub async fn lock(&self) -> crate::Result<Lock> {
        let Self::Sqlite(options) = self else { return Ok(Lock(None)) };
        let mut connection = options.connect().await?;
        connection.execute("BEGIN IMMEDIATE").await?;
        Ok(Lock(Some(connection)))
    }
}

/// SQLite's write lock, until released or dropped.
#[derive(Debug)]
pub struct Lock(Option<SqliteConnection>);

impl Lock {
    /// Returns when others can have it.
    pub async fn release(self) -> crate::Result<()> {
        match self.0 {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }
}

/// A statement in the words of each backend; a query has the same columns in both.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// For Postgres.
    pub postgres: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
}

const LOOK: Words = Words {
    postgres: "
SELECT count(*) FILTER (WHERE phase IS DISTINCT FROM 'parked'),
       (extract(epoch FROM min(lease_expires_at)) * 1000000)::bigint
FROM orch_queue",
    sqlite: "
SELECT count(*) FILTER (WHERE phase IS NOT 'parked'), min(lease_expires_at)
FROM orch_operation WHERE status IN ('PENDING', 'IN_PROGRESS')",
};

const STORED: Words = Words {
    postgres: "
SELECT replace(o.op_id::text, '-', '') AS op_id, o.biz_key, o.idem_key,
       o.event_type AS event, convert_from(o.payload, 'UTF8') AS body, o.redrive::bigint AS redrive,
       (extract(epoch FROM o.accepted_at) * 1000000)::bigint AS accepted_at,
       concat_ws('+', q.status, CASE WHEN l.outcome = 'OK' THEN 'COMPLETED'
                                     WHEN l.outcome IS NOT NULL THEN 'FAILED' END) AS status,
       q.phase, q.lease_expires_at IS NOT NULL AS held,
       coalesce(q.fence, l.fence, -1) AS fence,
       coalesce(q.retries, l.retries, 0)::bigint AS retries,
       coalesce(q.lost_attempts, l.lost_attempts, 0)::bigint AS lost,
       coalesce(q.reconciles, 0)::bigint AS reconciles,
       convert_from(l.output, 'UTF8') AS output, d.failure::text AS failure,
       l.outcome || ' ' || coalesce(md5(l.output), '') AS outcome
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id",
    sqlite: "
SELECT lower(hex(o.op_id)) AS op_id, o.biz_key, o.idem_key, o.event_type AS event,
       CAST(o.payload AS TEXT) AS body, o.redrive, o.accepted_at, o.status, o.phase,
       o.lease_expires_at IS NOT NULL AS held, o.fence, o.retries, o.lost_attempts AS lost,
       o.reconciles, CAST(l.output AS TEXT) AS output, d.failure,
       CASE WHEN o.finished_at IS NOT NULL
            THEN o.status || ' ' || o.outcome || ' ' || coalesce(o.failure, '') END AS outcome
FROM orch_operation o
LEFT JOIN orch_write_ahead_log l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND NOT l.late AND o.outcome = 'OK'
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id",
};

const LOG: Words = Words {
    postgres: "
SELECT replace(op_id::text, '-', '') AS op_id, fence, late, status = 'PENDING' AS pending,
       attempt::bigint AS attempt, source, outcome, worker,
       (extract(epoch FROM logged_at) * 1000000)::bigint AS logged_at
FROM orch_write_ahead_log ORDER BY seq",
    sqlite: "
SELECT lower(hex(op_id)) AS op_id, fence, late <> 0 AS late, status = 'PENDING' AS pending,
       attempt, source, outcome, worker, logged_at
FROM orch_write_ahead_log ORDER BY rowid",
};
