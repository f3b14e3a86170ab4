//! Somebody else's API, on a socket: lines of JSON.

use std::sync::Arc;
use std::time::Duration;

use orch_lab::ledger::{Answer, Request};
use orch_lab::plan::dice;
use orch_lab::process::say;
use orch_lab::provider::{Act, Manners, Provider, Reply};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::order::Orders;
use crate::world::World;

/// The line that says that calls are taken.
pub(crate) const READY: &str = "ready";

/// What a caller sends: one line of JSON; the answer is one line as well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// True to ask what became of the key, false to act.
    pub(crate) asks: bool,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// Serves until killed.
pub(crate) async fn serve<M: Manners>(world: &World, manners: M) -> crate::Result<()> {
    let listener = UnixListener::bind(world.socket())?;
    let provider = Arc::new(Provider::open(manners, &world.ledger())?);
    say(READY);
    loop {
        let (stream, _) = listener.accept().await?;
        let provider = Arc::clone(&provider);
        // Spawned: a caller that dies does not stop what has begun.
        tokio::spawn(async move {
            // An error here is a caller that is gone.
            let _ = receive(&provider, stream).await;
        });
    }
}

async fn receive<M: Manners>(provider: &Provider<M>, stream: UnixStream) -> crate::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let Sent { asks, request } = serde_json::from_str(&line)?;
    let reply = if asks {
        Reply::Answer(provider.ask(request).await?)
    } else {
        provider.call(request).await?
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

/// Behaves as the seed says. Only payouts take no keys: each call acts again.
pub(crate) struct Seeded(pub(crate) Orders);

impl Manners for Seeded {
    const KEEPS_DECLINES: bool = true;

    fn act(&self, order_id: u64, nth: u32) -> Act {
        match dice(&[self.0.seed, 3, order_id, nth.into()]).u32(0..100) {
            0..72 => Act::Do,
            72..78 => Act::Say(Answer::Declined),
            78..90 => Act::Say(Answer::Busy),
            90..92 => Act::DoInSilence,
            92..96 => Act::DoAndHangUp,
            _ => Act::HangUp,
        }
    }

    /// A repeated key is slow, so that the answer of a worker that was stopped comes back while
    /// the next attempt's call is still open.
    fn latency(&self, order_id: u64, nth: u32) -> Duration {
        let mut dice = dice(&[self.0.seed, 2, order_id, nth.into()]);
        let slow = nth > 1 || dice.u32(0..100) < 3;
        Duration::from_millis(if slow { dice.u64(200..800) } else { dice.u64(5..80) })
    }

    fn keyed(&self, order_id: u64) -> bool {
        self.0.of(order_id).product.keyed()
    }

    fn evades(&self, order_id: u64, nth: u32) -> bool {
        dice(&[self.0.seed, 4, order_id, nth.into()]).u32(0..100) < 20
    }
}
