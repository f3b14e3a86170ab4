//! Statements: their values, and those over many rows with few prepared texts.

use std::sync::OnceLock;

use orch_core::store::StoreError;
use orch_core::words::{Kind, OpId, Timestamp};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, SqlSafeStr, SqlStr, Type};

use crate::connect::store_error;
use crate::row::Found;

/// Runs a piece of a batch in its own savepoint: what SQLite refuses leaves nothing behind.
macro_rules! savepoint {
    ($db:expr, |$inner:ident| $run:expr) => {{
        let now = $db.now;
        let mut savepoint = sqlx::Connection::begin(&mut *$db.connection)
            .await
            .map_err(crate::connect::store_error)?;
        let done = {
            let $inner = &mut crate::sql::Db { connection: &mut savepoint, now };
            $run.await
        };
        match done {
            Ok(done) => {
                savepoint.commit().await.map_err(crate::connect::store_error)?;
                Ok(done)
            }
            Err(error) => {
                savepoint.rollback().await.map_err(orch_core::store::StoreError::transient)?;
                Err(error)
            }
        }
    }};
}
pub(crate) use savepoint;

/// The answers to a batch: one bad item fails alone.
pub(crate) type Answers<T> = Result<Vec<Result<T, StoreError>>, StoreError>;

/// The most rows that one statement takes.
pub(crate) const ROWS: usize = 64;

/// A connection, and the instant that is now for all that is done on it.
pub(crate) struct Db<'c> {
    pub(crate) connection: &'c mut SqliteConnection,
    pub(crate) now: Timestamp,
}

/// A query with a part that is repeated once per row: it is between two `/*row*/` marks.
///
/// It is prepared in the sizes 1, 2, 4 … 64 only. The rows beyond the batch stay unbound, which
/// SQLite reads as NULL, and every such query leaves out rows without a key.
pub(crate) struct Rows {
    template: &'static str,
    sized: [OnceLock<SqlStr>; 7],
}

impl Rows {
    pub(crate) const fn new(template: &'static str) -> Self {
        Self { template, sized: [const { OnceLock::new() }; 7] }
    }

    /// The text for so many rows; at most [`ROWS`].
    pub(crate) fn sized(&self, rows: usize) -> SqlStr {
        let size = rows.clamp(1, ROWS).next_power_of_two();
        let place = size.trailing_zeros() as usize;
        self.sized[place].get_or_init(|| repeat(self.template, ", ", size)).clone()
    }

    /// Reads what belongs to these items; `spell` adds the values of one.
    pub(crate) async fn fetch<T>(
        &self,
        connection: &mut SqliteConnection,
        items: &[T],
        spell: impl Fn(Values, &T) -> Values,
    ) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for chunk in items.chunks(ROWS) {
            let values = chunk.iter().fold(Values::default(), &spell);
            found.extend(fetch(connection, self.sized(chunk.len()), values).await?);
        }
        Ok(found)
    }

    /// Writes these items; `spell` adds the values of one. Returns how many rows it has changed.
    pub(crate) async fn execute<T>(
        &self,
        connection: &mut SqliteConnection,
        items: &[T],
        spell: impl Fn(Values, &T) -> Values,
    ) -> Result<usize, StoreError> {
        let mut changed = 0;
        for chunk in items.chunks(ROWS) {
            let values = chunk.iter().fold(Values::default(), &spell);
            changed += execute(connection, self.sized(chunk.len()), values).await?;
        }
        Ok(changed)
    }
}

/// The query with the part between its marks repeated.
pub(crate) fn repeat(template: &str, separator: &str, times: usize) -> SqlStr {
    let mut parts = template.split("/*row*/");
    let (head, row, tail) = (parts.next(), parts.next(), parts.next());
    let rows = vec![row.unwrap_or_default(); times].join(separator);
    AssertSqlSafe(format!("{}{rows}{}", head.unwrap_or_default(), tail.unwrap_or_default()))
        .into_sql_str()
}

/// The rows of a query.
pub(crate) async fn fetch(
    connection: &mut SqliteConnection,
    sql: impl SqlSafeStr,
    values: Values,
) -> Result<Vec<Found>, StoreError> {
    let arguments = values.done().map_err(store_error)?;
    let rows = sqlx::query_with(sql, arguments).fetch_all(connection).await.map_err(store_error)?;
    Ok(rows.into_iter().map(Found).collect())
}

/// How many rows a statement has changed.
pub(crate) async fn execute(
    connection: &mut SqliteConnection,
    sql: impl SqlSafeStr,
    values: Values,
) -> Result<usize, StoreError> {
    let arguments = values.done().map_err(store_error)?;
    let done = sqlx::query_with(sql, arguments).execute(connection).await.map_err(store_error)?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

/// The values of a statement, in order.
#[derive(Default)]
pub(crate) struct Values {
    arguments: SqliteArguments,
    error: Option<sqlx::error::BoxDynError>,
}

impl Values {
    pub(crate) fn add<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.error.get_or_insert(error);
        }
        self
    }

    pub(crate) fn id(self, op_id: OpId) -> Self {
        self.add(op_id.as_bytes().as_slice())
    }

    /// An instant, or NULL.
    pub(crate) fn at(self, instant: impl Into<Option<Timestamp>>) -> Self {
        self.add(instant.into().map(Timestamp::as_micros))
    }

    pub(crate) fn limit(self, limit: usize) -> Self {
        self.add(i64::try_from(limit).unwrap_or(i64::MAX))
    }

    /// Kinds as the JSON array that the queries take.
    pub(crate) fn kinds<'k>(self, kinds: impl IntoIterator<Item = &'k Kind>) -> Self {
        let pair = |kind: &'k Kind| [kind.domain.as_str(), kind.event_type.as_str()];
        let pairs: Vec<[&str; 2]> = kinds.into_iter().map(pair).collect();
        self.add(serde_json::json!(pairs).to_string())
    }

    /// The values, or the first error.
    fn done(self) -> Result<SqliteArguments, sqlx::Error> {
        match self.error {
            None => Ok(self.arguments),
            Some(error) => Err(sqlx::Error::Encode(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_two() {
        static QUERY: Rows = Rows::new("a /*row*/(?)/*row*/ b");
        assert_eq!(QUERY.sized(1).as_str(), "a (?) b");
        assert_eq!(QUERY.sized(3).as_str(), "a (?), (?), (?), (?) b");
        assert_eq!(QUERY.sized(ROWS).as_str().matches("(?)").count(), ROWS);
    }
}
