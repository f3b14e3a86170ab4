use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::carry::Line;
use crate::policies::Backoff;
use crate::store::{Store, StoreError, monotonic, refuse_inside_hook};

/// The most items that one call of the store takes.
const BATCH_LIMIT: usize = 1000;
/// The least that a batch has to hold to go out beside another one. A commit and a round trip cost
/// about as much as twenty items.
const BESIDE: usize = 64;
/// Items that may wait before callers are made to wait.
const QUEUE_LIMIT: usize = 4096;
/// Between two tries while the database is away. What is accepted after a fail-over waits for the
/// rest of a pause: with 2 s, the first after an outage of 9 s was accepted 2.0 s after the promotion.
pub(super) const RETRY: Backoff = Backoff::from_millis(20, 1000);

/// A verb of the store over a batch.
pub type Verb<T, R> =
    for<'s> fn(&'s dyn Store, Vec<T>) -> BoxFuture<'s, Result<Vec<R>, StoreError>>;

/// How long to go on while the database does not answer.
#[derive(Debug, Clone, Copy)]
pub enum Patience {
    /// Return the error after this long: a caller is waiting and can decide.
    For(Duration),
    /// Until it is done: nothing may be lost.
    Forever,
}

/// Natural batching: while one batch is in flight the next one gathers. A single caller is sent at
/// once.
///
/// With several at once, many callers that wait are spread over several batches in flight: one batch
/// keeps one process of the server busy, and none while its callers are being answered.
///
/// Transient errors are retried with backoff as far as [`Patience`] goes; the verbs that are batched
/// are repeatable, so a lost reply is no harm. A batch that the database refuses is halved until
/// the bad item is alone: only its caller gets the error. An error that hits both halves alike is
/// the server's: a caller with patience for ever is not told, and its item goes out again.
#[derive(Debug)]
pub struct Batcher<T, R> {
    sender: mpsc::Sender<Item<T, R>>,
}

/// What was handed in, and who waits for its answer.
pub(super) type Item<T, R> = (T, oneshot::Sender<Result<R, StoreError>>);

impl<T, R> Batcher<T, R>
where
    T: Clone + Send + 'static,
    R: Send + 'static,
{
    /// Starts gathering for a verb whose items may not be lost, with one batch in flight at a
    /// time, until dropped; what was handed in before is still carried out. `name` is for the
    /// log. To be called within a tokio runtime.
    pub fn start(store: &Arc<dyn Store>, name: &'static str, verb: Verb<T, R>) -> Self {
        Self::start_with(Arc::clone(store), name, Patience::Forever, 1, verb)
    }

    /// The same with this patience, and at most `at_once` batches in flight, at least one.
    pub fn start_with(
        store: Arc<dyn Store>,
        name: &'static str,
        patience: Patience,
        at_once: usize,
        verb: Verb<T, R>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_LIMIT);
        let line = Arc::new(Line { store, name, patience, verb });
        tokio::spawn(run(line, at_once.max(1), receiver));
        Self { sender }
    }

    /// Hands one item in and waits for its answer. Dropping the future does not call the item
    /// back.
    ///
    /// # Errors
    /// The store's error for this item; [`StoreError::Transient`] once patience has run out, or
    /// if the runtime ends meanwhile; [`StoreError::Ended`] if it has ended; [`StoreError::InsideHook`].
    pub async fn submit(&self, item: T) -> Result<R, StoreError> {
        refuse_inside_hook()?;
        let (reply, answer) = oneshot::channel();
        self.sender.send((item, reply)).await.map_err(|_| StoreError::Ended)?;
        answer.await.map_err(|_| StoreError::transient("the runtime has ended meanwhile"))?
    }
}

/// Gathers and sends until no caller can hand anything in any more, and all is carried out.
async fn run<T, R>(line: Arc<Line<T, R>>, at_once: usize, mut receiver: mpsc::Receiver<Item<T, R>>)
where
    T: Clone + Send + 'static,
    R: Send + 'static,
{
    let mut in_flight = JoinSet::new();
    let (mut gathered, mut kept) = (Vec::new(), Kept::default());
    let mut open = true;
    while open || !(gathered.is_empty() && in_flight.is_empty() && kept.items.is_empty()) {
        let (room, pause) = (BATCH_LIMIT.saturating_sub(gathered.len()), kept.pause());
        tokio::select! {
            came = receiver.recv_many(&mut gathered, room),
                if open && room > 0 && in_flight.len() < at_once => open = came > 0,
            Some(back) = in_flight.join_next() => kept.add(back.unwrap_or_default()),
            () = monotonic::sleep(pause), if !kept.items.is_empty() && in_flight.is_empty() => {}
            else => {}
        }
        // Only then is the batch that comes back next theirs, and says whether to go on backing off.
        if in_flight.is_empty() && kept.pause().is_zero() {
            gathered.append(&mut kept.items);
        }
        let_in(&mut receiver, &mut gathered).await;
        while let Some(size) = next_batch(gathered.len(), in_flight.len(), at_once) {
            let batch = gathered.drain(..size).collect();
            let line = Arc::clone(&line);
            in_flight.spawn(async move { line.carry_out(batch).await });
        }
    }
}

/// What the database refuses for a reason of its own. It goes out again with what has come since:
/// then it shows whether the server is at fault or one item.
struct Kept<T, R> {
    items: Vec<Item<T, R>>,
    rounds: u32,
    again_at: Instant,
}

