use std::str::FromStr;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

/// SQLite's write lock, to keep the workers' answers from being stored for a moment; and to stop
/// a worker only while it cannot hold the lock itself, which would stop all the others too.
/// Does nothing with another database.
#[derive(Debug, Clone)]
pub(crate) struct WriteLock(Option<SqliteConnectOptions>);

/// The lock, until released or dropped.
#[derive(Debug)]
pub(crate) struct Held(Option<SqliteConnection>);

impl WriteLock {
    pub(crate) fn of(db: &str) -> crate::Result<Self> {
        let options = match db.starts_with("sqlite:") {
            true => Some(SqliteConnectOptions::from_str(db)?),
            false => None,
        };
        Ok(Self(options))
    }

    pub(crate) async fn take(&self) -> crate::Result<Held> {
        let Some(options) = &self.0 else { return Ok(Held(None)) };
        let mut connection = options.connect().await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(Held(Some(connection)))
    }
}

impl Held {
    pub(crate) async fn release(self) -> crate::Result<()> {
        let Some(mut connection) = self.0 else { return Ok(()) };
        sqlx::query("ROLLBACK").execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}
