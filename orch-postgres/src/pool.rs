use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use orch_core::store::{StoreError, lock, monotonic};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::Semaphore;

use crate::connect::{CONNECT_TIMEOUT, Target};
use crate::errors::{no_answer, store_error, was_ended};
use crate::hosts::Place;

/// The engine's own connections, never the user's.
///
/// Each use runs in a separate task, which goes on when the caller stops waiting: a
/// connection is given back idle, or dropped, never in the middle of something. After any error
/// it is dropped as well: a new one costs a few milliseconds, and whatever was wrong with the
/// old one, a fail-over, a half-open socket, a pooler's mood, is gone with it.
///
/// It is not sqlx's pool, which asks the server whether a connection is alive each time one
/// comes back: a second round trip for each statement.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    target: Target,
    permits: Semaphore,
    idle: Mutex<Vec<(Place, PgConnection)>>,
}

/// Work on a connection, which it gives back if it is idle.
pub(crate) type Lent<T> = BoxFuture<'static, Result<Done<T>, StoreError>>;

/// What work came to, and the connection if it is idle.
type Done<T> = (T, Option<PgConnection>);

impl Pool {
    /// A pool of at most so many connections, none of them open yet.
    pub(crate) fn new(target: Target, connections: usize) -> Self {
        let permits = Semaphore::new(connections);
        Self(Arc::new(Shared { target, permits, idle: Mutex::default() }))
    }

    /// Runs one statement. A connection that has ended while it was idle is replaced and the
    /// statement sent again, once: the verbs can be repeated.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn fetch(
        &self,
        sql: &'static str,
        arguments: Result<PgArguments, StoreError>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let (arguments, limit) = (arguments?, self.0.target.answer_timeout);
        match self.fetch_once(limit, sql, arguments.clone()).await {
            Err(error) if was_ended(&error) => self.fetch_once(limit, sql, arguments).await,
            done => done,
        }
    }

    /// The same without a second try, and with another limit on the wait for the answer.
    ///
    /// # Errors
    /// As [`Pool::fetch`].
    pub(crate) async fn fetch_once(
        &self,
        limit: Duration,
        sql: &'static str,
        arguments: PgArguments,
    ) -> Result<Vec<PgRow>, StoreError> {
        let begin = self.0.target.pooled.then(|| self.0.target.begin());
        self.lend(Some(limit), move |mut connection| {
            Box::pin(async move {
                match fetch_within(&mut connection, begin, sql, arguments).await {
                    Ok(rows) => Ok((rows, Some(connection))),
                    Err(error) => {
                        // The server says no before it lets go of the rows. Once it answers again it has: so
                        // the next statement of the same batch does not find them locked.
                        if !error.is_transient() {
                            let _ = connection.ping().await;
                        }
                        Err(error)
                    }
                }
            })
        })
        .await
    }

    /// Lends a connection to work that gives it back idle, or not at all. It is given up if that
    /// takes longer than `limit`; without one it may take however long it takes.
    ///
    /// # Errors
    /// The work's own; [`StoreError::Transient`] if there is no connection to be had, if the
    /// answer did not come, or if the work panics.
    pub(crate) async fn lend<T: Send + 'static>(
        &self,
        limit: Option<Duration>,
        work: impl FnOnce(PgConnection) -> Lent<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let _permit = shared.permits.acquire().await.map_err(StoreError::transient)?;
            let (place, connection) = match shared.pop_idle() {
                Some(idle) => idle,
                None => shared.target.connect().await?,
            };
            match shared.answered(place, limit, work(connection)).await {
                Ok((done, back)) => {
                    lock(&shared.idle).extend(back.map(|connection| (place, connection)));
                    Ok(done)
                }
                Err(error) => {
                    // Others that were idle meanwhile may have died with it.
                    lock(&shared.idle).clear();
                    Err(error)
                }
            }
        });
        task.await.map_err(StoreError::transient)?
    }

    /// Closes the connections that are idle now.
    pub(crate) fn close_idle(&self) {
        lock(&self.0.idle).clear();
    }

    /// Where it connects to.
    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }
}

impl Shared {
    /// A connection to the server that new ones go to. Another pool of this store may have found
    /// that one first: what is still open to a server before it is closed.
    fn pop_idle(&self) -> Option<(Place, PgConnection)> {
        let mut idle = lock(&self.idle);
        idle.retain(|(place, _)| self.target.hosts.is_current(*place));
        idle.pop()
    }

    /// Waits for work on a connection. Past the limit, or when another server takes the writes, the
    /// work is dropped, and with it the connection, which is in the middle of something. The wait is
    /// in a task of the pool's own, so no caller that goes away comes between.
    async fn answered<T>(
        &self,
        place: Place,
        limit: Option<Duration>,
        work: Lent<T>,
    ) -> Result<Done<T>, StoreError> {
        let Some(limit) = limit else { return work.await };
        tokio::select! {
            biased;
            done = monotonic::timeout(limit, work) => done.unwrap_or_else(|_| Err(no_answer(limit))),
            () = self.target.hosts.until_left(place, CONNECT_TIMEOUT) => {
                Err(StoreError::transient("another server takes the writes"))
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {})", lock(&self.0.idle).len(), self.0.target.connections)
    }
}

/// Runs a statement in its own transaction: one that the server makes, or one that keeps a pooler from
/// changing the server half-way.
async fn fetch_within(
    connection: &mut PgConnection,
    begin: Option<String>,
    sql: &'static str,
    arguments: PgArguments,
) -> Result<Vec<PgRow>, StoreError> {
    let Some(begin) = begin else { return fetch(connection, sql, arguments, true).await };
    command(connection, begin).await?;
    let rows = fetch(connection, sql, arguments, false).await?;
    command(connection, "COMMIT").await?;
    Ok(rows)
}

/// Runs a statement with parameters on this connection.
pub(crate) async fn fetch(
    connection: &mut PgConnection,
    sql: &'static str,
    arguments: PgArguments,
    named: bool,
) -> Result<Vec<PgRow>, StoreError> {
    let query = sqlx::query_with(sql, arguments).persistent(named);
    query.fetch_all(connection).await.map_err(store_error)
}

/// Runs statements without parameters on this connection, in one round trip.
pub(crate) async fn command(
    connection: &mut PgConnection,
    sql: impl Into<String>,
) -> Result<(), StoreError> {
    let sql = AssertSqlSafe(sql.into());
    connection.execute(sqlx::raw_sql(sql)).await.map_err(store_error)?;
    Ok(())
}

/// A column of a statement over many items.
pub(crate) fn each<'a, T, V>(items: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    items.iter().map(value).collect()
}

/// The parameters of a statement, in order.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => {
        crate::pool::collect(|_arguments| {
            $(sqlx::Arguments::add(_arguments, $value)?;)*
            Ok(())
        })
    };
}
pub(crate) use arguments;

/// Collects parameters.
///
/// # Errors
/// [`StoreError::Fatal`] if a value cannot be encoded.
pub(crate) fn collect(
    add: impl FnOnce(&mut PgArguments) -> Result<(), BoxDynError>,
) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    add(&mut arguments).map_err(StoreError::fatal)?;
    Ok(arguments)
}
