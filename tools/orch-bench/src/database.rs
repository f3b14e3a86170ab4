use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch::{ListParams, Runtime, Status, Store};
use orch_core::memory::MemoryStore;
use orch_core::runtime::RuntimeBuilder;
use orch_core::store::open;

use crate::Failed;

/// The database that is measured.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// This process's memory. Every `connect` to `memory:` is a store of its own, so one is
    /// kept here for all that a measurement starts.
    Memory(MemoryStore),
    /// A SQLite database.
    Sqlite {
        /// As given.
        url: String,
        /// The file in it.
        file: PathBuf,
    },
    /// A database on a Postgres server.
    Postgres {
        /// As given. Never printed: it may hold a password.
        url: String,
    },
}

impl Database {
    /// The database that a URL names.
    ///
    /// # Errors
    /// A URL that is of no kind that orch knows, or names no file. It is not repeated.
    pub(crate) fn parse(url: &str) -> Result<Self, Failed> {
        let known = "write sqlite://FILE, postgres://… or memory:";
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(format!("the database URL has no scheme; {known}").into());
        };
        match scheme {
            "memory" => Ok(Self::Memory(MemoryStore::new())),
            "sqlite" => {
                let file = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
                if file.is_empty() || file.starts_with(':') {
                    let rule = "several connections share what is measured";
                    return Err(format!("the sqlite URL names no file, but {rule}; {known}").into());
                }
                Ok(Self::Sqlite { url: url.into(), file: file.into() })
            }
            "postgres" | "postgresql" => Ok(Self::Postgres { url: url.into() }),
            _ => Err(format!("no database goes by {scheme}: URLs; {known}").into()),
        }
    }

    /// What kind it is, for titles.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// The URL by which another process reaches the same database; `None` if none can.
    pub(crate) fn shared_url(&self) -> Option<&str> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite { url, .. } | Self::Postgres { url } => Some(url),
        }
    }

    /// A runtime on it, about to start. The no-op handler has registered itself.
    pub(crate) fn runtime(&self) -> RuntimeBuilder {
        match self {
            Self::Memory(store) => Runtime::on(store.clone()),
            Self::Sqlite { url, .. } | Self::Postgres { url } => Runtime::connect(url),
        }
    }

    /// The store behind it.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>, Failed> {
        match self {
            Self::Memory(store) => Ok(Arc::new(store.clone())),
            Self::Sqlite { url, .. } | Self::Postgres { url } => Ok(open(url).await?),
        }
    }

    /// Makes the schema.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn migrate(&self) -> Result<(), Failed> {
        self.runtime().without_worker().start().await?;
        Ok(())
    }

    /// Makes the schema, and refuses a database in which operations wait: they would be
    /// measured too.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn prepare(&self) -> Result<(), Failed> {
        let runtime = self.runtime().without_worker().start().await?;
        match unfinished(&runtime).await? {
            None => Ok(()),
            Some(status) => Err(format!(
                "operations are {status} in this database and would be measured too; \
                 use a fresh one"
            )
            .into()),
        }
    }

    /// Waits until every operation is terminal.
    ///
    /// # Errors
    /// The database's; one that is not within `patience`.
    pub(crate) async fn all_finished(&self, patience: Duration) -> Result<(), Failed> {
        let runtime = self.runtime().without_worker().start().await?;
        let asked = Instant::now();
        while let Some(status) = unfinished(&runtime).await? {
            if asked.elapsed() > patience {
                return Err(format!("operations are still {status} after {patience:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Checks that every operation is terminal.
    ///
    /// # Errors
    /// The database's; and if one is not, which means a defect of orch or of this program.
    pub(crate) async fn verify_all_finished(&self) -> Result<(), Failed> {
        let runtime = self.runtime().without_worker().start().await?;
        match unfinished(&runtime).await? {
            None => Ok(()),
            Some(status) => Err(format!(
                "the worker said that all outcomes are stored, but operations are {status}"
            )
            .into()),
        }
    }
}

/// A status other than a terminal one in which there are operations.
async fn unfinished(runtime: &Runtime) -> Result<Option<Status>, Failed> {
    for status in [Status::Pending, Status::InProgress] {
        let params = ListParams::default().status(status).limit(1);
        if !runtime.orchestrator().list(params).await?.items.is_empty() {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_apart_by_their_scheme() {
        let kind = |url| Database::parse(url).map(|database| database.kind()).ok();
        assert_eq!(kind("memory:"), Some("memory"));
        assert_eq!(kind("sqlite:///tmp/a.db"), Some("sqlite"));
        assert_eq!(kind("postgresql://host/name"), Some("postgres"));
        assert_eq!(kind("mysql://host/name"), None);
        assert_eq!(kind("sqlite::memory:"), None);
        assert_eq!(kind("a.db"), None);
    }

    #[test]
    fn the_file_of_a_sqlite_url_has_no_options() {
        let Ok(Database::Sqlite { file, .. }) = Database::parse("sqlite:///tmp/a.db?mode=rwc")
        else {
            panic!("a sqlite URL");
        };
        assert_eq!(file, PathBuf::from("/tmp/a.db"));
    }

    #[test]
    fn a_refused_url_is_not_repeated() {
        let error = Database::parse("mysql://me:secret@host/name").unwrap_err().to_string();
        assert!(error.contains("mysql:") && !error.contains("secret"), "{error}");
    }
}
