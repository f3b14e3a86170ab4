//! A provider in memory that does what a test tells it.

mod step; // what it is told

mod reply; // what it answers

mod promises; // what it does with keys

mod books; // what it has done

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orch_core::provider::{Provider, Repeat};
use tokio::sync::watch;

pub use reply::{Answered, Reply};
pub use step::Step;

use crate::crash_matrix::ProviderBooks;
use books::{Books, Goes};
use promises::Promises;

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
///
/// # By a contract
///
/// [`ScriptedProvider::of`] is a provider that does what a contract says, and no more than that:
///
/// | `REPEAT` | a repeated key or reference gets |
/// |---|---|
/// | `Answers(Everything)` | the first answer, errors included |
/// | `Answers(Effects)` | the charge, if there was one, however it was answered; else it is a new call |
/// | `Answers(Successes)` | the charge, if the first answer said so; else it is a new call, and charges again |
/// | `Refuses` | *done already*, whatever the first call came to |
/// | `Acts` | another charge |
///
/// It forgets a key at the end of `KEY_LIFETIME`, by a clock that the test moves
/// ([`advance`](Self::advance), [`between_calls`](Self::between_calls)). While a call is at work, another one
/// with its key is *still running*. If the contract has a word for *other body*, another payload under a key
/// that it remembers is refused. [`answer`](Self::answer) gives the answer over HTTP, in the words of the
/// contract; where it has none, *still running* and *done already* are 409, *other body* is 422, and a
/// decline is 402.
///
/// ```
/// # use orch_core::provider::catalogue::CheckoutCom;
/// # use orch_testkit::{ScriptedProvider, Step};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// // It keeps successes and nothing else: behind a 502 the same key charges again.
/// let gateway = ScriptedProvider::of::<CheckoutCom>().script([Step::ChargeAndError(502)]);
/// assert_eq!(gateway.answer("key", b"5 EUR").await.status, 502);
/// assert_eq!(gateway.answer("key", b"5 EUR").await.status, 200);
/// assert_eq!(gateway.charges("key"), 2);
/// # });
/// ```
#[derive(Debug)]
pub struct ScriptedProvider {
    books: Mutex<Books>,
    /// The calls so far; every change of the books is told.
    count: watch::Sender<usize>,
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

impl ScriptedProvider {
    /// A provider with this script that keeps charges and declines behind a key, without end, and
    /// refuses another payload under it.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self::with(Promises::DEFINITE).script(script)
    }

    /// A provider that does with keys what this contract says. It charges whenever it is called, until
    /// it is given a [`script`](Self::script).
    ///
    /// A lifetime that the contract does not publish is without end here, unless
    /// [`forget_after`](Self::forget_after) sets one.
    #[must_use]
    pub fn of<P: Provider>() -> Self {
        Self::with(Promises::of::<P>())
    }

    fn with(promises: Promises) -> Self {
        Self { books: Mutex::new(Books::new(promises)), count: watch::Sender::new(0) }
    }

    /// The same provider with these steps behind those that it has.
    #[must_use]
    pub fn script(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.changed(|books| books.script.extend(steps))
    }

    /// The same provider without idempotency: it charges as often as it is called.
    #[must_use]
    pub fn ignoring_keys(self) -> Self {
        self.changed(|books| books.promises.repeat = Repeat::Acts)
    }

    /// The same provider, which forgets a key so long after its first use. Zero: at once.
    #[must_use]
    pub fn forget_after(self, lifetime: Duration) -> Self {
        self.changed(|books| books.promises.lifetime = Some(lifetime))
    }

    /// The same provider, whose clock moves by so much between two calls, questions of a reconcile
    /// ([`happened`](Self::happened)) among them. Zero unless said.
    #[must_use]
    pub fn between_calls(self, span: Duration) -> Self {
        self.changed(|books| books.between = span)
    }

    fn changed(self, change: impl FnOnce(&mut Books)) -> Self {
        change(&mut self.books());
        self
    }

    /// Moves the provider's clock: keys are forgotten, and work comes to its end.
    pub fn advance(&self, span: Duration) {
        self.books().advance(span);
        self.count.send_modify(|_| {});
    }

    /// Adds a step behind those that are left of the script.
    pub fn then(&self, step: Step) {
        self.books().script.push_back(step);
    }

    /// One call. Never returns where the script says so: give it a timeout.
    pub async fn call(&self, key: &str, payload: &[u8]) -> Reply {
        let mut told = self.count.subscribe();
        let goes = self.books().take(key, payload);
        // Work that has ended meanwhile is told as well.
        self.count.send_modify(|count| *count += 1);
        // The answer is on its way: here a caller can die after the provider has acted.
        tokio::task::yield_now().await;
        match goes {
            Goes::Answered(reply) => reply,
            Goes::Unanswered => pending().await,
            Goes::AtWork(number) => loop {
                told.mark_unchanged();
                if let Some(reply) = self.books().worked(number) {
                    break reply;
                }
                if told.changed().await.is_err() {
                    pending::<()>().await;
                }
            },
        }
    }

    /// One call, and its answer as it comes over HTTP, in the words of the contract. Never returns where
    /// the script says so: give it a timeout.
    pub async fn answer(&self, key: &str, payload: &[u8]) -> Answered {
        let reply = self.call(key, payload).await;
        self.books().promises.spell(reply)
    }

    /// Returns once `count` calls have arrived in all.
    pub async fn called(&self, count: usize) {
        let mut seen = self.count.subscribe();
        seen.wait_for(|calls| *calls >= count).await.expect("the provider lives");
    }

    /// Every call so far, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<ProviderCall> {
        self.books().calls.clone()
    }

    /// What a reconcile asks: the last charge of this key, even if its answer was lost or its key is
    /// forgotten; [`Reply::StillRunning`] while a call with it is at work; [`Reply::Declined`]. `None` if
    /// nothing happened under it.
    #[must_use]
    pub fn happened(&self, key: &str) -> Option<Reply> {
        let happened = self.books().happened(key);
        self.count.send_modify(|_| {});
        happened
    }

    /// How often a key was charged.
    #[must_use]
    pub fn charges(&self, key: &str) -> usize {
        self.books().charges.iter().filter(|charged| *charged == key).count()
    }

    /// How many charges there were in all.
    #[must_use]
    pub fn charged(&self) -> usize {
        self.books().charges.len()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
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
