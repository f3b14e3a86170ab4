//! Somebody else's API. It acts, declines, is busy, acts and never answers, or hangs up without
//! having acted. It knows nothing of orch and is never killed.
//!
//! What it promises is what real ones promise. A key that was answered for good, done or
//! declined, gets the same answer for ever and never acts again. While one call with a key is
//! worked on, another one is busy. Whoever asks and is told "not happened" can rely on it: calls
//! of that attempt or earlier ones that still arrive are declined. Only payouts take no keys:
//! each call acts anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::fate::say;
use crate::ledger::{Answer, Call, Entry, Ledger};
use crate::order::{Order, dice};
use crate::world::{World, now_us};

/// The line that says that calls are taken.
pub(crate) const READY: &str = "ready";

/// What a caller sends: one line of JSON; the answer is one line as well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    /// True to ask what became of the key, false to act.
    pub(crate) asks: bool,
    pub(crate) key: String,
    pub(crate) order: u64,
    pub(crate) amount: u64,
    pub(crate) attempt: u32,
    pub(crate) worker: u32,
}

/// Serves until killed.
pub(crate) async fn serve(world: &World) -> crate::Result<()> {
    let listener = UnixListener::bind(world.socket())?;
    let ledger = Ledger::create(&world.ledger())?;
    let desk = Arc::new(Desk { seed: world.seed, ledger, book: Mutex::default() });
    say(READY);
    loop {
        let (stream, _) = listener.accept().await?;
        let desk = Arc::clone(&desk);
        // Spawned: a caller that dies does not stop what has begun.
        tokio::spawn(async move {
            // An error here is a caller that is gone.
            let _ = desk.receive(stream).await;
        });
    }
}

struct Desk {
    seed: u64,
    ledger: Ledger,
    book: Mutex<Book>,
}

/// What the provider keeps in memory; its evidence is the ledger.
#[derive(Default)]
struct Book {
    calls: u64,
    receipts: u64,
    keys: HashMap<String, Key>,
}

#[derive(Default)]
struct Key {
    calls: u32,
    reconciles: u32,
    in_progress: bool,
    /// Calls of attempts up to this one are declined.
    closed: u32,
    answer: Option<Answer>,
}

/// What the provider is going to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Do,
    Decline,
    Busy,
    /// Acts, and lets the caller wait for ever.
    DoInSilence,
    /// Acts, and hangs up.
    DoAndHangUp,
    /// Hangs up, and has not acted.
    HangUp,
}

enum Decision {
    Repeat(Answer),
    Carry(Act),
}

/// What became of a call.
#[derive(Default)]
struct Carried {
    /// The money that moved, for the ledger.
    moved: Option<Entry>,
    /// `None`: the provider hangs up, or keeps silent.
    answer: Option<Answer>,
    silent: bool,
}