impl<T, R> Default for Kept<T, R> {
    fn default() -> Self {
        Self { items: Vec::new(), rounds: 0, again_at: monotonic::now() }
    }
}

impl<T, R> Kept<T, R> {
    fn add(&mut self, back: Vec<Item<T, R>>) {
        if back.is_empty() {
            // None waits and none came back: the trouble is over.
            if self.items.is_empty() {
                self.rounds = 0;
            }
            return;
        }
        self.rounds = self.rounds.saturating_add(1);
        self.again_at = monotonic::now() + RETRY.delay(self.rounds, fastrand::f64());
        self.items.extend(back);
    }

    fn pause(&self) -> Duration {
        self.again_at.saturating_duration_since(monotonic::now())
    }
}

/// How many of those gathered go out now. While a batch is in flight, few wait for its end.
fn next_batch(gathered: usize, in_flight: usize, at_once: usize) -> Option<usize> {
    let free = at_once.saturating_sub(in_flight);
    let least = if in_flight == 0 { 1 } else { BESIDE };
    let size = gathered.div_ceil(free.max(1)).max(BESIDE).min(gathered).min(BATCH_LIMIT);
    (free > 0 && gathered >= least).then_some(size)
}

/// Lets those in who are about to come. Callers that were answered together come back
/// together; the first of them, or one who had to wait, would be carried off before the
/// others have run, and the same two half batches take turns for ever (42 commits for 20
/// rounds of 64 callers, 21 this way). A turn of the scheduler costs a lone caller
/// microseconds: a single caller is sent at once.
async fn let_in<T, R>(receiver: &mut mpsc::Receiver<Item<T, R>>, batch: &mut Vec<Item<T, R>>) {
    let mut before = 0;
    while before < batch.len() && batch.len() < BATCH_LIMIT {
        before = batch.len();
        tokio::task::yield_now().await;
        while batch.len() < BATCH_LIMIT
            && let Ok(item) = receiver.try_recv()
        {
            batch.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::store::open;

    const CALLERS: usize = 64;
    const ROUNDS: usize = 20;

    /// The sizes of the batches that were carried out.
    type Sizes = Arc<Mutex<Vec<usize>>>;

    async fn sizes_of(batcher: Batcher<Sizes, ()>, callers: usize) -> Vec<usize> {
        let (batcher, sizes) = (Arc::new(batcher), Sizes::default());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (batcher, sizes) = (Arc::clone(&batcher), Arc::clone(&sizes));
            tasks.spawn(async move {
                for _ in 0..ROUNDS {
                    batcher.submit(Arc::clone(&sizes)).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let sizes = sizes.lock().unwrap().clone();
        assert_eq!(sizes.iter().sum::<usize>(), callers * ROUNDS);
        sizes
    }

    async fn batcher(at_once: usize) -> Batcher<Sizes, ()> {
        let store = open("memory:").await.unwrap();
        Batcher::start_with(store, "test", Patience::Forever, at_once, |_, batch: Vec<Sizes>| {
            Box::pin(async move {
                batch[0].lock().unwrap().push(batch.len());
                // In flight: the others may run.
                tokio::task::yield_now().await;
                Ok(vec![(); batch.len()])
            })
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn callers_that_come_back_together_share_every_batch() {
        for at_once in [1, 3] {
            // On the one worker, so that no caller runs before all of them are there.
            let run = tokio::spawn(async move { sizes_of(batcher(at_once).await, CALLERS).await });
            let sizes = run.await.unwrap();
            // Not all callers had started when the first batch went out, so there is one more.
            assert!(sizes.len() <= ROUNDS + 1, "{at_once} at once: {sizes:?}");
        }
    }

    /// Answered only when as many batches are in flight as there may be.
    #[tokio::test]
    async fn many_callers_keep_every_lane_busy() {
        type Gate = Arc<tokio::sync::Barrier>;
        let store = open("memory:").await.unwrap();
        let batcher =
            Batcher::start_with(store, "test", Patience::Forever, 3, |_, batch: Vec<Gate>| {
                Box::pin(async move {
                    batch[0].wait().await;
                    Ok(vec![(); batch.len()])
                })
            });
        let (batcher, gate) = (Arc::new(batcher), Arc::new(tokio::sync::Barrier::new(3)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..3 * BESIDE {
            let (batcher, gate) = (Arc::clone(&batcher), Arc::clone(&gate));
            tasks.spawn(async move { batcher.submit(gate).await });
        }
        let answered = monotonic::timeout(Duration::from_secs(10), tasks.join_all()).await;
        assert_eq!(answered.map(|answers| answers.len()).ok(), Some(3 * BESIDE));
    }

    #[test]
    fn few_wait_for_the_batch_in_flight_and_many_do_not() {
        assert_eq!(next_batch(0, 0, 3), None);
        assert_eq!(next_batch(1, 0, 3), Some(1), "a single caller is sent at once");
        assert_eq!(next_batch(BESIDE, 0, 3), Some(BESIDE));
        assert_eq!(next_batch(3 * BESIDE, 0, 3), Some(BESIDE), "spread over the batches");
        assert_eq!(next_batch(BESIDE - 1, 1, 3), None);
        assert_eq!(next_batch(BESIDE, 1, 3), Some(BESIDE));
        assert_eq!(next_batch(BATCH_LIMIT, 1, 1), None, "one at once, one batch");
        assert_eq!(next_batch(BATCH_LIMIT, 0, 1), Some(BATCH_LIMIT));
    }
}
