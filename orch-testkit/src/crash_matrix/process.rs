//! What is killed: a runtime of orch on a tokio runtime of its own, so that all of it can be
//! dropped where it stands.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::Registration;
use orch_core::runtime::{Config, Orchestrator, Runtime, RuntimeBuilder, StartError};
use orch_core::store::ManualClock;
use tokio::sync::oneshot;

use super::gate::{Gate, Gated};
use super::intercept::{Calls, intercept};
use super::{Boundary, Database};

/// The leases of the processes. The clock that ends them stands still until the matrix moves it.
const LEASE: Duration = Duration::from_secs(30);
/// Between two looks at the store: tests wait for events, and these are their upper bound.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// A handler that blocks its thread is waited for so long.
const BLOCKED: Duration = Duration::from_secs(10);

/// What a hook on SQLite needs; the README has it too.
const ON_SQLITE: &str = r#"for SQLite, `.on(|| SqliteFile::with("CREATE TABLE IF NOT EXISTS …"))`, of `orch-testkit` with the feature `sqlite`"#;

/// A process as the store and the provider see one.
pub(super) struct Process {
    tokio: tokio::runtime::Runtime,
    pub(super) gate: Arc<Gated>,
    pub(super) orchestrator: Orchestrator,
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

/// What a process is started with.
pub(super) struct Start {
    pub(super) database: Arc<dyn Database>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) registration: Registration,
    pub(super) states: Box<dyn FnOnce(RuntimeBuilder) -> RuntimeBuilder + Send>,
    pub(super) calls: Calls,
    pub(super) kill_at: Option<Boundary>,
}

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// If orch's runtime does not start, with its reason: a state is missing, say.
    pub(super) async fn start(start: Start) -> Self {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads can be started");
        let (stop, stopping) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let (started, starting) = oneshot::channel();
        tokio.spawn(async move {
            let (gate, runtime) = start.run().await;
            let _ = started.send((gate, runtime.orchestrator().clone()));
            // Dropped without a word where the process is killed.
            let _ = stopping.await;
            let _ = runtime.shutdown().await;
            let _ = ended.send(());
        });
        let Ok((gate, orchestrator)) = starting.await else {
            panic!("the runtime of the crash matrix did not start; the reason is printed above");
        };
        Self { tokio, gate, orchestrator, stop, stopped }
    }

    /// Runs this inside the process. `None` if the process dies before it is done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let done = self.tokio.spawn(work);
        tokio::select! {
            biased;
            () = self.gate.died() => None,
            done = done => done.ok(),
        }
    }

    /// Drains, and returns once all is gone. True if the process was killed before: then
    /// everything is dropped where it stands.
    pub(super) async fn end(self) -> bool {
        let Self { tokio, gate, stop, stopped, .. } = self;
        let killed = gate.is_dead() || {
            let _ = stop.send(());
            tokio::select! {
                biased;
                () = gate.died() => true,
                _ = stopped => false,
            }
        };
        let gone = tokio::task::spawn_blocking(move || tokio.shutdown_timeout(BLOCKED));
        let _ = gone.await;
        killed
    }
}

impl Start {
    async fn run(self) -> (Arc<Gated>, Runtime) {
        let Self { database, clock, registration, states, calls, kill_at } = self;
        let gate = Arc::new(Gated::over(database.open(clock).await, Gate::new(kill_at)));
        let kind = (registration.descriptor.domain, registration.descriptor.event_type);
        let builder = Runtime::on_shared(gate.clone()).config(config()).only([kind]);
        let builder = intercept(states(builder), registration, &gate, calls);
        match builder.start().await {
            Ok(runtime) => (gate, runtime),
            Err(error @ StartError::HookConnection { .. }) => {
                panic!(
                    "the crash matrix runs in memory unless told; {error}\n\
                     do this: {ON_SQLITE}"
                )
            }
            Err(error) => panic!("the runtime of the crash matrix did not start: {error}"),
        }
    }
}

fn config() -> Config {
    Config::default()
        .worker_name("crash-matrix")
        .concurrency(4)
        .lease(LEASE)
        .poll_every(LOOK_EVERY)
        .reap_every(LOOK_EVERY)
        .finalize_every(LOOK_EVERY)
}