impl Desk {
    async fn receive(&self, stream: UnixStream) -> crate::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let request: Request = serde_json::from_str(&line)?;
        if request.asks {
            return self.asked(stream, request).await;
        }
        let (call, nth, decision) = self.decide(&request);
        let number = call.call;
        self.ledger.append(&[Entry::Call(call)]).await?;
        let mut dice = dice(&[self.seed, 2, request.order, u64::from(nth)]);
        tokio::time::sleep(latency(&mut dice, nth)).await;
        let carried = match decision {
            Decision::Repeat(answer) => Carried { answer: Some(answer), ..Carried::default() },
            Decision::Carry(act) => self.carry(&request, act),
        };
        let Carried { moved, answer, silent } = carried;
        let answered = Entry::Answered { call: number, at: now_us(), answer: answer.clone() };
        let entries: Vec<Entry> = moved.into_iter().chain([answered]).collect();
        self.ledger.append(&entries).await?;
        self.settled(&request, answer.as_ref());
        match answer {
            Some(answer) => tell(&mut stream, &answer).await?,
            // Until the caller gives up.
            None if silent => drop(stream.read_u8().await),
            None => {}
        }
        Ok(())
    }

    fn decide(&self, request: &Request) -> (Call, u32, Decision) {
        let keyed = Order::of(self.seed, request.order).product.keyed();
        let mut book = self.book();
        book.calls += 1;
        let call = Call {
            call: book.calls,
            at: now_us(),
            order: request.order,
            key: request.key.clone(),
            amount: request.amount,
            attempt: request.attempt,
            worker: request.worker,
        };
        let key = book.keys.entry(request.key.clone()).or_default();
        key.calls += 1;
        let decision = match &key.answer {
            Some(answer) if keyed => Decision::Repeat(answer.clone()),
            _ if keyed && request.attempt <= key.closed => Decision::Repeat(Answer::Declined),
            _ if keyed && key.in_progress => Decision::Repeat(Answer::Busy),
            _ => {
                key.in_progress = true;
                Decision::Carry(act(&mut dice(&[
                    self.seed,
                    3,
                    request.order,
                    u64::from(key.calls),
                ])))
            }
        };
        (call, key.calls, decision)
    }

    fn carry(&self, request: &Request, act: Act) -> Carried {
        match act {
            Act::Decline => Carried { answer: Some(Answer::Declined), ..Carried::default() },
            Act::Busy => Carried { answer: Some(Answer::Busy), ..Carried::default() },
            Act::HangUp => Carried::default(),
            Act::Do | Act::DoInSilence | Act::DoAndHangUp => {
                let (moved, done) = self.act(request);
                Carried {
                    moved: Some(moved),
                    answer: (act == Act::Do).then_some(done),
                    silent: act == Act::DoInSilence,
                }
            }
        }
    }

    /// Moves money. From here on a repetition gets this answer.
    fn act(&self, request: &Request) -> (Entry, Answer) {
        let mut book = self.book();
        book.receipts += 1;
        let receipt = format!("receipt-{}", book.receipts);
        let Request { order, amount, .. } = *request;
        let done = Answer::Done { receipt: receipt.clone(), amount };
        book.keys.entry(request.key.clone()).or_default().answer = Some(done.clone());
        (Entry::Act { order, key: request.key.clone(), amount, receipt }, done)
    }

    fn settled(&self, request: &Request, answer: Option<&Answer>) {
        let mut book = self.book();
        let key = book.keys.entry(request.key.clone()).or_default();
        key.in_progress = false;
        if answer == Some(&Answer::Declined) {
            key.answer.get_or_insert(Answer::Declined);
        }
    }

    async fn asked(&self, mut stream: BufReader<UnixStream>, asked: Request) -> crate::Result<()> {
        let answer = {
            let mut book = self.book();
            let key = book.keys.entry(asked.key.clone()).or_default();
            key.reconciles += 1;
            let mut dice = dice(&[self.seed, 4, asked.order, u64::from(key.reconciles)]);
            if key.in_progress || dice.u32(0..100) < 20 {
                Answer::Unanswered
            } else {
                match &key.answer {
                    Some(Answer::Declined) | None => {
                        key.closed = key.closed.max(asked.attempt);
                        Answer::NotHappened
                    }
                    Some(answer) => answer.clone(),
                }
            }
        };
        let entry =
            Entry::Reconciled { order: asked.order, key: asked.key, answer: answer.clone() };
        self.ledger.append(&[entry]).await?;
        tell(&mut stream, &answer).await
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell(stream: &mut BufReader<UnixStream>, answer: &Answer) -> crate::Result<()> {
    let line = serde_json::to_string(answer)? + "\n";
    Ok(stream.get_mut().write_all(line.as_bytes()).await?)
}

fn act(dice: &mut fastrand::Rng) -> Act {
    match dice.u32(0..100) {
        0..72 => Act::Do,
        72..78 => Act::Decline,
        78..90 => Act::Busy,
        90..92 => Act::DoInSilence,
        92..96 => Act::DoAndHangUp,
        _ => Act::HangUp,
    }
}

/// A repeated key is slow, so that the answer of a worker that was stopped comes back while the
/// next attempt's call is still open.
fn latency(dice: &mut fastrand::Rng, nth: u32) -> Duration {
    let slow = nth > 1 || dice.u32(0..100) < 3;
    Duration::from_millis(if slow { dice.u64(200..800) } else { dice.u64(5..80) })
}
