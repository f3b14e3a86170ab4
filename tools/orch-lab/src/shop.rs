//! A whole run for one command: a shop sends charges, some of them twice, while its workers are
//! killed and paused; then the gateway's ledger is compared with the store.
//!
//! The one binary plays the shop, the gateway and the workers. What it is about, the application
//! brings: how a request is accepted, and what a worker runs.

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;

use crate::check::{Evidence, Verdict, check, plain};
use crate::fleet::{Fleet, kills_in_flight};
use crate::http::{self, LISTENS};
use crate::ledger::{self, Body, Tail};
use crate::process::{Role, Spawner, What, end_with_the_supervisor, until_told};
use crate::provider::Provider;
use crate::store::Store;

mod cli;
mod client;
mod faults;
mod gateway;
mod progress;
mod report;

pub use cli::Cli;
pub use client::Told;

use faults::Faults;
use gateway::{Gateway, MAX_CHARGES};
use progress::Progress;

/// How often the store is asked what is still to be done.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A run in which nothing finishes for so long is given up.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Plays the part that this process has: the gateway, a worker (with the URLs of database and
/// gateway), or the shop.
pub async fn play(
    cli: Cli,
    worker: impl AsyncFnOnce(&str, &str) -> crate::Result<()>,
    shop: impl AsyncFnOnce(Shop) -> crate::Result<ExitCode>,
) -> crate::Result<ExitCode> {
    if cli.part.role == Role::Supervisor {
        return until_told(async { shop(Shop::open(cli)?).await }).await;
    }
    end_with_the_supervisor();
    if let (Some(db), Some(gateway)) = (&cli.db, &cli.gateway) {
        worker(db, gateway).await?;
    } else {
        let ledger = cli.ledger.as_deref().ok_or("this role needs --ledger, or --gateway")?;
        http::serve(Provider::open(Gateway { seed: cli.seed }, ledger)?).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The shop, before it opens.
#[derive(Debug)]
pub struct Shop {
    cli: Cli,
    folder: TempDir,
    db: String,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Live {
    /// Requests answered, repeats included.
    sent: Cell<u64>,
    /// Of these, requests that began an operation.
    begun: Cell<u64>,
    kills: Cell<u64>,
    pauses: Cell<u64>,
    /// Pauses during which another worker called for one of the paused worker's operations.
    overlaps: Cell<u64>,
}

/// One more.
fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// All that there is to report.
struct Ended {
    told: Vec<Told>,
    verdict: Verdict,
    live: Live,
    kills_in_flight: u64,
    drained: bool,
    finished: bool,
    took: Duration,
}

impl Shop {
    fn open(cli: Cli) -> crate::Result<Self> {
        cli.validate()?;
        let folder = tempfile::Builder::new().prefix("orch-payment-").tempdir()?;
        let file = folder.path().join("payments.db");
        let db = cli.db.clone().unwrap_or_else(|| format!("sqlite://{}", file.display()));
        Ok(Self { cli, folder, db })
    }

    /// The database, for clients. Connect to it before [`Shop::run`]: the workers need its schema.
    pub fn db(&self) -> &str {
        &self.db
    }

    /// The whole run: `send` sends order and amount, and says what it was told.
    pub async fn run<F: Future<Output = crate::Result<Told>>>(
        self,
        send: impl Fn(u64, u64) -> F,
    ) -> crate::Result<ExitCode> {
        let ended = self.ended(send).await?;
        let holds = report::report(&self.cli, &ended);
        if !holds {
            eprintln!("the evidence is kept in {}", self.folder.keep().display());
        }
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn ended<F: Future<Output = crate::Result<Told>>>(
        &self,
        send: impl Fn(u64, u64) -> F,
    ) -> crate::Result<Ended> {
        let (began, cli) = (Instant::now(), &self.cli);
        let store = Store::at(&self.db)?;
        if store.look().await?.open > 0 {
            return Err("--db has operations that are not finished; give another".into());
        }
        let (events, mut heard) = unbounded_channel();
        let arguments = ["--db", &self.db, "--seed", &cli.seed.to_string()].map(String::from);
        let spawner = Spawner { arguments: arguments.into(), log: None, events };
        let ledger = self.folder.path().join("ledger.jsonl");
        let file = ["--ledger".to_owned(), ledger.display().to_string()];
        let _gateway = spawner.spawn(Role::Provider, 0, &file)?;
        let address = match heard.recv().await.map(|event| event.what) {
            Some(What::Said(line)) => line.strip_prefix(LISTENS).map(ToOwned::to_owned),
            _ => None,
        };

        let (pace, live) = (Semaphore::new(0), Live::default());
        let mut faults = Faults {
            cli,
            gateway: Gateway { seed: cli.seed },
            store: &store,
            tail: Tail::of(&ledger)?,
            fleet: Fleet::new(spawner),
            events: heard,
            address: address.ok_or("the gateway did not start")?,
            pace: &pace,
            live: &live,
            kills: Vec::new(),
            well: true,
        };
        for _ in 0..cli.workers {
            faults.add_worker()?;
        }
        let first = fastrand::u64(1..1_000_000_000) * MAX_CHARGES;
        let requests = client::requests(cli, first);
        let (told, (), finished) = tokio::try_join!(
            client::send_all(cli, requests, &pace, &live, send),
            faults.inject(),
            until_finished(cli, &store, &live, Tail::of(&ledger)?),
        )?;
        let drained = faults.drain().await?;
        let kills = std::mem::take(&mut faults.kills).into_iter();
        let evidence = evidence(&store, &ledger, &told, first..first + cli.charges).await?;
        Ok(Ended {
            verdict: check(&evidence, |_, _| false, |_| false),
            kills_in_flight: kills_in_flight(kills, &evidence.ledger),
            told,
            live,
            drained,
            finished,
            took: began.elapsed(),
        })
    }
}

/// True when every operation has ended; false when nothing has moved for too long.
async fn until_finished(
    cli: &Cli,
    store: &Store,
    live: &Live,
    mut tail: Tail,
) -> crate::Result<bool> {
    let mut progress = Progress::new(cli.charges);
    let (mut moved_at, mut last) = (Instant::now(), (0, 0));
    loop {
        // In this order: what is sent later is not counted as sent.
        let (sent, begun) = (live.sent.get(), live.begun.get());
        let open = store.look().await?.open;
        tail.look()?;
        let (calls, charges) = (tail.calls, tail.done.len());
        let (kills, pauses) = (live.kills.get(), live.pauses.get());
        let now = (sent, begun.saturating_sub(open));
        progress.show(
            now.1,
            format!(
                "sent {sent}; gateway: {calls} calls, {charges} charges; \
                 workers: {kills} killed, {pauses} paused"
            ),
        );
        if now != last {
            (last, moved_at) = (now, Instant::now());
        }
        let done = sent == cli.charges + cli.repeats() && open == 0;
        if done || moved_at.elapsed() > STANDSTILL {
            return Ok(done);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is there of this run; earlier ones on the same database are left out.
async fn evidence(
    store: &Store,
    ledger: &Path,
    told: &[Told],
    orders: std::ops::Range<u64>,
) -> crate::Result<Evidence> {
    let (mut stored, log) = store.read().await?;
    stored.retain(|stored| {
        let body = serde_json::from_str::<Body>(&stored.body);
        body.is_ok_and(|body| orders.contains(&body.order_id))
    });
    let told = told.iter().map(|told| (told.order_id, plain(&told.op_id))).collect();
    Ok(Evidence { ledger: ledger::read(ledger)?, told, stored, log })
}
