//! What the database can do by plain SQL, without our code.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;

/// Measures the limits, each for this span. What it makes in the database is removed again.
///
/// # Errors
/// The database's; that it has no limit to measure; that its feature is off.
pub async fn measure(database: &Database, clients: u64, span: Duration) -> Result<Figures, Failed> {
    match database {
        Database::Memory(_) => Err("memory: has no commits, and so no limit to measure".into()),
        #[cfg(feature = "sqlite")]
        Database::Sqlite { file, .. } => sqlite::measure(file, span).await,
        #[cfg(feature = "postgres")]
        Database::Postgres { .. } => postgres::measure(database, clients, span).await,
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        #[allow(unreachable_patterns, reason = "which arms are left depends on the features")]
        database => {
            let _ = (clients, span);
            let kind = database.kind();
            Err(format!("this orch-bench was built without the cargo feature `{kind}`").into())
        }
    }
}
