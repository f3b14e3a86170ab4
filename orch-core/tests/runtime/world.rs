//! A world in three lines: a toy command, a toy provider whose answers a test scripts, and a
//! runtime that runs one handler against it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orch_core::handler::emitted::{bound, checks};
use orch_core::handler::{
    Context, Descriptor, FromCall, HandledCommand, HandlerError, KeyFromCaller, Reconciled,
    Registration, State, TypedCommand,
};
use orch_core::memory::MemoryStore;
use orch_core::policies::Ending;
use orch_core::policies::{Backoff, InDoubt};
use orch_core::provider::{AnyProvider, Keeps, Provider as Contract, Repeat};
use orch_core::runtime::{Accepted, Config, Orchestrator, Runtime, RuntimeBuilder};
use orch_core::store::Store;
use orch_core::words::{IdentityForm, Operation, Waited};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// How the identity of a charge is made.
pub const FORM: IdentityForm = IdentityForm { number: 1, keys: "biz_key = \"ORDER-{order}\"" };

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    pub order: u64,
    pub amount: u64,
}

impl TypedCommand for Charge {
    const IDEM_IGNORE: &'static [&'static str] = &[];
    const FORM: Option<IdentityForm> = Some(FORM);
    type Key = KeyFromCaller;

    fn biz_key(&self) -> String {
        format!("ORDER-{}", self.order)
    }

    fn idem_key(&self) -> Option<String> {
        None
    }
}

