//! Queries over many rows, with few prepared statements.

use std::sync::OnceLock;

use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments, AssertSqlSafe, Encode, SqlSafeStr, SqlStr, Type};

/// The most rows that one statement takes.
pub(crate) const ROWS: usize = 64;

/// A query with a part that is repeated once per row: it stands between two `/*row*/` marks.
///
/// It is prepared in the sizes 1, 2, 4 … 64 only. The rows beyond the batch stay unbound, which
/// SQLite reads as NULL, and every such query leaves out rows without a key.
pub(crate) struct Rows {
    template: &'static str,
    separator: &'static str,
    sized: [OnceLock<SqlStr>; 7],
}

impl Rows {
    pub(crate) const fn new(template: &'static str) -> Self {
        Self { template, separator: ", ", sized: [const { OnceLock::new() }; 7] }
    }

    /// The text for so many rows; at most [`ROWS`].
    pub(crate) fn sized(&self, rows: usize) -> SqlStr {
        let size = rows.clamp(1, ROWS).next_power_of_two();
        let place = size.trailing_zeros() as usize;
        self.sized[place].get_or_init(|| repeat(self.template, self.separator, size)).clone()
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

/// The values of a statement, in order.
#[derive(Default)]
pub(crate) struct Values {
    arguments: SqliteArguments,
    error: Option<sqlx::error::BoxDynError>,
}

impl Values {
    pub(crate) fn add<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.arguments.add(value) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// The values, or the first error.
    pub(crate) fn done(self) -> Result<SqliteArguments, sqlx::Error> {
        match self.error {
            None => Ok(self.arguments),
            Some(error) => Err(sqlx::Error::Encode(error)),
        }
    }
}

/// Kinds as the JSON array that the queries take.
pub(crate) fn json_kinds<'k>(
    kinds: impl IntoIterator<Item = &'k orch_core::words::Kind>,
) -> String {
    let pairs: Vec<[&str; 2]> =
        kinds.into_iter().map(|kind| [kind.domain.as_str(), kind.event_type.as_str()]).collect();
    serde_json::json!(pairs).to_string()
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
