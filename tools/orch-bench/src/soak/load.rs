//! Accepts at a constant rate, whether or not those before have been answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch::Orchestrator;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Failed;
use crate::load::{accept_one, new_run};

/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(5);
/// Seconds of load that may wait for their answers, before the rate is called too high.
const WAITING_S: u64 = 10;

/// Callers that come at a constant rate.
#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    going: watch::Sender<bool>,
    pace: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    sent: AtomicU64,
    answered: AtomicU64,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// Since they were last taken.
    calls_ms: Vec<f64>,
    /// The first that went wrong.
    error: Option<String>,
}

impl Load {
    /// Begins.
    pub(super) fn start(orchestrator: Orchestrator, rate: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let (going, goes) = watch::channel(true);
        let pace = tokio::spawn(pace(orchestrator, rate, Arc::clone(&shared), goes));
        Self { shared, going, pace }
    }

    /// How many were accepted so far, and how long each took since the last call, in milliseconds: from the
    /// instant at which it was due, so that a pause counts for all that it holds up.
    ///
    /// # Errors
    /// The first that an accept met, or that they do not keep up.
    pub(super) fn taken(&self) -> Result<(u64, Vec<f64>), Failed> {
        let mut rest = self.shared.rest();
        match rest.error.take() {
            Some(error) => Err(error.into()),
            None => Ok((self.shared.answered.load(Relaxed), std::mem::take(&mut rest.calls_ms))),
        }
    }

    /// Sends no more, waits for the answers, and says how many were accepted in all.
    ///
    /// # Errors
    /// As [`Load::taken`].
    pub(super) async fn end(self) -> Result<u64, Failed> {
        self.going.send_replace(false);
        self.pace.await?;
        while self.shared.waiting() > 0 && self.shared.rest().error.is_none() {
            tokio::time::sleep(TICK).await;
        }
        match self.shared.rest().error.take() {
            Some(error) => Err(error.into()),
            None => Ok(self.shared.answered.load(Relaxed)),
        }
    }
}

impl Shared {
    fn waiting(&self) -> u64 {
        self.sent.load(Relaxed).saturating_sub(self.answered.load(Relaxed))
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pace(
    orchestrator: Orchestrator,
    rate: u64,
    shared: Arc<Shared>,
    mut goes: watch::Receiver<bool>,
) {
    let (run, started) = (new_run(), Instant::now());
    let each = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
    while *goes.borrow_and_update() {
        while due_at(started, each, shared.sent.load(Relaxed)) <= Instant::now() {
            if shared.waiting() > rate * WAITING_S {
                let error = format!("accepts do not keep up with {rate} a second");
                shared.rest().error.get_or_insert(error);
                return;
            }
            let id = shared.sent.fetch_add(1, Relaxed);
            let due = due_at(started, each, id);
            let (orchestrator, shared) = (orchestrator.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let accepted = accept_one(&orchestrator, run, id).await;
                let call_ms = due.elapsed().as_secs_f64() * 1e3;
                let mut rest = shared.rest();
                match accepted {
                    Ok(()) => rest.calls_ms.push(call_ms),
                    Err(error) => drop(rest.error.get_or_insert(error.to_string())),
                }
                shared.answered.fetch_add(1, Relaxed);
            });
        }
        tokio::select! {
            _ = goes.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn due_at(started: Instant, each: Duration, id: u64) -> Instant {
    let nanoseconds = each.as_nanos().saturating_mul(id.into());
    started + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}
