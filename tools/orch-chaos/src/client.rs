use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch::internals::flow::AcceptError;
use orch::{Command, OpId, Orchestrator, Payload, Runtime};
use orch_lab::ledger::{self, Body};
use orch_lab::plan::now_us;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::order::{Order, Product, Repeat};
use crate::release::Release;
use crate::worker::domain;
use crate::world::World;

mod seat;

/// Requests on their way at once, per client.
const AT_ONCE: usize = 64;
/// Before a request is sent again whose answer was lost.
const AGAIN: Duration = Duration::from_millis(50);

/// One line of what a client sent and was told. `sent` is written before the request leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A request is about to leave.
    Sent { order: u64 },
    /// It was accepted as this operation.
    Told { order: u64, op_id: String, lane: u32 },
    /// A changed body was refused.
    Refused { order: u64, op_id: String },
    /// A changed body was accepted.
    Fooled { order: u64, op_id: String },
    /// The same body was refused as another one, by a client of this lane.
    Conflict { order: u64, op_id: String, lane: u32 },
    /// Nothing was accepted, since this operation is there for the same seat.
    Taken { order: u64, op_id: String },
    /// This failed operation is about to be redriven.
    Redriving { order: u64, op_id: String },
    /// The same as `Taken`, though the operation was seen to have failed before the request left.
    Stuck { order: u64, op_id: String },
    /// An old client's request was refused, since a new one has accepted in the next form of the identity.
    OtherForm { order: u64 },
    /// A request in that form was answered with this operation.
    LaterForm { order: u64, op_id: String },
    /// All of an order's requests were answered.
    Done { order: u64 },
}

