//! What the database can do by plain SQL, without our code.

mod postgres;
mod sqlite;

use std::time::Duration;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;

/// Measures the limits, each for this span. What it makes in the database is removed again.
///
/// # Errors
/// The database's; that it has no limit to measure.
pub(crate) async fn measure(
    database: &Database,
    clients: u64,
    span: Duration,
) -> Result<Figures, Failed> {
    match database {
        Database::Memory(_) => Err("memory: has no commits, and so no limit to measure".into()),
        Database::Sqlite { file, .. } => sqlite::measure(file, span).await,
        Database::Postgres { .. } => postgres::measure(database, clients, span).await,
    }
}
