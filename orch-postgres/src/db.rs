use std::future::Future;
use std::sync::Arc;

use orch_core::store::{Clock, PutOff, StoreError};
use sqlx::postgres::{PgArguments, PgRow};

use crate::claim::Unleased;
use crate::errors::was_cancelled;
use crate::incarnation::Seen;
use crate::pool::Pool;
use crate::time::At;

/// What every verb needs: connections, and in tests a clock.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pub(crate) pool: Pool,
    /// `None` in production: the server's clock decides.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    /// Which incarnation this process knows.
    pub(crate) seen: Seen,
    /// What the server has refused to move in a sweep, or to remove.
    pub(crate) put_off: Arc<PutOff>,
    /// What it has refused to lease.
    pub(crate) unleased: Arc<Unleased>,
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

/// The most bytes of payloads and outputs in one statement. A parameter of Postgres holds less
/// than 1 GiB, and both sides keep it in memory a few times over.
const STATEMENT_LIMIT: usize = 16 * 1024 * 1024;

/// Runs a verb over a batch: in pieces where it is large, `size` being what an item weighs, and
/// in halves where the server cancels it for taking too long. The answers stay in order.
///
/// # Errors
/// The verb's; what was answered before is lost then, which is no harm: verbs are repeatable.
pub(crate) async fn in_pieces<T: Clone, R, F>(
    batch: Vec<T>,
    size: fn(&T) -> usize,
    mut verb: impl FnMut(Arc<Vec<T>>) -> F,
) -> Result<Vec<R>, StoreError>
where
    F: Future<Output = Result<Vec<R>, StoreError>>,
{
    let mut answers = Vec::with_capacity(batch.len());
    let mut pieces: Vec<Arc<Vec<T>>> = by_size(batch, size).into_iter().map(Arc::new).collect();
    pieces.reverse();
    while let Some(piece) = pieces.pop() {
        match verb(Arc::clone(&piece)).await {
            Ok(some) => answers.extend(some),
            Err(error) if was_cancelled(&error) && piece.len() > 1 => {
                let (first, second) = piece.split_at(piece.len() / 2);
                tracing::warn!(
                    items = first.len(),
                    "the server cancelled a batch that took too long; continuing with half of it"
                );
                pieces.extend([Arc::new(second.to_vec()), Arc::new(first.to_vec())]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

/// Pieces that stay within the limit; one item alone may exceed it. Nothing becomes no piece.
fn by_size<T>(batch: Vec<T>, size: fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut pieces: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for item in batch {
        let weight = size(&item);
        match pieces.last_mut() {
            Some(piece) if weight <= room => {
                room -= weight;
                piece.push(item);
            }
            _ => {
                room = STATEMENT_LIMIT.saturating_sub(weight);
                pieces.push(vec![item]);
            }
        }
    }
    pieces
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
                    "the server cancelled a statement that took too long; lowering the limit"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_items_are_spread_over_statements() {
        let mib = 1024 * 1024;
        let pieces = by_size(vec![10 * mib, 6 * mib, 1, 0, 40 * mib, 1], |size| *size);
        assert_eq!(pieces, [vec![10 * mib, 6 * mib], vec![1, 0], vec![40 * mib], vec![1]]);
        assert!(by_size(Vec::<usize>::new(), |size| *size).is_empty());
    }
}
