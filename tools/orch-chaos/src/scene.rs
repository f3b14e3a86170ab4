use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use orch::internals::store::open;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor, Row};

use crate::audit;
use crate::database::Cluster;
use crate::disk::Disk;
use crate::plan::Backend;
use crate::proxy::Proxy;
use crate::world::now_us;

/// How long workers and clients wait for an answer of Postgres.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The database of a run, with what stands between it and the workers.
pub(crate) enum Scene {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

/// A cluster, and the proxy through which workers and clients reach it.
pub(crate) struct Postgres {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) proxy: Proxy,
}

/// A file on a disk of its own.
pub(crate) struct Sqlite {
    file: PathBuf,
    pub(crate) disk: Disk,
}

/// One look at the store from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Operations that are neither terminal nor parked.
    pub(crate) open: u64,
    /// How long the longest expired lease has been so.
    pub(crate) overdue: Duration,
}

impl Scene {
    /// Starts the database, has the engine make its schema, and installs the audit.
    pub(crate) async fn set(backend: Backend, folder: &Path) -> crate::Result<Self> {
        let scene = match backend {
            Backend::Postgres => {
                let cluster = Arc::new(Cluster::start(folder)?);
                let proxy = Proxy::start(cluster.port()).await?;
                Self::Postgres(Postgres { cluster, proxy })
            }
            Backend::Sqlite => {
                let disk = Disk::mount(folder)?;
                Self::Sqlite(Sqlite { file: disk.folder().join("orch.db"), disk })
            }
        };
        drop(open(&scene.direct_url()).await?);
        match &scene {
            Self::Postgres(postgres) => {
                postgres.connect().await?.execute(sqlx::raw_sql(audit::POSTGRES)).await?;
            }
            Self::Sqlite(sqlite) => {
                sqlite.connect().await?.execute(sqlx::raw_sql(audit::SQLITE)).await?;
            }
        }
        Ok(scene)
    }

    /// How workers and clients reach the database.
    pub(crate) fn url(&self) -> String {
        match self {
            // An answer that never comes is given up soon, as the lease is short.
            Self::Postgres(postgres) => {
                let url = Cluster::url(postgres.proxy.port());
                format!("{url}&orch_answer_ms={}", ANSWER_WITHIN.as_millis())
            }
            Self::Sqlite(_) => self.direct_url(),
        }
    }

    fn direct_url(&self) -> String {
        match self {
            Self::Postgres(postgres) => Cluster::url(postgres.cluster.port()),
            Self::Sqlite(sqlite) => format!("sqlite://{}", sqlite.file.display()),
        }
    }

    /// Saves what would go away with this.
    pub(crate) fn keep(&self, folder: &Path) -> crate::Result<()> {
        if let Self::Sqlite(sqlite) = self {
            for file in std::fs::read_dir(sqlite.disk.folder())? {
                let file = file?;
                match std::fs::copy(file.path(), folder.join(file.file_name())) {
                    // SQLite has taken its journal away with the last connection.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    copied => drop(copied?),
                }
            }
        }
        Ok(())
    }

    /// Looks at the store by plain SQL.
    pub(crate) async fn look(&self) -> crate::Result<Look> {
        let (open, expired_at): (i64, Option<i64>) = match self {
            Self::Postgres(postgres) => {
                let sql = "SELECT count(*) FILTER (WHERE phase IS DISTINCT FROM 'parked'),
                                  (extract(epoch FROM min(lease_expires_at)) * 1000000)::bigint
                           FROM orch_queue";
                let row = sqlx::query(sql).fetch_one(&mut postgres.connect().await?).await?;
                (row.try_get(0)?, row.try_get(1)?)
            }
            Self::Sqlite(sqlite) => {
                let sql = "SELECT count(*) FILTER (WHERE phase IS NOT 'parked'),
                                  min(lease_expires_at)
                           FROM orch_operation WHERE status IN ('PENDING', 'IN_PROGRESS')";
                let row = sqlx::query(sql).fetch_one(&mut sqlite.connect().await?).await?;
                (row.try_get(0)?, row.try_get(1)?)
            }
        };
        let overdue = expired_at.map_or(0, |at| (now_us() - at).max(0));
        Ok(Look {
            open: open.unsigned_abs(),
            overdue: Duration::from_micros(overdue.unsigned_abs()),
        })
    }
}

impl Postgres {
    /// A superuser's connection, past the proxy.
    pub(crate) async fn connect(&self) -> crate::Result<PgConnection> {
        let options = PgConnectOptions::from_str(&Cluster::url(self.cluster.port()))?;
        Ok(options.application_name("chaos").connect().await?)
    }

    /// Ends one connection of a worker or client, drawn by lot. False if there was none.
    pub(crate) async fn disconnect(&self) -> crate::Result<bool> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE application_name <> 'chaos' AND backend_type = 'client backend'
                   ORDER BY random() LIMIT 1";
        Ok(sqlx::query(sql).fetch_optional(&mut self.connect().await?).await?.is_some())
    }
}

impl Sqlite {
    /// A connection of the checker's own.
    pub(crate) async fn connect(&self) -> crate::Result<SqliteConnection> {
        let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", self.file.display()))?;
        Ok(options.busy_timeout(Duration::from_secs(10)).connect().await?)
    }

    /// Takes the write lock: it is held until the connection is dropped.
    pub(crate) async fn lock(&self) -> crate::Result<SqliteConnection> {
        let mut connection = self.connect().await?;
        connection.execute("BEGIN IMMEDIATE").await?;
        Ok(connection)
    }

    /// What SQLite itself says about the file; `ok` if it is sound.
    pub(crate) async fn integrity(&self) -> crate::Result<String> {
        let row =
            sqlx::query("PRAGMA integrity_check").fetch_one(&mut self.connect().await?).await?;
        Ok(row.try_get(0)?)
    }
}