impl HandledCommand for Charge {
    const DOMAIN: &'static str = "PAYMENT";
    const EVENT: &'static str = "CHARGE";
    type Output = u64;
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct ChargeError {
    pub text: &'static str,
    pub ending: Ending,
}

impl HandlerError for ChargeError {
    fn ending(&self) -> Ending {
        self.ending.clone()
    }
}

/// What the provider does on one call.
#[derive(Debug, Clone)]
pub enum Answer {
    Charge,
    Error(&'static str, Ending),
    Panic,
    Hang,
    /// Blocks the thread, as careless code does.
    Block(Duration),
    /// Charges once the test says so.
    Gate,
    /// Fails once the test says so.
    GateError(&'static str, Ending),
}

#[derive(Debug, Default)]
pub struct Provider {
    answers: Mutex<VecDeque<Answer>>,
    reconciled: Mutex<VecDeque<Reconciled<u64>>>,
    pub keys: Mutex<Vec<String>>,
    pub reconciles: Mutex<u32>,
    pub called: Notify,
    pub gate: Notify,
}

impl Provider {
    pub fn answers(self: &Arc<Self>, answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        self.answers.lock().unwrap().extend(answers);
        Arc::clone(self)
    }

    pub fn says(self: &Arc<Self>, answers: impl IntoIterator<Item = Reconciled<u64>>) -> Arc<Self> {
        self.reconciled.lock().unwrap().extend(answers);
        Arc::clone(self)
    }

    pub fn calls(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

async fn charge<P: Contract>(
    command: Charge,
    ctx: Context<P>,
    provider: State<Arc<Provider>>,
) -> Result<u64, ChargeError> {
    provider.keys.lock().unwrap().push(ctx.provider_key().to_string());
    provider.called.notify_one();
    let answer = provider.answers.lock().unwrap().pop_front().unwrap_or(Answer::Charge);
    match answer {
        Answer::Charge => {}
        Answer::Error(text, ending) => return Err(ChargeError { text, ending }),
        Answer::Panic => panic!("the handler broke"),
        Answer::Hang => std::future::pending().await,
        Answer::Block(span) => std::thread::sleep(span),
        Answer::Gate => provider.gate.notified().await,
        Answer::GateError(text, ending) => {
            provider.gate.notified().await;
            return Err(ChargeError { text, ending });
        }
    }
    Ok(command.amount)
}

async fn ask(_: Charge, _: Context, provider: State<Arc<Provider>>) -> Reconciled<u64> {
    *provider.reconciles.lock().unwrap() += 1;
    provider.reconciled.lock().unwrap().pop_front().unwrap_or(Reconciled::Unanswered)
}

/// A handler with quick retries.
pub fn handler() -> Registration {
    handler_of::<AnyProvider>()
}

/// [`handler`] of this provider.
pub fn handler_of<P: Contract>() -> Registration {
    Registration {
        descriptor: Descriptor {
            name: "world::charge",
            file: file!(),
            line: line!(),
            domain: Charge::DOMAIN,
            event_type: Charge::EVENT,
            attempt_timeout: Duration::from_secs(10),
            max_attempts: 3,
            backoff: Backoff::from_millis(1, 10),
            reconcile_backoff: Backoff::from_millis(1, 10),
            in_doubt: InDoubt::Retry,
            replays_errors: P::REPEAT == Repeat::Answers(Keeps::Everything),
            ..Descriptor::DEFAULTS
        },
        attempt: |call| {
            let charged = charge(
                bound::<Charge>().command(call)?,
                Context::<P>::from_call(call)?,
                State::from_call(call)?,
            );
            bound::<Charge>().attempt(charged)
        },
        reconcile: None,
        finalize: None,
        needs: || State::<Arc<Provider>>::need().into_iter().collect(),
        checks: Some(checks::<Charge>()),
    }
}

/// [`handler`], changed where a test says so.
pub fn handler_with(change: impl FnOnce(&mut Descriptor)) -> Registration {
    let mut handler = handler();
    change(&mut handler.descriptor);
    handler
}

/// [`handler`] with a reconcile.
pub fn reconciling() -> Registration {
    Registration {
        reconcile: Some(|call| bound::<Charge>().reconcile(ask).start(call)),
        ..handler_with(|handler| handler.in_doubt = InDoubt::Reconcile)
    }
}

/// Short intervals, so that tests wait for events and not for defaults.
pub fn config() -> Config {
    Config::default()
        .concurrency(8)
        .lease(Duration::from_secs(5))
        .poll_every(Duration::from_millis(10))
        .reap_every(Duration::from_millis(20))
        .finalize_every(Duration::from_millis(20))
        .drain_timeout(Duration::from_secs(10))
}

pub fn builder(
    store: impl Store,
    provider: &Arc<Provider>,
    handler: Registration,
) -> RuntimeBuilder {
    Runtime::on(store).config(config()).state(Arc::clone(provider)).register(handler)
}

/// A running worker with this handler on an empty store.
pub async fn runtime(provider: &Arc<Provider>, handler: Registration) -> Runtime {
    builder(MemoryStore::new(), provider, handler).start().await.unwrap()
}

pub async fn accept(orchestrator: &Orchestrator, order: u64) -> Accepted<Charge> {
    let charge = Charge { order, amount: 500 + order };
    orchestrator.accept(charge).idem_key(format!("key-{order}")).unwrap().await.unwrap()
}

/// Waits for the end, or fails the test.
pub async fn finished(orchestrator: &Orchestrator, accepted: &Accepted<Charge>) -> Waited<u64> {
    let finished = orchestrator.wait(accepted, Duration::from_secs(20)).await.unwrap();
    assert!(!matches!(finished, Waited::Pending(_)), "not finished in 20 s: {finished:?}");
    finished
}

pub async fn operation(orchestrator: &Orchestrator, accepted: &Accepted<Charge>) -> Operation {
    orchestrator.get(accepted.op_id).await.unwrap().unwrap()
}

/// Waits until the operation looks as wanted, or fails the test.
pub async fn until(
    orchestrator: &Orchestrator,
    accepted: &Accepted<Charge>,
    wanted: impl Fn(&Operation) -> bool,
) -> Operation {
    let look = async {
        loop {
            let operation = operation(orchestrator, accepted).await;
            if wanted(&operation) {
                return operation;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("not as wanted in 20 s")
}
