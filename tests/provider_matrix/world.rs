//! One operation for each cell, all at once on one database.

use std::sync::Arc;
use std::time::Duration;

use orch::internals::handler::{Descriptor, Registration};
use orch::internals::policies::Backoff;
use orch::{Config, KeyLifetime, OpId, Operation, Orchestrator, Phase, Runtime};
use orch_testkit::ScriptedProvider;

use crate::contracts::ROWS;
use crate::faults::Fault;
use crate::handlers::{Providers, Row};
use crate::stores::{Database, Kind};

/// What became of one operation.
pub struct Cell {
    pub row: &'static Row,
    pub fault: Fault,
    pub reconciles: bool,
    pub operation: Operation,
    pub provider: Arc<ScriptedProvider>,
}

/// A red test ends after this; nothing else hangs on it.
const LONG: Duration = Duration::from_secs(120);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Beyond the lifetime of every key that is forgotten.
const LATER: Duration = Duration::from_secs(100 * 24 * 60 * 60);

pub async fn run(kind: Kind) -> Vec<Cell> {
    let faults = Fault::ALL.into_iter().filter(|fault| *fault != Fault::KeyExpired);
    let mut cells = at_once(kind.create().await, faults.collect()).await;
    cells.extend(past_the_lifetime(kind.create().await).await);
    cells
}

/// An operation that has been accepted.
struct Begun {
    row: &'static Row,
    fault: Fault,
    reconciles: bool,
    op_id: OpId,
    provider: Arc<ScriptedProvider>,
}

async fn at_once(database: Database, faults: Vec<Fault>) -> Vec<Cell> {
    let providers = Providers::default();
    let runtime = start(&database, &providers, |registration| registration).await;
    let desk = runtime.orchestrator();
    let mut begun = Vec::new();
    for fault in faults {
        begun.extend(accept(desk, &providers, fault, Duration::from_secs(120)).await);
    }
    let mut cells = Vec::new();
    for begun in begun {
        let operation = until(desk, begun.op_id, has_ended, || ()).await;
        cells.push(begun.ended(operation));
    }
    let _ = runtime.shutdown().await;
    cells
}

/// The answer is lost, and the next claim comes when the provider has forgotten the key. A handler that
/// repeats in doubt does not compile with a time budget as long as that, so its times are set by hand.
async fn past_the_lifetime(database: Database) -> Vec<Cell> {
    let providers = Providers::default();
    let an_hour_later = Backoff::from_millis(3_600_000, 3_600_000);
    let patient = |registration: Registration| Registration {
        descriptor: Descriptor {
            backoff: an_hour_later,
            reconcile_backoff: an_hour_later,
            ..registration.descriptor
        },
        ..registration
    };
    let runtime = start(&database, &providers, patient).await;
    let desk = runtime.orchestrator();
    let begun = accept(desk, &providers, Fault::KeyExpired, YEAR).await;
    for begun in &begun {
        until(desk, begun.op_id, |it| has_ended(it) || it.lost_attempts > 0, || ()).await;
        begun.provider.advance(LATER);
    }
    database.clock.advance(LATER);
    let mut cells = Vec::new();
    for begun in begun {
        // One that was slow has its backoff before it.
        let on = || database.clock.advance(HOUR);
        let operation = until(desk, begun.op_id, has_ended, on).await;
        cells.push(begun.ended(operation));
    }
    let _ = runtime.shutdown().await;
    cells
}

async fn start(
    database: &Database,
    providers: &Providers,
    change: impl Fn(Registration) -> Registration,
) -> Runtime {
    let config = Config::default()
        .poll_every(Duration::from_millis(10))
        .prune_every(Duration::from_secs(24 * 60 * 60))
        .completed_retention(YEAR)
        .failed_retention(YEAR);
    let events = ROWS.iter().flat_map(|row| row.handlers).map(|handler| handler.event);
    let events: Vec<_> = events.collect();
    let mut builder = Runtime::on_shared(Arc::clone(&database.store))
        .config(config)
        .state(providers.clone())
        .only(events.iter().map(|event| ("MATRIX", *event)));
    for registration in orch::__private::inventory::iter::<Registration> {
        if events.contains(&registration.descriptor.event_type) {
            builder = builder.replace(change(*registration));
        }
    }
    builder.start().await.unwrap()
}

/// One for each handler of each contract.
async fn accept(
    desk: &Orchestrator,
    providers: &Providers,
    fault: Fault,
    budget: Duration,
) -> Vec<Begun> {
    let mut all = Vec::new();
    let handlers = ROWS.iter().flat_map(|row| [(row, false), (row, true)]);
    for (number, (row, reconciles)) in handlers.enumerate() {
        let provider = (row.provider)().script([fault.step()]).between_calls(Fault::PATIENCE);
        // What is not published is forgotten as well.
        let provider = match row.lifetime {
            KeyLifetime::Unlimited | KeyLifetime::AtLeast(_) => provider,
            _ => provider.forget_after(HOUR),
        };
        let provider = Arc::new(provider);
        let cell = fault as u64 * 1000 + number as u64;
        providers.add(cell, Arc::clone(&provider), fault);
        let op_id = (row.handlers[usize::from(reconciles)].accept)(desk, cell, budget).await;
        all.push(Begun { row, fault, reconciles, op_id, provider });
    }
    all
}

impl Begun {
    fn ended(self, operation: Operation) -> Cell {
        let Self { row, fault, reconciles, provider, .. } = self;
        // What is still at work acts, whether or not anybody waits.
        provider.advance(Fault::WORK);
        Cell { row, fault, reconciles, operation, provider }
    }
}

fn has_ended(operation: &Operation) -> bool {
    operation.status.is_terminal() || operation.phase == Some(Phase::Parked)
}

/// Looks until it is so; `on` is called now and then. Nothing tells that an operation is parked.
async fn until(
    desk: &Orchestrator,
    op_id: OpId,
    so: impl Fn(&Operation) -> bool,
    on: impl Fn(),
) -> Operation {
    let looking = async {
        for look in 1_u32.. {
            let operation = desk.get(op_id).await.unwrap().unwrap();
            if so(&operation) {
                return operation;
            }
            if look.is_multiple_of(200) {
                on();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!()
    };
    match tokio::time::timeout(LONG, looking).await {
        Ok(operation) => operation,
        Err(_) => panic!("no end: {:?}", desk.get(op_id).await.unwrap()),
    }
}
