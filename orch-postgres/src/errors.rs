use std::time::Duration;

use orch_core::store::StoreError;
use sqlx::postgres::PgDatabaseError;

/// What a database error means to the caller.
///
/// Transient: the server is away, going down, out of room, in fail-over (25006: it answers
/// read-only), or has picked this statement as the victim of a conflict (class 40) or of a
/// timeout (57014, 55P03, 25P04). Also what a pooler or a new server says about a prepared
/// statement that it does not know (26000), or whose tables have changed (0A000): the next
/// connection prepares it again. Rejected: a value of the statement (classes 22 and 23). All else
/// would fail again.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|database| database.code());
    if code.as_ref().is_some_and(|code| is_about_a_value(code)) {
        return StoreError::rejected(error);
    }
    let transient = match &error {
        sqlx::Error::Database(_) => {
            code.is_some_and(|code| is_transient(&code)) || is_about_a_plan(&error)
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    if transient { StoreError::transient(error) } else { StoreError::fatal(error) }
}

/// The server keeps the connection open and says nothing.
pub(crate) fn no_answer(limit: Duration) -> StoreError {
    StoreError::transient(format!("the database server has not answered for {limit:?}"))
}

fn is_transient(code: &str) -> bool {
    matches!(&code[..2.min(code.len())], "08" | "40" | "53" | "57")
        || matches!(code, "25006" | "25P02" | "25P03" | "25P04" | "55P03" | "26000" | "42P05")
}

/// True for a prepared statement whose tables have changed. Its code is 0A000, which says of other
/// things that the server will never do them; the place in the server tells, in every language.
fn is_about_a_plan(error: &sqlx::Error) -> bool {
    let said =
        error.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    said.is_some_and(|said| {
        said.code() == "0A000" && said.routine() == Some("RevalidateCachedQuery")
    })
}

fn is_about_a_value(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23")
}

/// True if the server cancelled the statement, as `statement_timeout` does: a smaller batch may
/// pass.
pub(crate) fn was_cancelled(error: &StoreError) -> bool {
    code_of(error).as_deref() == Some("57014")
}

/// True if the connection was ended: by the server, an administrator, a pooler or a firewall, or
/// since it was idle for too long.
pub(crate) fn was_ended(error: &StoreError) -> bool {
    let StoreError::Transient(source) = error else { return false };
    let io = matches!(source.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Io(_)));
    io || code_of(error).is_some_and(|code| {
        matches!(&*code, "08003" | "08006" | "25P03" | "57P01" | "57P02" | "57P05")
    })
}

/// The error of a statement inside the caller's transaction. What the server picks as the victim of a
/// conflict (class 40) there is that transaction.
pub(crate) fn in_transaction(error: StoreError) -> StoreError {
    let is_victim = code_of(&error).is_some_and(|code| code.starts_with("40"));
    match error {
        StoreError::Transient(source) if is_victim => StoreError::Outdated(source),
        error => error,
    }
}

/// True if a row violates a unique index.
pub(crate) fn is_duplicate(error: &StoreError) -> bool {
    code_of(error).as_deref() == Some("23505")
}

/// True if a table or a function is not there.
pub(crate) fn is_missing(error: &StoreError) -> bool {
    matches!(code_of(error).as_deref(), Some("42P01" | "42883"))
}

/// True if a row refers to one that is not there.
pub(crate) fn is_unreferenced(error: &StoreError) -> bool {
    code_of(error).as_deref() == Some("23503")
}

fn code_of(error: &StoreError) -> Option<String> {
    let (StoreError::Transient(source) | StoreError::Fatal(source) | StoreError::Rejected(source)) =
        error
    else {
        return None;
    };
    let error = source.downcast_ref::<sqlx::Error>()?;
    Some(error.as_database_error()?.code()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for code in ["40001", "40P01", "08006", "57P01", "25006", "25P04", "53300"] {
            assert!(is_transient(code), "{code}");
        }
        for code in ["23505", "23514", "22021", "42P01", "28P01", "3D000", "0A000", ""] {
            assert!(!is_transient(code), "{code}");
        }
        for code in ["22P05", "22021", "22003", "23505", "23514"] {
            assert!(is_about_a_value(code), "{code}");
        }
        for code in ["28000", "28P01", "42P01", "55000", "58030", "XX000", "3D000", ""] {
            assert!(!is_about_a_value(code), "{code}");
        }
        assert!(store_error(sqlx::Error::WorkerCrashed).is_transient());
        assert!(!store_error(sqlx::Error::RowNotFound).is_transient());
    }
}
