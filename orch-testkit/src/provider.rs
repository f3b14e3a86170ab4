use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use crate::crash_matrix::ProviderBooks;

/// A payment gateway in memory that does what a test tells it, call by call.
///
/// It records every call, honours provider keys as real ones do (a key that was charged or
/// declined gets the same answer again and is never charged twice), and can be asked what
/// happened to a key. Once its script is used up it charges.
///
/// ```
/// # use orch_testkit::{Reply, ScriptedProvider, Step};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let gateway = ScriptedProvider::new([Step::Unavailable, Step::Charge]);
/// assert_eq!(gateway.call("key", b"5 EUR").await, Reply::Unavailable);
/// assert_eq!(gateway.call("key", b"5 EUR").await, Reply::Charged { receipt: 1 });
/// assert_eq!(gateway.charges("key"), 1);
/// # });
/// ```
#[derive(Debug)]
pub struct ScriptedProvider {
    books: Mutex<Books>,
    count: watch::Sender<usize>,
    honours_keys: bool,
}

/// What the provider does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Charges and says so.
    Charge,
    /// Declines, for good.
    Decline,
    /// Answers 503 and does nothing.
    Unavailable,
    /// Answers 429 with this `Retry-After` and does nothing.
    RateLimited(Duration),
    /// Answers 401 before it looks at the key, and does nothing.
    Refuse,
    /// Charges, and never answers.
    ChargeAndNeverAnswer,
    /// Does nothing, and never answers.
    NeverAnswer,
}

/// What the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The charge with this number.
    Charged {
        /// Counted from 1 over all keys.
        receipt: u64,
    },
    /// No, and it will not change.
    Declined,
    /// 503.
    Unavailable,
    /// 429.
    RateLimited {
        /// `Retry-After`.
        after: Duration,
    },
    /// 401: the caller could not be authenticated, so the key was not looked at.
    Refused,
    /// The key was used with another payload.
    KeyReused,
}

/// One call as the provider got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCall {
    /// The provider key.
    pub key: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// What the script said to do.
    pub step: Step,
}

#[derive(Debug, Default)]
struct Books {
    script: VecDeque<Step>,
    calls: Vec<ProviderCall>,
    /// The key of each charge; its place, from 1, is the receipt.
    charges: Vec<String>,
    /// The payload and the definite answer of each key.
    answers: HashMap<String, (Vec<u8>, Reply)>,
}

impl ScriptedProvider {
    /// A provider with this script.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let script = script.into_iter().collect();
        let books = Mutex::new(Books { script, ..Books::default() });
        Self { books, count: watch::Sender::new(0), honours_keys: true }
    }

    /// The same provider without idempotency: it charges as often as it is called.
    #[must_use]
    pub fn ignoring_keys(self) -> Self {
        Self { honours_keys: false, ..self }
    }

    /// One call. Never returns where the script says so: give it a timeout.
    pub async fn call(&self, key: &str, payload: &[u8]) -> Reply {
        let reply = self.books.lock().unwrap().take(key, payload, self.honours_keys);
        self.count.send_modify(|count| *count += 1);
        // The answer is on its way: here a caller can die after the provider has acted.
        tokio::task::yield_now().await;
        match reply {
            Some(reply) => reply,
            None => pending().await,
        }
    }

    /// Returns once `count` calls have arrived in all.
    pub async fn called(&self, count: usize) {
        let mut seen = self.count.subscribe();
        seen.wait_for(|calls| *calls >= count).await.expect("the provider lives");
    }

    /// Every call so far, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<ProviderCall> {
        self.books.lock().unwrap().calls.clone()
    }

    /// What a reconcile asks: the definite answer that this key got, or would have got had
    /// the reply not been lost. `None` if nothing happened under it.
    #[must_use]
    pub fn happened(&self, key: &str) -> Option<Reply> {
        self.books.lock().unwrap().answers.get(key).map(|(_, reply)| *reply)
    }

    /// How often a key was charged.
    #[must_use]
    pub fn charges(&self, key: &str) -> usize {
        self.books.lock().unwrap().charges.iter().filter(|charged| *charged == key).count()
    }

    /// How many charges there were in all.
    #[must_use]
    pub fn charged(&self) -> usize {
        self.books.lock().unwrap().charges.len()
    }
}

impl Default for ScriptedProvider {
    /// A provider that charges whenever it is called.
    fn default() -> Self {
        Self::new([])
    }
}

impl ProviderBooks for ScriptedProvider {
    fn keys(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.key).collect()
    }

    fn effects(&self) -> usize {
        self.charged()
    }
}

impl Books {
    /// Does the next step. `None` if no answer goes out.
    fn take(&mut self, key: &str, payload: &[u8], honours_keys: bool) -> Option<Reply> {
        let step = self.script.pop_front().unwrap_or(Step::Charge);
        self.calls.push(ProviderCall { key: key.to_owned(), payload: payload.to_owned(), step });
        match step {
            Step::Unavailable => Some(Reply::Unavailable),
            Step::RateLimited(after) => Some(Reply::RateLimited { after }),
            Step::Refuse => Some(Reply::Refused),
            Step::NeverAnswer => None,
            Step::Charge => Some(self.answer(key, payload, honours_keys, true)),
            Step::Decline => Some(self.answer(key, payload, honours_keys, false)),
            Step::ChargeAndNeverAnswer => {
                self.answer(key, payload, honours_keys, true);
                None
            }
        }
    }

    /// The answer that the key has got already, or a new one.
    fn answer(&mut self, key: &str, payload: &[u8], honours_keys: bool, charge: bool) -> Reply {
        if honours_keys && let Some((first, reply)) = self.answers.get(key) {
            return if first == payload { *reply } else { Reply::KeyReused };
        }
        let reply = if charge {
            self.charges.push(key.to_owned());
            Reply::Charged { receipt: self.charges.len() as u64 }
        } else {
            Reply::Declined
        };
        self.answers.insert(key.to_owned(), (payload.to_owned(), reply));
        reply
    }
}
