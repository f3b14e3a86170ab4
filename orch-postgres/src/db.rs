use std::future::Future;
use std::sync::Arc;

use orch_core::seams::{Clock, StoreError};
use sqlx::postgres::{PgArguments, PgRow};

use crate::errors::was_cancelled;
use crate::pool::Pool;
use crate::time::At;

/// What every verb needs: connections, and in tests a clock.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pub(crate) pool: Pool,
    /// `None` in production: the server's clock decides.
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl Db {
    /// The first parameter of every statement that needs an instant.
    pub(crate) fn now(&self) -> Option<At> {
        self.clock.as_ref().map(|clock| At(clock.now()))
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        arguments: Result<PgArguments, StoreError>,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.pool.fetch(sql, arguments).await
    }
}

/// Runs a verb over a batch, in halves where the server cancels it for taking too long. The
/// answers stay in order.
///
/// # Errors
/// The verb's; what was answered before is lost then, which is no harm: verbs are repeatable.
pub(crate) async fn in_pieces<T: Clone, R, F>(
    batch: Vec<T>,
    mut verb: impl FnMut(Vec<T>) -> F,
) -> Result<Vec<R>, StoreError>
where
    F: Future<Output = Result<Vec<R>, StoreError>>,
{
    let mut answers = Vec::with_capacity(batch.len());
    let mut pieces = vec![batch];
    while let Some(mut piece) = pieces.pop() {
        if piece.is_empty() {
            continue;
        }
        match verb(piece.clone()).await {
            Ok(some) => answers.extend(some),
            Err(error) if was_cancelled(&error) && piece.len() > 1 => {
                let second = piece.split_off(piece.len() / 2);
                tracing::warn!(
                    items = piece.len(),
                    "the server cancelled a batch for its time; going on with half of it"
                );
                pieces.extend([second, piece]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

/// Runs a verb with a limit, a smaller one where the server cancels it for taking too long.
///
/// # Errors
/// The verb's.
pub(crate) async fn with_limit<R, F>(
    limit: usize,
    mut verb: impl FnMut(usize) -> F,
) -> Result<R, StoreError>
where
    F: Future<Output = Result<R, StoreError>>,
{
    let mut limit = limit;
    loop {
        match verb(limit).await {
            Err(error) if was_cancelled(&error) && limit > 1 => {
                limit /= 2;
                tracing::warn!(
                    limit,
                    "the server cancelled a statement for its time; going on with a lower limit"
                );
            }
            done => return done,
        }
    }
}

/// A limit as Postgres takes it.
pub(crate) fn to_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
