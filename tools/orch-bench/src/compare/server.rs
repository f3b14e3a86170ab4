//! The Postgres server that both binaries are measured on: new databases, and what it spends.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::processes;
use crate::Failed;

/// How long sessions that are being closed may take.
const CLOSING: Duration = Duration::from_secs(10);

/// A Postgres server, seen from a session that both binaries know nothing of.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    session: PgConnection,
    /// The server process of our own session, whose time is not counted.
    own: u32,
    /// The first process of the server; none if it does not run on this host.
    first: Option<u32>,
    made: u32,
}

/// A database of one run.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    name: String,
    /// How it is reached.
    pub url: String,
}

/// What the server has spent since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    cpu_seconds: Option<f64>,
    wal_bytes: i64,
}

/// What the server spends on one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// User and system time of all its processes, in microseconds. `None` if it runs on another host.
    pub cpu_us: Option<f64>,
    /// Of its write-ahead log.
    pub wal_bytes: f64,
}

impl Server {
    /// The server behind a URL. Databases are created on it, so the role needs the right to.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn connect(url: &str) -> Result<Self, Failed> {
        let mut session = PgConnection::connect(url).await?;
        let own: i32 =
            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut session).await?;
        let own = u32::try_from(own)?;
        let first = processes::parent(own).ok().filter(|first| {
            // A number alone could be that of another process here.
            [own, *first].into_iter().all(|id| processes::name(id).starts_with("postgres"))
        });
        if first.is_none() {
            eprintln!("orch-bench: the server is not on this host; its CPU time is not measured");
        }
        Ok(Self { url: url.to_owned(), session, own, first, made: 0 })
    }

    /// A new database, empty.
    ///
    /// # Errors
    /// The server's; a URL whose database cannot be told.
    pub(crate) async fn fresh(&mut self) -> Result<Fresh, Failed> {
        self.made += 1;
        let name = format!("orch_bench_{}_{}", std::process::id(), self.made);
        let url = with_database(&self.url, &name)?;
        self.execute(&format!("create database {name}")).await?;
        Ok(Fresh { name, url })
    }

    /// Removes the database of a run.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn remove(&mut self, fresh: &Fresh) -> Result<(), Failed> {
        // Not WITH (FORCE): the oldest server is 13, which has it, but a session that is left is a defect.
        self.all_closed(fresh).await?;
        self.execute(&format!("drop database {}", fresh.name)).await
    }

    /// Writes all pages to disk, so that none of what came before is charged to what follows. A server that
    /// refuses, as it does a role without the right, is only reported.
    pub(crate) async fn checkpoint(&mut self) {
        if let Err(error) = self.execute("checkpoint").await {
            eprintln!("orch-bench: measured without a checkpoint before: {error}");
        }
    }

    /// What the server has spent so far, once no session is left in this database: a session that has ended is
    /// counted by the first process.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn spent(&mut self, fresh: &Fresh) -> Result<Spent, Failed> {
        self.all_closed(fresh).await?;
        let cpu_seconds =
            self.first.map(|first| processes::cpu_seconds(first, self.own)).transpose()?;
        let position = "select (pg_current_wal_insert_lsn() - '0/0')::bigint";
        let wal_bytes = sqlx::query_scalar(position).fetch_one(&mut self.session).await?;
        Ok(Spent { cpu_seconds, wal_bytes })
    }

    /// Sessions in this database.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn sessions(&mut self, fresh: &Fresh) -> Result<i64, Failed> {
        let count = "select count(*) from pg_stat_activity where datname = $1";
        Ok(sqlx::query_scalar(count).bind(&fresh.name).fetch_one(&mut self.session).await?)
    }

    /// Transactions that were committed in this database. All that its sessions did is in it once they are closed.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn commits(&mut self, fresh: &Fresh) -> Result<i64, Failed> {
        self.all_closed(fresh).await?;
        let count = "select xact_commit from pg_stat_database where datname = $1";
        Ok(sqlx::query_scalar(count).bind(&fresh.name).fetch_one(&mut self.session).await?)
    }

    async fn all_closed(&mut self, fresh: &Fresh) -> Result<(), Failed> {
        let asked = Instant::now();
        while self.sessions(fresh).await? > 0 {
            if asked.elapsed() > CLOSING {
                return Err(
                    format!("sessions in {} are still open after {CLOSING:?}", fresh.name).into()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Failed> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.session).await?;
        Ok(())
    }
}

impl Spent {
    /// What was spent from `before` on, per operation.
    pub(crate) fn since(self, before: Self, operations: u64) -> Cost {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (operations, wal) =
            (operations.max(1) as f64, (self.wal_bytes - before.wal_bytes) as f64);
        let cpu = self.cpu_seconds.zip(before.cpu_seconds).map(|(now, before)| now - before);
        Cost { cpu_us: cpu.map(|cpu| cpu * 1e6 / operations), wal_bytes: wal / operations }
    }
}

impl Cost {
    /// Of one operation that costs both.
    pub(crate) fn and(self, other: Self) -> Self {
        let cpu_us = self.cpu_us.zip(other.cpu_us).map(|(one, other)| one + other);
        Self { cpu_us, wal_bytes: self.wal_bytes + other.wal_bytes }
    }
}

/// The URL with another database in it. It is never printed: it may hold a password.
fn with_database(url: &str, name: &str) -> Result<String, Failed> {
    let (scheme, rest) = url.split_once("://").ok_or("the Postgres URL has no ://")?;
    let (path, options) = match rest.split_once('?') {
        Some((path, options)) => (path, format!("?{options}")),
        None => (rest, String::new()),
    };
    if options.contains("dbname=") {
        return Err("write the database into the path of the URL, not into dbname".into());
    }
    let hosts = path.split_once('/').map_or(path, |(hosts, _)| hosts);
    Ok(format!("{scheme}://{hosts}/{name}{options}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (given, expected) in [
            ("postgres://me:x@host:5433/mine", "postgres://me:x@host:5433/new"),
            ("postgres://host", "postgres://host/new"),
            ("postgres://a,b:2/mine?sslmode=off", "postgres://a,b:2/new?sslmode=off"),
            ("postgresql:///mine?host=/tmp/x", "postgresql:///new?host=/tmp/x"),
            ("postgres://host?orch_pooled=true", "postgres://host/new?orch_pooled=true"),
        ] {
            assert_eq!(with_database(given, "new").ok().as_deref(), Some(expected));
        }
        for refused in ["postgres:me:secret@host", "postgres://secret@host?dbname=mine"] {
            let refused = with_database(refused, "new").unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_cost_is_what_was_spent_meanwhile_per_operation() {
        let before = Spent { cpu_seconds: Some(1.0), wal_bytes: 1000 };
        let after = Spent { cpu_seconds: Some(1.5), wal_bytes: 5000 };
        let cost = after.since(before, 1000);
        assert_eq!(cost, Cost { cpu_us: Some(500.0), wal_bytes: 4.0 });
        let both = cost.and(Cost { cpu_us: Some(1.0), wal_bytes: 1.0 });
        assert_eq!(both, Cost { cpu_us: Some(501.0), wal_bytes: 5.0 });
        let unknown = Spent { cpu_seconds: None, ..after }.since(before, 1000);
        assert_eq!(unknown.and(cost).cpu_us, None);
    }
}
