//! The operation that is measured: its handler does nothing but count.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

use orch::prelude::*;
use tokio::sync::{Notify, Semaphore};

/// The command of one measured operation: as small as the payloads of the other queues.
#[derive(Debug, Default, Serialize, Deserialize, Command)]
#[command(biz_key = "BENCH-{id}")]
pub(crate) struct Noop {
    /// Its number, from 0.
    pub id: u64,
    /// Nothing, or what makes the payload as large as asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filler: String,
}

impl Noop {
    /// The operation of this number; with a payload of so many bytes if that is more than it needs.
    pub(crate) fn of(id: u64, payload_bytes: usize) -> Self {
        if payload_bytes == 0 {
            return Self { id, filler: String::new() };
        }
        let given = format!(r#"{{"id":{id},"filler":""}}"#).len();
        Self { id, filler: "x".repeat(payload_bytes.saturating_sub(given)) }
    }
}

#[orchestrated(domain = "BENCH", event = "NOOP")]
async fn noop(command: Noop, _ctx: Context, tally: State<Arc<Tally>>) -> Result<u64, Infallible> {
    tally.ran(command.id);
    tally.held().await;
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
    gate: Option<Semaphore>,
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

    /// A tally of operations that do not end before [`Tally::release`].
    pub(crate) fn of_held() -> Arc<Self> {
        Arc::new(Self { gate: Some(Semaphore::new(0)), ..Self::new(0, 0) })
    }

    /// Lets the handlers that are held end.
    pub(crate) fn release(&self) {
        if let Some(gate) = &self.gate {
            gate.close();
        }
    }

    fn with(expected: u64, starts: u64) -> Arc<Self> {
        Arc::new(Self::new(expected, starts))
    }

    fn new(expected: u64, starts: u64) -> Self {
        Self {
            since: Instant::now(),
            expected,
            runs: AtomicU64::new(0),
            distinct: AtomicU64::new(0),
            seen: (0..expected).map(|_| AtomicU8::new(0)).collect(),
            started_ns: (0..starts).map(|_| AtomicU64::new(0)).collect(),
            all_ran: Notify::new(),
            gate: None,
        }
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

    /// Waits for the release, if handlers are held.
    async fn held(&self) {
        if let Some(gate) = &self.gate {
            // There is never a permit: this ends when the gate is closed.
            let _ = gate.acquire().await;
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
    async fn what_is_held_has_run_and_ends_with_the_release() {
        let tally = Tally::of_held();
        tally.ran(1);
        assert_eq!(tally.runs(), 1);
        let mut held = std::pin::pin!(tally.held());
        assert!(futures_pending(held.as_mut()));
        tally.release();
        held.await;
        Tally::of(1).held().await;
    }

    fn futures_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut context).is_pending()
    }

    #[test]
    fn a_payload_is_as_large_as_asked_for() {
        let size = |id, bytes| serde_json::to_string(&Noop::of(id, bytes)).unwrap().len();
        assert_eq!((size(7, 300), size(12_345, 300)), (300, 300));
        assert_eq!(size(7, 0), r#"{"id":7}"#.len());
    }

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
