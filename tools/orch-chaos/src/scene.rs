use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use orch::internals::store::open;
use orch_lab::store::{Backend, Store, Words};

use crate::audit;
use crate::database::Cluster;
use crate::disk::Disk;
use crate::proxy::Proxy;

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
        scene.store()?.execute(&AUDIT).await?;
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

    /// How this process reaches it: past the proxy.
    pub(crate) fn direct_url(&self) -> String {
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

    /// The store, past the engine and the proxy.
    pub(crate) fn store(&self) -> crate::Result<Store> {
        Store::at(&self.direct_url())
    }

    /// Ends one connection of a worker or client, drawn by lot. False if there was none.
    pub(crate) async fn disconnect(&self) -> crate::Result<bool> {
        let ended: Vec<(bool,)> = self.store()?.ask(&DISCONNECT).await?;
        Ok(!ended.is_empty())
    }

    /// Empties SQLite's log, so that the next write needs room on the disk; a log that is used
    /// again from its start would need none for a while.
    pub(crate) async fn empty_log(&self) -> crate::Result<()> {
        let _: Vec<(i64, i64, i64)> = self.store()?.ask(&EMPTY_LOG).await?;
        Ok(())
    }

    /// What the database itself says about its file; `ok` if it is sound.
    pub(crate) async fn integrity(&self) -> crate::Result<String> {
        let said: Vec<(String,)> = self.store()?.ask(&INTEGRITY).await?;
        Ok(said.into_iter().map(|(line,)| line).collect())
    }
}

const AUDIT: Words = Words { postgres: audit::POSTGRES, sqlite: audit::SQLITE };

const DISCONNECT: Words = Words {
    postgres: "
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name <> 'lab' AND backend_type = 'client backend' ORDER BY random() LIMIT 1",
    sqlite: "SELECT false WHERE false",
};

const EMPTY_LOG: Words =
    Words { postgres: "SELECT 0, 0, 0", sqlite: "PRAGMA wal_checkpoint(TRUNCATE)" };

const INTEGRITY: Words = Words { postgres: "SELECT 'ok'", sqlite: "PRAGMA integrity_check" };
