//! Somebody else's API. It acts, declines, is busy, acts and never answers, or hangs up without
//! having acted. It knows nothing of orch and is never killed.
//!
//! What it promises is what real ones promise; which of them, [`Repeats`] says. Where a key means something,
//! another call is refused while one with it is worked on, and a caller that asks and gets "not happened" can
//! rely on it: calls of that attempt or of earlier ones that still arrive are declined. Where keys mean
//! nothing, such a call acts, and the ledger says that it was belated.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ledger::{Answer, Call, Entry, Ledger, Receipt, Request};
use crate::plan::now_us;

mod key;

use key::Key;
pub use key::Repeats;

/// How a provider behaves. Whatever it depends on, `nth` counts from 1.
pub trait Manners: Send + Sync + 'static {
    /// What a call gets that repeats a key of this order.
    fn repeats(&self, order_id: u64) -> Repeats;

    /// What the `nth` call about this order does, if it is carried out.
    fn act(&self, order_id: u64, nth: u32) -> Act;

    /// How long that takes.
    fn latency(&self, order_id: u64, nth: u32) -> Duration;

    /// True if the `nth` reconcile of this order gets "cannot say now".
    fn evades(&self, _order_id: u64, _nth: u32) -> bool {
        false
    }
}

/// What the provider does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Acts, and says so.
    Do,
    /// Acts, and lets the caller wait for ever.
    DoInSilence,
    /// Acts, and hangs up.
    DoAndHangUp,
    /// Does not act, and hangs up.
    HangUp,
    /// Does not act, and says this.
    Say(Answer),
}

impl Act {
    /// True if money moves.
    pub const fn moves_money(&self) -> bool {
        matches!(self, Self::Do | Self::DoInSilence | Self::DoAndHangUp)
    }
}

/// What the caller gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answer(Answer),
    /// Nothing, on a connection that stays open.
    Silence,
    /// The end of the connection.
    HangUp,
}

/// A provider with a ledger; how calls reach it is for others.
#[derive(Debug)]
pub struct Provider<M> {
    manners: M,
    ledger: Ledger,
    book: Mutex<Book>,
}

/// What the provider keeps in memory; its evidence is the ledger.
#[derive(Debug, Default)]
struct Book {
    calls: u64,
    receipts: u64,
    /// Calls about each order, whatever their key.
    orders: HashMap<u64, u32>,
    keys: HashMap<String, Key>,
}

impl<M: Manners> Provider<M> {
    /// Begins its ledger in this file.
    pub fn open(manners: M, ledger: &Path) -> crate::Result<Self> {
        Ok(Self { manners, ledger: Ledger::create(ledger)?, book: Mutex::default() })
    }

    /// Carries a call out. To be awaited to its end, whatever becomes of the caller.
    pub async fn call(&self, request: Request) -> crate::Result<Reply> {
        let (call, act, carries) = self.decide(request);
        self.ledger.append(&[Entry::Call(call.clone())]).await?;
        tokio::time::sleep(self.manners.latency(call.request.body.order_id, call.nth)).await;
        let (moved, reply) = self.carry(&call, act);
        let answer = match &reply {
            Reply::Answer(answer) => Some(answer.clone()),
            Reply::Silence | Reply::HangUp => None,
        };
        let answered = Entry::Answered { call: call.call, at: now_us(), answer };
        let entries: Vec<Entry> = moved.into_iter().chain([answered]).collect();
        self.ledger.append(&entries).await?;
        if carries {
            self.carried(&call.request, &reply);
        }
        Ok(reply)
    }

    /// Says what became of a key.
    pub async fn ask(&self, request: Request) -> crate::Result<Answer> {
        let Request { key, body, attempt, .. } = request;
        let order_id = body.order_id;
        let repeats = self.manners.repeats(order_id);
        let evades = |nth| self.manners.evades(order_id, nth);
        let answer = {
            let mut book = self.book();
            book.keys.entry(key.clone()).or_default().asked(repeats, attempt, evades)
        };
        self.ledger.append(&[Entry::Reconciled { order_id, key, answer: answer.clone() }]).await?;
        Ok(answer)
    }

    /// What has become of a key by now: done, declined, or not happened. A message may say so; unlike
    /// an answer to [`Provider::ask`] it promises nothing about calls that are on their way.
    pub fn stands(&self, key: &str) -> Answer {
        self.book().keys.get(key).map_or(Answer::NotHappened, Key::stands)
    }

