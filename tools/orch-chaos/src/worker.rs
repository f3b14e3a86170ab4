use std::sync::Arc;
use std::time::Duration;

use orch::internals::runtime::Config;
use orch::internals::store::{OpenError, open};
use orch::{Runtime, Store};
use orch_lab::process::say;
use orch_lab::store::Backend;
use orch_testkit::Layered;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::crashing::Crashing;
use crate::fate::{Fate, Fates};
use crate::handlers::Desk;
use crate::hooks::FATES;
use crate::order::Product;
use crate::release::{DOMAIN, Release};
use crate::world::{LEASE, TICK, World};

/// Handlers that run at once: so many are in doubt after one kill.
const CONCURRENCY: usize = 16;
/// A shutdown waits so long for handlers, then they end in doubt: the hand-over takes less than
/// a second even while the provider keeps silent.
const DRAIN: Duration = Duration::from_millis(400);

/// One worker process: runs the handlers until SIGTERM, then hands over.
pub(crate) async fn run(
    world: &World,
    number: u32,
    fate: Option<Fate>,
    release: Option<Release>,
) -> crate::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let _full = survive_a_file_limit()?;
    // Where writes fail, what it logs is lost, and it must not panic about that.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    let fates = Arc::new(Fates::new(fate));
    // Set once in a process.
    let _ = FATES.set(Arc::clone(&fates));
    let config = Config::default()
        .worker_name(name(number))
        .concurrency(CONCURRENCY)
        .lease(LEASE)
        .reap_every(TICK)
        .finalize_every(TICK)
        .drain_timeout(DRAIN);
    let inner = opened(&named(world, &name(number))).await?;
    let store = Arc::new(Layered::over(inner, Crashing::new(Arc::clone(&fates))));
    let telling = match release {
        // Two releases are not told of anything.
        Some(_) => None,
        None => {
            let store: Arc<dyn Store> = Arc::<Layered<Crashing>>::clone(&store);
            Some(Runtime::on_shared(store).without_worker().start().await?)
        }
    };
    let desk = Desk {
        world: world.clone(),
        worker: number,
        fates: Arc::clone(&fates),
        orchestrator: telling.as_ref().map(|runtime| runtime.orchestrator().clone()),
    };
    let builder = Runtime::on_shared(store).state(desk).config(config);
    let builder = match release {
        Some(release) => release.equip(builder, world.backend),
        None => builder,
    };
    let runtime = builder.only(kinds(world)).start().await?;
    terminate.recv().await;
    fates.avert();
    let drained = runtime.shutdown().await;
    say(&format!("drained {} {}", drained.cancelled, drained.unstored));
    Ok(())
}

/// The store, once the database lets itself be opened: on a busy machine SQLite's lock is waited for in vain.
async fn opened(url: &str) -> crate::Result<Arc<dyn Store>> {
    loop {
        match open(url).await {
            Err(OpenError::Store(error)) if error.is_transient() => tokio::time::sleep(TICK).await,
            done => return Ok(done?),
        }
    }
}

/// The name of a worker process: the database knows its connections and its leases by it.
pub(crate) fn name(number: u32) -> String {
    format!("w{number}")
}

/// The database's URL with a name for the connections, where there is such a thing.
fn named(world: &World, name: &str) -> String {
    match world.backend {
        Backend::Postgres => format!("{}&application_name={name}", world.url),
        Backend::Sqlite => world.url.clone(),
    }
}

/// Where the kinds of this backend live: hooks differ in the connection that they take.
fn kinds(world: &World) -> Vec<(&'static str, &'static str)> {
    let products = if world.orders.rolling { &Product::CHANGED[..] } else { &Product::ALL };
    products.iter().map(|product| (domain(world.backend, *product), product.event())).collect()
}

/// The domain of a product.
pub(crate) fn domain(backend: Backend, product: Product) -> &'static str {
    match (backend, product) {
        (Backend::Sqlite, Product::Capture) => "CHAOS.EMBEDDED",
        _ => DOMAIN,
    }
}

/// A write beyond a limit for files is to fail, not to end the process.
fn survive_a_file_limit() -> crate::Result<Signal> {
    const SIGXFSZ: i32 = 25;
    Ok(signal(SignalKind::from_raw(SIGXFSZ))?)
}
