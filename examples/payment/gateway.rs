//! Somebody else's payment gateway: it charges, declines, is busy, is away, or charges and never
//! answers. It knows nothing of orch.
//!
//! What it promises is what real ones promise: a key that has charged gets the same answer for
//! ever and never charges again; a key whose call is being worked on gets 409; so does a call
//! that arrives after a later attempt of its key, since it does not remember declines and could
//! otherwise charge what the caller has given up.

use std::collections::HashMap;
use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::behaviour::{Behaviour, Plan};
use crate::charge::{ATTEMPT_HEADER, KEY_HEADER, Receipt, WORKER_HEADER};
use crate::client::MAX_CHARGES;
use crate::ledger::{CallEntry, ChargeEntry, Entry, Ledger};

/// The line on standard output that says where the gateway listens.
pub(crate) const READY: &str = "gateway listens on ";

/// Serves until the process is killed.
pub(crate) async fn serve(seed: u64, ledger: &Path) -> crate::Result<()> {
    let desk = Desk { seed, ledger: Ledger::create(ledger)?, counter: Mutex::default() };
    let app = Router::new()
        .route("/charges", post(charges))
        .route("/inflight", get(inflight))
        .with_state(Arc::new(desk));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{READY}http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

#[derive(Debug)]
struct Desk {
    seed: u64,
    ledger: Ledger,
    counter: Mutex<Counter>,
}

/// What the gateway keeps in memory. It is never killed; its evidence is the ledger.
#[derive(Debug, Default)]
struct Counter {
    keys: HashMap<String, Key>,
    open: HashMap<u64, OpenCall>,
    calls: u64,
    charges: u64,
}

#[derive(Debug, Default)]
struct Key {
    calls: u32,
    newest_attempt: u32,
    in_progress: bool,
    receipt: Option<Receipt>,
}

/// A call that the gateway has not answered yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OpenCall {
    pub(crate) worker: u32,
    pub(crate) order_id: u64,
    /// Which call with its key this is, from 1.
    pub(crate) nth: u32,
    pub(crate) behaviour: Option<Behaviour>,
}

/// What `/inflight` answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Inflight {
    pub(crate) calls: u64,
    pub(crate) charges: u64,
    pub(crate) open: Vec<OpenCall>,
}

async fn inflight(State(desk): State<Arc<Desk>>) -> Json<Inflight> {
    let counter = desk.lock();
    let open = counter.open.values().cloned().collect();
    Json(Inflight { calls: counter.calls, charges: counter.charges, open })
}

/// The body of a call, as the gateway reads it.
#[derive(Debug, Clone, Deserialize)]
struct Order {
    order_id: u64,
    amount: u64,
}

async fn charges(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Json(order): Json<Order>,
) -> Response {
    let Some((key, attempt, worker)) = read(&headers) else {
        return (StatusCode::BAD_REQUEST, "Idempotency-Key, Attempt and Worker are required")
            .into_response();
    };
    let call = match desk.receive(&order, key, attempt, worker) {
        Ok(call) => call,
        Err(error) => return broken(&error),
    };
    // Spawned: a caller that hangs up or dies does not stop what has begun.
    match tokio::spawn(work(call)).await {
        Ok((_open, Ok(Some(answer)))) => answer,
        Ok((_open, Ok(None))) => pending().await,
        Ok((_open, Err(error))) => broken(&error),
        Err(panic) => broken(&std::io::Error::other(panic)),
    }
}

fn read(headers: &HeaderMap) -> Option<(String, u32, u32)> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let key = text(KEY_HEADER)?.to_owned();
    Some((key, text(ATTEMPT_HEADER)?.parse().ok()?, text(WORKER_HEADER)?.parse().ok()?))
}

/// Carries a call out. `None` is the answer that never comes.
async fn work(call: Received) -> (Open, std::io::Result<Option<Response>>) {
    tokio::time::sleep(call.latency).await;
    let answer = call.answer();
    (call.open, answer)
}

