//! Waking those who wait for work. Only ever a hint: polling never depends on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use orch_core::policies::Backoff;
use orch_core::store::{StoreError, lock, monotonic};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;

use crate::connect::Target;
use crate::errors::store_error;
use crate::hosts::Place;
use crate::pool::{Pool, arguments};

/// The channel of all workers of a database. Its messages are empty.
const CHANNEL: &str = "orch_work";
/// The least time between two messages of one process. A message is a separate commit, and
/// takes a lock that commits with messages wait for.
const NOTIFY_GAP: Duration = Duration::from_millis(10);
/// Between two tries to listen while there is no connection to be had.
const RELISTEN: Backoff = Backoff::from_millis(100, 30_000);
/// Before the next try after a connection that worked was lost.
const LOST: Duration = Duration::from_millis(50);
/// How often a background task looks whether its store is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The most due instants that are kept; the rest is left to polling.
const DUE_LIMIT: usize = 10_000;

/// The waiting calls of this process, and how other processes are notified.
#[derive(Debug)]
pub(crate) struct Wake {
    work: Notify,
    waiting: AtomicUsize,
    due: Mutex<BinaryHeap<Reverse<Instant>>>,
    unsent: Notify,
    sends: AtomicBool,
    listens: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self {
            work: Notify::new(),
            waiting: AtomicUsize::new(0),
            due: Mutex::default(),
            unsent: Notify::new(),
            sends: AtomicBool::new(false),
            listens: AtomicBool::new(false),
        }
    }

    /// There is work. A worker of this process that waits is enough; otherwise the others are
    /// notified, by a separate statement after the commit: inside the accepting transaction it
    /// would switch off the server's group commit.
    pub(crate) fn announce(self: &Arc<Self>, pool: &Pool) {
        let waits_here = self.waiting.load(Ordering::Relaxed) > 0;
        self.wake_here();
        if !waits_here && !pool.target().pooled {
            if !self.sends.swap(true, Ordering::Relaxed) {
                tokio::spawn(send(Arc::downgrade(self), pool.clone()));
            }
            self.unsent.notify_one();
        }
    }

    /// There may be work.
    pub(crate) fn wake_here(&self) {
        self.work.notify_waiters();
        // For one who has just found nothing and is about to wait.
        self.work.notify_one();
    }

    /// There will be work.
    pub(crate) fn announce_later(&self, delay: Duration) {
        let mut due = lock(&self.due);
        if let Some(at) = monotonic::now().checked_add(delay)
            && due.len() < DUE_LIMIT
        {
            due.push(Reverse(at));
            drop(due);
            self.work.notify_waiters();
        }
    }

    /// Returns when there may be work, at the latest after `timeout`.
    pub(crate) async fn wait(self: &Arc<Self>, target: &Target, timeout: Duration) {
        if !target.pooled && !self.listens.swap(true, Ordering::Relaxed) {
            tokio::spawn(listen(Arc::downgrade(self), target.clone()));
        }
        let timeout = self.until_due().map_or(timeout, |next| next.min(timeout));
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        // Running into the timeout is the other way to return, not a failure.
        let _ = monotonic::timeout(timeout, self.work.notified()).await;
    }

    /// How long until the next operation of this process is due. What is due already does not
    /// count: the caller that waits has just looked.
    fn until_due(&self) -> Option<Duration> {
        let now = monotonic::now();
        let mut due = lock(&self.due);
        while let Some(Reverse(at)) = due.peek() {
            if *at > now {
                return Some(*at - now);
            }
            due.pop();
        }
        None
    }
}

/// One who waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notifies the other processes, at most once in a gap, until nothing is left to announce.
async fn send(wake: Weak<Wake>, pool: Pool) {
    loop {
        let Some(alive) = wake.upgrade() else { return };
        let unsent = monotonic::timeout(LOOK_EVERY, alive.unsent.notified()).await;
        drop(alive);
        if unsent.is_err() {
            continue;
        }
        let sql = "SELECT pg_notify($1, '')";
        if let Err(error) = pool.fetch(sql, arguments![CHANNEL]).await {
            tracing::debug!(error = ?error, "other workers could not be notified; they poll");
        }
        monotonic::sleep(NOTIFY_GAP).await;
    }
}

/// Listens until the store is gone. Each new connection is followed by a look at the queue,
/// since what was sent in the gap is lost.
async fn listen(wake: Weak<Wake>, target: Target) {
    let mut failures = 0;
    while wake.strong_count() > 0 {
        let delay = match connect(&target).await {
            Ok((place, listener)) => {
                failures = 0;
                let moved = || !target.hosts.is_current(place);
                let error = until_lost(&wake, listener, moved).await;
                tracing::info!(error = ?error, "the LISTEN connection was lost; reconnecting");
                LOST
            }
            Err(error) => {
                failures += 1;
                let delay = RELISTEN.delay(failures, fastrand::f64());
                tracing::warn!(error = ?error, ?delay, "cannot listen for work; polling meanwhile");
                delay
            }
        };
        monotonic::sleep(delay).await;
    }
}

/// A standby and an old primary refuse or never send: where the URL names several servers, a
/// connection that is not kept finds the right one.
async fn connect(target: &Target) -> Result<(Place, PgListener), StoreError> {
    let place = if target.hosts.is_one() { 0 } else { target.connect().await?.0 };
    let options = target.hosts.options(place).cloned().unwrap_or_default();
    // sqlx's pool has timers of its own.
    let connecting = monotonic::by_real_time(async {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        PgListener::connect_with(&pool).await
    });
    let mut listener = connecting.await.map_err(store_error)?;
    // A lost connection ends this listener: the delay before the next is ours.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(store_error)?;
    Ok((place, listener))
}

/// `None` if the store is gone. A server that others have left is lost as well: it may be up, and
/// would never send anything.
async fn until_lost(
    wake: &Weak<Wake>,
    mut listener: PgListener,
    moved: impl Fn() -> bool,
) -> Option<StoreError> {
    loop {
        wake.upgrade()?.wake_here();
        let mut next = monotonic::timeout(LOOK_EVERY, listener.try_recv()).await;
        while next.is_err() {
            wake.upgrade()?;
            if moved() {
                return Some(StoreError::transient("another server takes the writes"));
            }
            next = monotonic::timeout(LOOK_EVERY, listener.try_recv()).await;
        }
        match next {
            Ok(Ok(Some(_))) => {}
            Ok(Err(error)) => return Some(store_error(error)),
            Ok(Ok(None)) | Err(_) => return Some(StoreError::transient("the connection was lost")),
        }
    }
}
