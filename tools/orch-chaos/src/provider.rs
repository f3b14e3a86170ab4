//! Somebody else's API, on a socket: lines of JSON.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch_lab::ledger::{Answer, Request};
use orch_lab::plan::dice;
use orch_lab::process::say;
use orch_lab::provider::{Act, Manners, Provider, Repeats, Reply};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::message::outbox::Outbox;
use crate::order::{Orders, Product, redriven};
use crate::world::World;

/// The line that says that calls are taken.
pub(crate) const READY: &str = "ready";

/// What a caller sends: one line of JSON; the answer is one line as well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// True to ask what became of the key, false to act.
    pub(crate) asks: bool,
    /// The operation, where one order may be several: one after the other, by redrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) op_id: Option<String>,
    /// The operation, to be named in messages about the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<String>,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// Serves until killed.
pub(crate) async fn serve<M: Manners>(world: &World, manners: M) -> crate::Result<()> {
    let listener = UnixListener::bind(world.socket())?;
    let provider = Arc::new(Provider::open(manners, &world.ledger())?);
    let redrives = Arc::new(Redrives::default());
    let outbox = Arc::new(Outbox::open(world)?);
    say(READY);
    loop {
        let (stream, _) = listener.accept().await?;
        let (provider, redrives) = (Arc::clone(&provider), Arc::clone(&redrives));
        let outbox = Arc::clone(&outbox);
        // Spawned: a caller that dies does not stop what has begun.
        tokio::spawn(async move {
            // An error here is a caller that is gone.
            let _ = receive(&provider, &redrives, &outbox, stream).await;
        });
    }
}

async fn receive<M: Manners>(
    provider: &Provider<M>,
    redrives: &Redrives,
    outbox: &Outbox,
    stream: UnixStream,
) -> crate::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let Sent { asks, op_id, metadata, mut request } = serde_json::from_str(&line)?;
    if let Some(op_id) = op_id {
        request.body.order_id = redrives.number(request.body.order_id, op_id);
    }
    let reply = if asks {
        Reply::Answer(provider.ask(request).await?)
    } else {
        let (key, order_id) = (request.key.clone(), request.body.order_id);
        let about = outbox.arrives(order_id, metadata, provider.stands(&key))?;
        let reply = provider.call(request).await?;
        if let Some(about) = about {
            tokio::time::sleep(outbox.ended(&about, provider.stands(&key))?).await;
        }
        reply
    };
    match reply {
        Reply::Answer(answer) => {
            let line = serde_json::to_string(&answer)? + "\n";
            stream.get_mut().write_all(line.as_bytes()).await?;
        }
        // Until the caller gives up.
        Reply::Silence => drop(stream.read_u8().await),
        Reply::HangUp => {}
    }
    Ok(())
}

/// The operations that called for an order, in the order in which they came. A redrive is an order of
/// its own to the ledger, since it has a key of its own and may be answered otherwise.
#[derive(Debug, Default)]
struct Redrives(Mutex<HashMap<u64, Vec<String>>>);

impl Redrives {
    /// The number under which the ledger knows the operation. Each one of an order calls before the
    /// next one is made of it, so they come in their order.
    fn number(&self, order_id: u64, op_id: String) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(order_id).or_default();
        let place = seen.iter().position(|there| *there == op_id).unwrap_or_else(|| {
            seen.push(op_id);
            seen.len() - 1
        });
        redriven(order_id, place as u64)
    }
}

/// Behaves as the seed says.
pub(crate) struct Seeded(pub(crate) Orders);

impl Manners for Seeded {
    fn repeats(&self, order_id: u64) -> Repeats {
        self.0.of(order_id).product.repeats()
    }

    fn act(&self, order_id: u64, nth: u32) -> Act {
        // Percent. What is left hangs up without having acted.
        let percent = |acts, declines, busy| {
            [
                (acts, Act::Do),
                (declines, Act::Say(Answer::Declined)),
                (busy, Act::Say(Answer::Busy)),
                (2, Act::DoInSilence),
                (4, Act::DoAndHangUp),
            ]
        };
        let shares = match self.0.of(order_id).product {
            // Most that are declined make room for another one.
            Product::Seat => percent(35, 43, 12),
            // In doubt the key stays, whatever comes after: so more is lost, and more is busy.
            Product::KeepsEverything => percent(52, 6, 26),
            _ => percent(72, 6, 12),
        };
        let mut roll = dice(&[self.0.seed, 3, order_id, nth.into()]).u32(0..100);
        for (share, act) in shares {
            if roll < share {
                return act;
            }
            roll -= share;
        }
        Act::HangUp
    }

    /// A repeated key is slow, so that the answer of a worker that was stopped comes back while
    /// the next attempt's call is still open. Where a contract has a word for *still at work*, some take
    /// longer than an attempt may.
    fn latency(&self, order_id: u64, nth: u32) -> Duration {
        let mut dice = dice(&[self.0.seed, 2, order_id, nth.into()]);
        if self.0.of(order_id).product.has_contract() && dice.u32(0..100) < 8 {
            return Duration::from_millis(dice.u64(1_700..3_000));
        }
        let slow = nth > 1 || dice.u32(0..100) < 3;
        Duration::from_millis(if slow { dice.u64(200..800) } else { dice.u64(5..80) })
    }

    fn evades(&self, order_id: u64, nth: u32) -> bool {
        dice(&[self.0.seed, 4, order_id, nth.into()]).u32(0..100) < 20
    }
}
