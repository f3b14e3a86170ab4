//! Where statements run that also run inside a transaction of the caller's.

use orch_core::store::StoreError;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};

use crate::db::Db;
use crate::pool::fetch;

/// A connection of the store's, or the caller's own.
pub(crate) enum Server<'c> {
    Pool(&'c Db),
    Caller { connection: &'c mut PgConnection, named: bool },
}

impl Server<'_> {
    /// Runs one statement.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        arguments: Result<PgArguments, StoreError>,
    ) -> Result<Vec<PgRow>, StoreError> {
        match self {
            Self::Pool(db) => db.fetch(sql, arguments).await,
            Self::Caller { connection, named } => fetch(connection, sql, arguments?, *named).await,
        }
    }
}
