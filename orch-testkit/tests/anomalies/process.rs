//! A process as the database sees it: a worker, and a client that goes on until it has an answer.

use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::AcceptError;
use orch_core::runtime::{Config, Orchestrator, RedriveError, ResolveError, Runtime};
use orch_core::store::Resolution;
use orch_core::words::{Command, OpId, Operation, Payload, Phase, Waited};
use orch_testkit::{FaultStore, Reply, ScriptedProvider};

use crate::common::Backend;
use crate::databases::Database;
use crate::handler::{Gateway, handler};
use crate::life::Life;

/// How long a claim lasts.
pub const LEASE: Duration = Duration::from_millis(400);
/// Beyond every lease, and the Reaper's next pass.
pub const BEYOND_THE_LEASE: Duration = Duration::from_millis(600);
/// Between two tries of the client.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the client looks at once.
const LOOK: Duration = Duration::from_millis(250);

pub struct Process {
    pub store: Arc<FaultStore>,
    provider: Arc<ScriptedProvider>,
    runtime: Runtime,
}

/// The operation, and the one that runs it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub op_id: OpId,
    pub redriven_as: Option<OpId>,
}

impl Process {
    /// `None` if it does not come up.
    pub async fn start(
        life: &Life,
        backend: Backend,
        store: FaultStore,
        provider: &Arc<ScriptedProvider>,
    ) -> Option<Self> {
        let (store, provider) = (Arc::new(store), Arc::clone(provider));
        let gateway = Gateway {
            provider: Arc::clone(&provider),
            process: Arc::clone(&store),
            slowness: life.slowness,
        };
        let config = Config::default()
            .concurrency(4)
            .lease(LEASE)
            .poll_every(Duration::from_millis(120))
            .reap_every(Duration::from_millis(120))
            .finalize_every(Duration::from_millis(120))
            .prune_every(Duration::from_secs(60));
        let runtime = Runtime::on_shared(store.clone()).config(config).state(gateway);
        let runtime = runtime.register(handler(life, backend)).start().await.ok()?;
        Some(Self { store, provider, runtime })
    }

    /// The client sends its command and stays until there is an end. `None` if the process dies
    /// before.
    pub async fn live(&self, life: &'static Life, key: &str) -> Option<Told> {
        let client = Client {
            life,
            orchestrator: self.runtime.orchestrator().clone(),
            provider: Arc::clone(&self.provider),
            key: key.to_owned(),
        };
        // In a task of its own: a call to the database is never cut off half-way.
        let told = tokio::spawn(client.live());
        tokio::select! {
            biased;
            () = self.store.killed() => None,
            told = told => Some(told.unwrap()),
        }
    }

    /// Ends it: at once if it is dead, else when it is drained.
    pub async fn end(self) {
        if !self.store.is_dead() {
            let _ = self.runtime.shutdown().await;
        }
    }
}

struct Client {
    life: &'static Life,
    orchestrator: Orchestrator,
    provider: Arc<ScriptedProvider>,
    key: String,
}

impl Client {
    async fn live(self) -> Told {
        let op_id = self.accept().await;
        let ended = self.follow(op_id).await;
        let mut told = Told { op_id, redriven_as: None };
        if self.life.redriven && matches!(ended, Waited::Failed(_)) {
            let anew = loop {
                let redriven = match self.orchestrator.redrive(op_id).await {
                    // A refusal after a lost attempt speaks for itself only. A person looks.
                    Err(RedriveError::Uncertain { .. }) if self.charged().is_none() => {
                        self.orchestrator.redrive_uncertain(op_id).await
                    }
                    redriven => redriven,
                };
                match redriven {
                    Ok(anew) => break anew,
                    Err(RedriveError::Store(_)) => tokio::time::sleep(PAUSE).await,
                    Err(error) => panic!("{error}"),
                }
            };
            self.follow(anew).await;
            told.redriven_as = Some(anew);
        }
        told
    }

    async fn accept(&self) -> OpId {
        loop {
            let Life { payload, time_budget, .. } = *self.life;
            let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", &self.key, payload).unwrap();
            match self.orchestrator.start(command, time_budget).await {
                Ok(op_id) => return op_id,
                Err(AcceptError::Store(_)) => tokio::time::sleep(PAUSE).await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits for the end, and is the person where one is needed.
    async fn follow(&self, op_id: OpId) -> Waited<Payload> {
        loop {
            match self.orchestrator.wait_for(op_id, LOOK).await {
                Ok(Waited::Pending(operation)) => self.resolve(&operation).await,
                Ok(ended) => return ended,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// A person looks at the provider's pages and decides.
    async fn resolve(&self, operation: &Operation) {
        if operation.phase != Some(Phase::Parked) {
            return;
        }
        let resolution = match self.charged() {
            Some(receipt) => Resolution::Ok(Payload::json(&receipt).unwrap()),
            None => Resolution::RunAgain,
        };
        match self.orchestrator.resolve(operation.op_id, resolution, "ann", "looked there").await {
            Ok(()) | Err(ResolveError::NotParked { .. } | ResolveError::Store(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn charged(&self) -> Option<u64> {
        let calls = self.provider.calls();
        calls.iter().find_map(|call| match self.provider.happened(&call.key)? {
            Reply::Charged { receipt } => Some(receipt),
            _ => None,
        })
    }
}

/// A key that no other life has.
pub fn new_key() -> String {
    OpId::generate().to_string()
}

/// One life, or the rest of one, in a process whose calls all come through.
pub async fn in_peace(
    life: &'static Life,
    database: &Database,
    provider: &Arc<ScriptedProvider>,
    key: &str,
) -> (Told, Arc<FaultStore>) {
    let store = FaultStore::new(Arc::clone(&database.store));
    let process = Process::start(life, database.backend, store, provider).await.unwrap();
    let told = process.live(life, key).await.unwrap();
    let store = Arc::clone(&process.store);
    process.end().await;
    (told, store)
}