/// One client process: sends its share of the orders at the run's pace, until all are answered.
/// A client that was killed is replaced by one that reads on in the same notes.
pub(crate) async fn run(world: &World, lane: u32) -> crate::Result<()> {
    let notes = world.told(lane);
    let done: HashSet<u64> = match ledger::read::<Line>(&notes) {
        Ok(lines) => lines.into_iter().filter_map(|line| line.done()).collect(),
        Err(_) => HashSet::new(),
    };
    let file = OpenOptions::new().create(true).append(true).open(&notes)?;
    let runtime = Runtime::connect(&world.url).without_worker().start().await?;
    let client = Arc::new(Client {
        world: world.clone(),
        lane,
        orchestrator: runtime.orchestrator().clone(),
        notes: Mutex::new(file),
    });
    // Begins a new line, in case the last client died within one.
    client.note_text("\n")?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    let is_mine = |order: &Order| {
        order.product == Product::Seat || order.number % u64::from(world.lanes) == u64::from(lane)
    };
    for order in (0..world.operations).map(|number| world.orders.of(number)).filter(is_mine) {
        if order.product == Product::Seat {
            client.until_due(order.number).await;
            let mine = order.of_lane(lane, world.lanes);
            for order in mine.filter(|order| !done.contains(&order.number)) {
                let client = Arc::clone(&client);
                // Without a permit: it waits for the ends of operations.
                sending.spawn(async move { client.want(order).await });
            }
            continue;
        }
        if done.contains(&order.number) {
            continue;
        }
        client.until_due(order.number).await;
        let permit = Arc::clone(&room).acquire_owned().await?;
        let client = Arc::clone(&client);
        sending.spawn(async move {
            let sent = client.send(order).await;
            drop(permit);
            sent
        });
        while let Some(sent) = sending.try_join_next() {
            sent??;
        }
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

struct Client {
    world: World,
    lane: u32,
    orchestrator: Orchestrator,
    notes: Mutex<File>,
}

impl Client {
    /// Spreads the orders evenly over the run.
    async fn until_due(&self, number: u64) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let share = number as f64 / self.world.operations as f64;
        let due = self.world.duration.mul_f64(share);
        tokio::time::sleep(due.saturating_sub(self.since_start())).await;
    }

    fn since_start(&self) -> Duration {
        Duration::from_micros((now_us() - self.world.starts_at).max(0).unsigned_abs())
    }

    /// The release as which it sends an order now. The form of the identity is changed half-way: so there
    /// are operations in either.
    fn release(&self, order: Order) -> Release {
        let is_early = self.since_start() < self.world.duration / 2;
        match order.product {
            Product::IdentityChanged if is_early => Release::Old,
            _ => Release::of_client(self.lane.into()),
        }
    }

    async fn send(&self, order: Order) -> crate::Result<()> {
        match order.repeat {
            Repeat::Never | Repeat::Neighbour => self.request(order).await?,
            Repeat::Twin => {
                tokio::try_join!(self.request(order), self.request(order))?;
            }
            Repeat::Changed => {
                self.request(order).await?;
                self.changed(order).await?;
            }
        }
        // The order after this one is the next client's: it is sent here as well, at about the
        // time when its own client sends it.
        let next = self.world.orders.of(order.number + 1);
        if next.repeat == Repeat::Neighbour && next.number < self.world.operations {
            self.request(next).await?;
        }
        self.request_from_before(order).await?;
        self.note(&Line::Done { order: order.number })
    }

    /// Once the form of the identity is changed, repeats an order from before: as many orders before this
    /// one as half of the run.
    async fn request_from_before(&self, order: Order) -> crate::Result<()> {
        let Some(number) = order.number.checked_sub(self.world.operations.div_ceil(2)) else {
            return Ok(());
        };
        let before = self.world.orders.of(number);
        if before.product == Product::IdentityChanged {
            self.request(before).await?;
        }
        Ok(())
    }

    async fn request(&self, order: Order) -> crate::Result<()> {
        let number = order.number;
        self.note(&Line::Sent { order: number })?;
        let lane = self.lane;
        match self.accept(order, order.body()).await? {
            Ok(op_id) => self.note(&Line::Told { order: number, op_id, lane }),
            Err(AcceptError::Conflict { op_id, .. } | AcceptError::OtherVersion { op_id, .. }) => {
                self.note(&Line::Conflict { order: number, op_id: op_id.to_string(), lane })
            }
            Err(error) => Err(format!("order {number}: {error}").into()),
        }
    }

    /// The same key with another body.
    async fn changed(&self, order: Order) -> crate::Result<()> {
        let number = order.number;
        let body = Body { amount: order.amount + 1, ..order.body() };
        match self.accept(order, body).await? {
            Ok(op_id) => self.note(&Line::Fooled { order: number, op_id }),
            Err(AcceptError::Conflict { op_id, .. }) => {
                self.note(&Line::Refused { order: number, op_id: op_id.to_string() })
            }
            Err(error) => Err(format!("order {number}: {error}").into()),
        }
    }

    /// Asks until the database is there; and as the new release where the old one may not accept, as a
    /// load balancer does that tries the next process.
    async fn accept(&self, order: Order, body: Body) -> crate::Result<Result<String, AcceptError>> {
        let budget = order.time_budget(self.world.duration);
        let mut release = self.release(order);
        loop {
            let accepted = if self.world.orders.rolling {
                release.accept(&self.orchestrator, order, body.amount, budget).await
            } else {
                self.start(order, body, budget).await
            };
            match accepted {
                Err(AcceptError::Store(_)) => tokio::time::sleep(AGAIN).await,
                Err(AcceptError::OtherForm(_)) if release == Release::Old => {
                    self.note(&Line::OtherForm { order: order.number })?;
                    release = Release::New;
                }
                Err(error) => return Ok(Err(error)),
                Ok(op_id) => {
                    let op_id = op_id.to_string();
                    if (order.product, release) == (Product::IdentityChanged, Release::New) {
                        let (order, op_id) = (order.number, op_id.clone());
                        self.note(&Line::LaterForm { order, op_id })?;
                    }
                    return Ok(Ok(op_id));
                }
            }
        }
    }

    /// Sends it as bytes.
    async fn start(&self, order: Order, body: Body, budget: Duration) -> Result<OpId, AcceptError> {
        let domain = domain(self.world.backend, order.product);
        let payload = Payload::json(&body)?;
        let (biz_key, idem_key) = (order.biz_key(), order.idem_key());
        let command = Command::new(domain, order.product.event(), &biz_key, &idem_key, payload)?;
        self.orchestrator.start(command, budget).await
    }

    fn note(&self, line: &Line) -> crate::Result<()> {
        self.note_text(&(serde_json::to_string(line)? + "\n"))
    }

    /// One write: a kill leaves the line whole or not there. The notes outlive this process in
    /// the kernel's memory; only the host could lose them.
    fn note_text(&self, text: &str) -> crate::Result<()> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes.write_all(text.as_bytes())?)
    }
}

impl Line {
    fn done(self) -> Option<u64> {
        match self {
            Self::Done { order } => Some(order),
            _ => None,
        }
    }
}