/// A call that is written down.
struct Received {
    open: Open,
    key: String,
    order: Order,
    decision: Decision,
    latency: Duration,
}

enum Decision {
    Replay(Receipt),
    Refuse(&'static str),
    Act(Behaviour),
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(
        self: &Arc<Self>,
        order: &Order,
        key: String,
        attempt: u32,
        worker: u32,
    ) -> std::io::Result<Received> {
        let mut counter = self.lock();
        counter.calls += 1;
        let number = counter.calls;
        let known = counter.keys.entry(key.clone()).or_default();
        known.calls += 1;
        let nth = known.calls;
        let plan = Plan::of(self.seed, order.order_id % MAX_CHARGES, nth);
        let decision = if let Some(receipt) = &known.receipt {
            Decision::Replay(receipt.clone())
        } else if known.in_progress {
            Decision::Refuse("a call with this key is in progress")
        } else if attempt < known.newest_attempt {
            Decision::Refuse("a later attempt of this key has been here")
        } else {
            known.in_progress = true;
            Decision::Act(plan.behaviour)
        };
        known.newest_attempt = known.newest_attempt.max(attempt);
        let behaviour = match decision {
            Decision::Act(behaviour) => Some(behaviour),
            Decision::Replay(_) | Decision::Refuse(_) => None,
        };
        let order_id = order.order_id;
        counter.open.insert(number, OpenCall { worker, order_id, nth, behaviour });
        let open = Open { desk: Arc::clone(self), number };
        drop(counter);
        let entry = CallEntry { order_id, key: key.clone(), attempt, worker, behaviour };
        self.ledger.append(&Entry::Call(entry))?;
        Ok(Received { open, key, order: order.clone(), decision, latency: plan.latency })
    }

    /// Charges: on disk first, then in memory.
    fn charge(&self, key: &str, order: &Order) -> std::io::Result<Receipt> {
        let Order { order_id, amount } = *order;
        let number = {
            let mut counter = self.lock();
            counter.charges += 1;
            counter.charges
        };
        let receipt = Receipt { receipt_id: format!("ch_{number:06}"), amount };
        let receipt_id = receipt.receipt_id.clone();
        let entry = ChargeEntry { order_id, key: key.to_owned(), amount, receipt_id };
        self.ledger.append(&Entry::Charge(entry))?;
        self.lock().keys.entry(key.to_owned()).or_default().receipt = Some(receipt.clone());
        Ok(receipt)
    }
}

impl Received {
    fn answer(&self) -> std::io::Result<Option<Response>> {
        let behaviour = match &self.decision {
            Decision::Replay(receipt) => return Ok(Some(Json(receipt).into_response())),
            Decision::Refuse(why) => {
                return Ok(Some((StatusCode::CONFLICT, *why).into_response()));
            }
            Decision::Act(behaviour) => *behaviour,
        };
        let desk = &self.open.desk;
        let answer = match behaviour {
            Behaviour::Charge => Some(Json(desk.charge(&self.key, &self.order)?).into_response()),
            Behaviour::Silent => desk.charge(&self.key, &self.order).map(|_| None)?,
            Behaviour::Decline => {
                Some((StatusCode::PAYMENT_REQUIRED, "insufficient funds").into_response())
            }
            Behaviour::Unavailable => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            Behaviour::RateLimited => {
                let wait = [(header::RETRY_AFTER, "1")];
                Some((StatusCode::TOO_MANY_REQUESTS, wait).into_response())
            }
        };
        desk.lock().keys.entry(self.key.clone()).or_default().in_progress = false;
        Ok(answer)
    }
}

/// A call stays open until it is answered, or, while the gateway keeps silent, until the caller
/// hangs up.
struct Open {
    desk: Arc<Desk>,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.desk.lock().open.remove(&self.number);
    }
}

/// A gateway whose ledger cannot be written must not say anything about money.
fn broken(error: &std::io::Error) -> Response {
    eprintln!("gateway: {error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
