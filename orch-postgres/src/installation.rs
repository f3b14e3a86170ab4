//! Whether a connection of the caller's leads to the tables of this store.
//!
//! It has a search_path of its own, perhaps to a schema with an orch of its own: what is accepted there
//! is run by other workers, under other keys, or by nobody.

use std::sync::{Arc, Mutex};

use orch_core::store::{StoreError, lock};
use sqlx::postgres::{PgConnection, PgRow};

use crate::column::column;
use crate::db::Db;
use crate::errors::is_missing;
use crate::pool::{arguments, fetch};

const INSTALLATION: &str = include_str!("../queries/installation.sql");

const ELSEWHERE: &str = "this connection leads to another orch than the store: connect it to the \
                         same database with the same search_path. Nothing was accepted";

/// The tables that are one orch. The system's identifier is `None` where the server does not tell it.
#[derive(Debug, Clone, Copy)]
struct Installation {
    operations: i64,
    database: i64,
    system_identifier: Option<i64>,
}

impl Installation {
    /// The caller's role may be told less than the store's.
    fn is(self, other: Self) -> bool {
        let systems = self.system_identifier.zip(other.system_identifier);
        (self.operations, self.database) == (other.operations, other.database)
            && systems.is_none_or(|(ours, theirs)| ours == theirs)
    }
}

/// Where the store's own connections lead, once it was asked. Shared by the handles on a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own(Arc<Mutex<Option<Installation>>>);

impl Own {
    /// Refuses a connection that leads elsewhere. True if its transaction looks at the database as it was
    /// when it began.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] if it does, and whatever the server says.
    pub(crate) async fn check(
        &self,
        db: &Db,
        connection: &mut PgConnection,
    ) -> Result<bool, StoreError> {
        let named = !db.pool.target().pooled;
        let found =
            fetch(connection, INSTALLATION, arguments![]?, named).await.map_err(|error| {
                if is_missing(&error) { StoreError::fatal(ELSEWHERE) } else { error }
            })?;
        let (theirs, is_strict) = decode(&found)?;
        let known = *lock(&self.0);
        if known.is_some_and(|ours| ours.is(theirs)) {
            return Ok(is_strict);
        }
        // The first time; or the store's own connections lead to a restored database since.
        let (ours, _) = decode(&db.fetch(INSTALLATION, arguments![]).await?)?;
        *lock(&self.0) = Some(ours);
        if ours.is(theirs) { Ok(is_strict) } else { Err(StoreError::fatal(ELSEWHERE)) }
    }
}

fn decode(rows: &[PgRow]) -> Result<(Installation, bool), StoreError> {
    let row = rows.first().ok_or_else(|| StoreError::fatal("no answer about the tables"))?;
    let read = || {
        let installation = Installation {
            operations: column(row, "operations")?,
            database: column(row, "database")?,
            system_identifier: column(row, "system_identifier")?,
        };
        Ok::<_, String>((installation, column(row, "is_strict")?))
    };
    read().map_err(StoreError::fatal)
}
