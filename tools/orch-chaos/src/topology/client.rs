use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch::internals::flow::AcceptError;
use orch::{Command, Orchestrator, Payload, Runtime};
use orch_lab::ledger::Body;
use orch_lab::plan::now_us;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::control::Control;
use super::handlers::DOMAIN;
use super::orders::Orders;
use crate::world::World;

/// Requests on their way at once, per client.
const AT_ONCE: usize = 64;
/// Before a request is sent again whose answer was lost.
const AGAIN: Duration = Duration::from_millis(20);
/// Between two looks at what the supervisor says.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One answer of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) order: u64,
    pub(crate) op_id: String,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// Losses of the database that the client knew of when it sent the request.
    pub(crate) losses: u32,
}

/// One client process: sends its share of the orders as they are released, each until it is
/// acknowledged; and again after each loss of the database, since the acknowledgement may be lost.
pub(crate) async fn run(world: &World, lane: u32, url: &str, orders: Orders) -> crate::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(world.told(lane))?;
    let runtime = Runtime::connect(url).without_worker().start().await?;
    let client = Arc::new(Client {
        orchestrator: runtime.orchestrator().clone(),
        orders,
        notes: Mutex::new(file),
        acknowledged: Mutex::default(),
    });
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    let mut next = u64::from(lane);
    let mut losses = 0;
    let pace = world.duration.mul_f64(f64::from(world.lanes) / as_float(world.operations));
    let mut due = Instant::now();
    loop {
        let control = Control::read(&world.folder)?;
        if control.losses > losses {
            losses = control.losses;
            let mut repeating = JoinSet::new();
            for number in client.acknowledged_since(control.repeat_since) {
                client.spawn(&room, &mut repeating, number, losses).await?;
            }
            while let Some(sent) = repeating.join_next().await {
                sent??;
            }
            note_repeated(world, lane, losses)?;
        }
        if next < control.released && due <= Instant::now() {
            client.spawn(&room, &mut sending, next, losses).await?;
            next += u64::from(world.lanes);
            due = (due + pace).max(Instant::now() - Duration::from_millis(50));
        } else if control.finished && next >= control.released && sending.is_empty() {
            return Ok(());
        } else {
            let pause = due.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
            tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
        }
        while let Some(sent) = sending.try_join_next() {
            sent??;
        }
    }
}

/// So many losses of the database has this client heard of, and sent again what they may have cost.
fn note_repeated(world: &World, lane: u32, losses: u32) -> crate::Result<()> {
    Ok(std::fs::write(repeated(&world.folder, lane), losses.to_string())?)
}

/// Where a client notes this.
pub(crate) fn repeated(folder: &Path, lane: u32) -> PathBuf {
    folder.join(format!("repeated-{lane}"))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

struct Client {
    orchestrator: Orchestrator,
    orders: Orders,
    notes: Mutex<File>,
    /// When each order was acknowledged first.
    acknowledged: Mutex<BTreeMap<u64, i64>>,
}

impl Client {
    async fn spawn(
        self: &Arc<Self>,
        room: &Arc<Semaphore>,
        sending: &mut JoinSet<crate::Result<()>>,
        number: u64,
        losses: u32,
    ) -> crate::Result<()> {
        let permit = Arc::clone(room).acquire_owned().await?;
        let client = Arc::clone(self);
        sending.spawn(async move {
            let sent = client.send(number, losses).await;
            drop(permit);
            sent
        });
        Ok(())
    }

    fn acknowledged_since(&self, since: i64) -> Vec<u64> {
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        acknowledged.iter().filter(|(_, at)| **at >= since).map(|(number, _)| *number).collect()
    }

    /// Asks until the database has it.
    async fn send(&self, number: u64, losses: u32) -> crate::Result<()> {
        let Body { order_id, amount } = self.orders.body(number);
        let payload = Payload::json(&Body { order_id, amount })?;
        let event = self.orders.kind(number).event();
        let (biz_key, idem_key) = (format!("ORDER-{number}"), format!("request-{number}"));
        let command = Command::new(DOMAIN, event, &biz_key, &idem_key, payload)?;
        let op_id = loop {
            match self.orchestrator.start(command.clone(), self.orders.budget).await {
                Err(AcceptError::Store(_)) => tokio::time::sleep(AGAIN).await,
                answer => break answer?.to_string(),
            }
        };
        let told = Told { order: number, op_id, at: now_us(), losses };
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(number)
            .or_insert(told.at);
        let line = serde_json::to_string(&told)? + "\n";
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes.write_all(line.as_bytes())?)
    }
}