    /// Numbers a call, and decides what to do; true if that is this call's to carry out.
    fn decide(&self, request: Request) -> (Call, Act, bool) {
        let order_id = request.body.order_id;
        let mut book = self.book();
        book.calls += 1;
        let call = book.calls;
        let nth = book.orders.entry(order_id).or_default();
        *nth += 1;
        let nth = *nth;
        let key = book.keys.entry(request.key.clone()).or_default();
        let belated = key.is_belated(request.attempt);
        let (act, carries) = match key.arrives(self.manners.repeats(order_id), request.attempt) {
            Some(answer) => (Act::Say(answer), false),
            None => (self.manners.act(order_id, nth), true),
        };
        (Call { call, nth, at: now_us(), belated, request }, act, carries)
    }

    fn carry(&self, call: &Call, act: Act) -> (Option<Entry>, Reply) {
        let Call { call, request, .. } = call;
        let moved = act.moves_money().then(|| self.act(request));
        let reply = match (act, &moved) {
            (Act::Say(answer), _) => Reply::Answer(answer),
            (Act::Do, Some(receipt)) => Reply::Answer(Answer::Done(receipt.clone())),
            (Act::DoInSilence, _) => Reply::Silence,
            (Act::Do | Act::DoAndHangUp | Act::HangUp, _) => Reply::HangUp,
        };
        let (call, order_id, key) = (*call, request.body.order_id, request.key.clone());
        (moved.map(|receipt| Entry::Act { call, order_id, key, receipt }), reply)
    }

    /// Moves money.
    fn act(&self, request: &Request) -> Receipt {
        let mut book = self.book();
        book.receipts += 1;
        let receipt_id = format!("receipt-{}", book.receipts);
        let receipt = Receipt { receipt_id, amount: request.body.amount };
        let repeats = self.manners.repeats(request.body.order_id);
        book.keys.entry(request.key.clone()).or_default().acted(repeats, &receipt);
        receipt
    }

    fn carried(&self, request: &Request, reply: &Reply) {
        let repeats = self.manners.repeats(request.body.order_id);
        self.book().keys.entry(request.key.clone()).or_default().carried(repeats, reply);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Body;

    /// Declines the first call of an order and acts on the others.
    struct Moody(Repeats);

    impl Manners for Moody {
        fn repeats(&self, _: u64) -> Repeats {
            self.0
        }

        fn act(&self, _: u64, nth: u32) -> Act {
            if nth == 1 { Act::Say(Answer::Declined) } else { Act::Do }
        }

        fn latency(&self, _: u64, _: u32) -> Duration {
            Duration::ZERO
        }
    }

    async fn called(repeats: Repeats, attempts: &[u32]) -> Vec<Reply> {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::open(Moody(repeats), &folder.path().join("ledger")).unwrap();
        let body = Body { order_id: 1, amount: 5 };
        let mut replies = Vec::new();
        for attempt in attempts {
            let request = Request { key: "k".into(), body, attempt: *attempt, worker: 1 };
            replies.push(provider.call(request).await.unwrap());
        }
        replies
    }

    #[tokio::test]
    async fn a_key_acts_once_and_a_decline_is_kept_or_forgotten() {
        let [declined, refused] = [Answer::Declined, Answer::Refused].map(Reply::Answer);
        let done = Receipt { receipt_id: "receipt-1".into(), amount: 5 };
        let done = Reply::Answer(Answer::Done(done));
        let finals = called(Repeats::Finals, &[1, 2]).await;
        assert_eq!(finals, [declined.clone(), declined.clone()]);
        let replies = called(Repeats::Effects, &[2, 1, 3, 4]).await;
        assert_eq!(replies, [declined, refused, done.clone(), done], "1 was overtaken by 2");
    }

    #[tokio::test]
    async fn the_ledger_says_which_call_has_acted_and_which_was_belated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let provider = Provider::open(Moody(Repeats::Acts), &path).unwrap();
        let body = Body { order_id: 1, amount: 5 };
        let request = |attempt| Request { key: "k".into(), body, attempt, worker: 1 };
        provider.call(request(1)).await.unwrap();
        assert_eq!(provider.ask(request(2)).await.unwrap(), Answer::NotHappened);
        for attempt in [3, 2] {
            provider.call(request(attempt)).await.unwrap();
        }
        let entries: Vec<Entry> = crate::ledger::read(&path).unwrap();
        let acted = entries.iter().filter_map(|entry| match entry {
            Entry::Act { call, .. } => Some(*call),
            _ => None,
        });
        assert_eq!(acted.collect::<Vec<_>>(), [2, 3]);
        let belated = entries.iter().filter_map(|entry| match entry {
            Entry::Call(call) if call.belated => Some(call.call),
            _ => None,
        });
        assert_eq!(belated.collect::<Vec<_>>(), [3]);
    }
}
