//! Waking workers: at once inside the process, by a cheap poll across processes.

use std::time::Duration;

use orch_core::store::monotonic;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, Notify};

/// How often another process's commits are looked for. A poll is one `PRAGMA data_version`: it
/// reads no table and never takes the write lock.
const POLL: Duration = Duration::from_millis(20);
/// The part of a poll's interval that jitter may add.
const JITTER: f64 = 0.5;

/// What wakes the workers of this process.
pub(crate) struct Wake {
    options: SqliteConnectOptions,
    notify: Notify,
    watch: Mutex<Watch>,
}

/// A connection that sees the counter, and what it saw last: kept between waits, so that a
/// commit that falls between two of them is not missed.
#[derive(Default)]
struct Watch {
    connection: Option<SqliteConnection>,
    seen: Option<i64>,
}

impl Wake {
    pub(crate) fn new(options: &SqliteConnectOptions) -> Self {
        let options = options.clone().create_if_missing(false).read_only(true);
        Self { options, notify: Notify::new(), watch: Mutex::default() }
    }

    /// There is work now: wakes all that wait, and the next to come if none does.
    pub(crate) fn now(&self) {
        self.notify.notify_waiters();
        self.notify.notify_one();
    }

    /// Returns when there may be work, at the latest after `timeout`.
    pub(crate) async fn wait(&self, timeout: Duration) {
        let woken = self.notify.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let ends_at = monotonic::now().checked_add(timeout);
        loop {
            let pause = POLL.mul_f64(1.0 + JITTER * fastrand::f64());
            let left = ends_at.map(|at| at.saturating_duration_since(monotonic::now()));
            let pause = left.map_or(pause, |left| left.min(pause));
            // Only the pause is raced; the database is asked outside of it.
            tokio::select! {
                () = &mut woken => return,
                () = monotonic::sleep(pause) => {}
            }
            if self.has_changed().await {
                // All who wait share one counter, so the one who sees it move tells the others.
                self.notify.notify_waiters();
                return;
            }
            if ends_at.is_some_and(|at| monotonic::now() >= at) {
                return;
            }
        }
    }

    /// True if another connection has committed since the last look.
    async fn has_changed(&self) -> bool {
        let mut watch = self.watch.lock().await;
        let connection = match watch.connection.take() {
            Some(connection) => Some(connection),
            None => self.options.connect().await.ok(),
        };
        let Some(mut connection) = connection else { return false };
        let version: Result<i64, _> =
            sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await;
        let Ok(version) = version else { return false };
        watch.connection = Some(connection);
        watch.seen.replace(version).is_some_and(|seen| seen != version)
    }
}
