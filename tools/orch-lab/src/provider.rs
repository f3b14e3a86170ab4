//! Somebody else's API. It acts, declines, is busy, acts and never answers, or hangs up without
//! having acted. It knows nothing of orch and is never killed.
//!
//! What it promises is what real ones promise. A key that was done gets the same answer for ever
//! and never acts again. While one call with a key is worked on, another one is refused. A caller
//! that asks and gets "not happened" can rely on it: calls of that attempt or of earlier ones that
//! still arrive are declined.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ledger::{Answer, Call, Entry, Ledger, Receipt, Request};
use crate::plan::now_us;

/// How a provider behaves. Whatever it depends on, `nth` counts from 1.
pub trait Manners: Send + Sync + 'static {
    /// True if a key that was declined stays declined. Otherwise the next call with the key may
    /// act; a call that arrives after a later attempt of its key is refused, since it could do
    /// what the caller has given up.
    const KEEPS_DECLINES: bool;

    /// What the `nth` call about this order does, if its key has not acted before.
    fn act(&self, order_id: u64, nth: u32) -> Act;

    /// How long that takes.
    fn latency(&self, order_id: u64, nth: u32) -> Duration;

    /// True if a repeated key is recognised for this order; otherwise each call acts again.
    fn keyed(&self, _order_id: u64) -> bool {
        true
    }

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
    keys: HashMap<String, Key>,
}

#[derive(Debug, Default)]
struct Key {
    calls: u32,
    reconciles: u32,
    in_progress: bool,
    newest_attempt: u32,
    /// Calls of attempts up to this one are declined.
    closed: u32,
    answer: Option<Answer>,
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
        let (moved, reply) = self.carry(&call.request, act);
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
        let answer = {
            let mut book = self.book();
            let known = book.keys.entry(key.clone()).or_default();
            known.reconciles += 1;
            if known.in_progress || self.manners.evades(order_id, known.reconciles) {
                Answer::Unanswered
            } else {
                match &known.answer {
                    Some(Answer::Declined) | None => {
                        known.closed = known.closed.max(attempt);
                        Answer::NotHappened
                    }
                    Some(answer) => answer.clone(),
                }
            }
        };
        self.ledger.append(&[Entry::Reconciled { order_id, key, answer: answer.clone() }]).await?;
        Ok(answer)
    }

    /// Numbers a call, and decides what to do; true if that is this call's to carry out.
    fn decide(&self, request: Request) -> (Call, Act, bool) {
        let keyed = self.manners.keyed(request.body.order_id);
        let mut book = self.book();
        book.calls += 1;
        let call = book.calls;
        let key = book.keys.entry(request.key.clone()).or_default();
        key.calls += 1;
        let overtaken = !M::KEEPS_DECLINES && request.attempt < key.newest_attempt;
        let said = match &key.answer {
            Some(answer) => Some(answer.clone()),
            None if request.attempt <= key.closed => Some(Answer::Declined),
            None if key.in_progress || overtaken => Some(Answer::Refused),
            None => None,
        };
        let (act, carries) = match said.filter(|_| keyed) {
            Some(answer) => (Act::Say(answer), false),
            None => (self.manners.act(request.body.order_id, key.calls), true),
        };
        key.in_progress |= carries;
        key.newest_attempt = key.newest_attempt.max(request.attempt);
        (Call { call, nth: key.calls, at: now_us(), request }, act, carries)
    }

    fn carry(&self, request: &Request, act: Act) -> (Option<Entry>, Reply) {
        let moved = act.moves_money().then(|| self.act(request));
        let reply = match (act, &moved) {
            (Act::Say(answer), _) => Reply::Answer(answer),
            (Act::Do, Some(receipt)) => Reply::Answer(Answer::Done(receipt.clone())),
            (Act::DoInSilence, _) => Reply::Silence,
            (Act::Do | Act::DoAndHangUp | Act::HangUp, _) => Reply::HangUp,
        };
        let (order_id, key) = (request.body.order_id, request.key.clone());
        (moved.map(|receipt| Entry::Act { order_id, key, receipt }), reply)
    }

    /// Moves money. From here on a repetition gets this answer.
    fn act(&self, request: &Request) -> Receipt {
        let mut book = self.book();
        book.receipts += 1;
        let receipt_id = format!("receipt-{}", book.receipts);
        let receipt = Receipt { receipt_id, amount: request.body.amount };
        let key = book.keys.entry(request.key.clone()).or_default();
        key.answer = Some(Answer::Done(receipt.clone()));
        receipt
    }

    fn carried(&self, request: &Request, reply: &Reply) {
        let mut book = self.book();
        let key = book.keys.entry(request.key.clone()).or_default();
        key.in_progress = false;
        if M::KEEPS_DECLINES && *reply == Reply::Answer(Answer::Declined) {
            key.answer.get_or_insert(Answer::Declined);
        }
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
    struct Moody<const KEEPS: bool>;

    impl<const KEEPS: bool> Manners for Moody<KEEPS> {
        const KEEPS_DECLINES: bool = KEEPS;

        fn act(&self, _: u64, nth: u32) -> Act {
            if nth == 1 { Act::Say(Answer::Declined) } else { Act::Do }
        }

        fn latency(&self, _: u64, _: u32) -> Duration {
            Duration::ZERO
        }
    }

    async fn called<const KEEPS: bool>(attempts: &[u32]) -> Vec<Reply> {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::open(Moody::<KEEPS>, &folder.path().join("ledger")).unwrap();
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
        assert_eq!(called::<true>(&[1, 2]).await, [declined.clone(), declined.clone()]);
        let replies = called::<false>(&[2, 1, 3, 4]).await;
        assert_eq!(replies, [declined, refused, done.clone(), done], "1 was overtaken by 2");
    }
}
