//! The operation that is measured: its handler does nothing but count.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

use orch::prelude::*;
use tokio::sync::Notify;

/// The command of one measured operation: as small as the payloads of the other queues.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "BENCH-{id}")]
pub(crate) struct Noop {
    /// Its number, from 0.
    pub id: u64,
}

#[orchestrated(domain = "BENCH", event = "NOOP")]
async fn noop(command: Noop, _ctx: Context, tally: State<Arc<Tally>>) -> Result<u64, Infallible> {
    tally.ran(command.id);
    Ok(command.id)
}

/// Who ran, how often, and when first.
#[derive(Debug)]
pub(crate) struct Tally {
    since: Instant,
    expected: u64,
    runs: AtomicU64,
    distinct: AtomicU64,
    seen: Vec<AtomicU8>,
    started_ns: Vec<AtomicU64>,
    all_ran: Notify,
}

impl Tally {
    /// A tally of operations 0 to `expected` - 1.
    pub(crate) fn of(expected: u64) -> Arc<Self> {
        Self::with(expected, 0)
    }

    /// [`Tally::of`] that also notes when each operation's handler first started.
    pub(crate) fn of_starts(expected: u64) -> Arc<Self> {
        Self::with(expected, expected)
    }

    fn with(expected: u64, starts: u64) -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            expected,
            runs: AtomicU64::new(0),
            distinct: AtomicU64::new(0),
            seen: (0..expected).map(|_| AtomicU8::new(0)).collect(),
            started_ns: (0..starts).map(|_| AtomicU64::new(0)).collect(),
            all_ran: Notify::new(),
        })
    }

    /// Nanoseconds since the tally was made.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// When the handler of this operation first started; `None` if it has not.
    pub(crate) fn started_ns(&self, id: u64) -> Option<u64> {
        let started = self.started_ns.get(usize::try_from(id).ok()?)?.load(SeqCst);
        (started > 0).then_some(started)
    }

    /// Handler runs so far.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(SeqCst)
    }

    /// Operations that ran at least once.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct.load(SeqCst)
    }

    /// Runs that were not the first of their operation.
    pub(crate) fn repeated(&self) -> u64 {
        self.runs() - self.distinct()
    }

    /// Waits until every operation has run.
    pub(crate) async fn all_ran(&self) {
        while self.distinct() < self.expected {
            self.all_ran.notified().await;
        }
    }

    fn ran(&self, id: u64) {
        let place = usize::try_from(id).unwrap_or(usize::MAX);
        if let Some(started) = self.started_ns.get(place) {
            let _ = started.compare_exchange(0, self.now_ns(), SeqCst, Relaxed);
        }
        self.runs.fetch_add(1, SeqCst);
        let first = self.seen.get(place).is_some_and(|seen| seen.swap(1, SeqCst) == 0);
        if first && self.distinct.fetch_add(1, SeqCst) + 1 == self.expected {
            self.all_ran.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_repeated_run_is_counted_but_not_as_another_operation() {
        let tally = Tally::of_starts(2);
        tally.ran(1);
        tally.ran(1);
        assert_eq!((tally.runs(), tally.distinct(), tally.repeated()), (2, 1, 1));
        assert!(tally.started_ns(1).is_some() && tally.started_ns(0).is_none());
        tally.ran(0);
        tally.all_ran().await;
    }
}
