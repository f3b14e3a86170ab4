use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use orch_core::store::{Store, StoreError, monotonic};
use tokio::sync::watch;

use crate::{Layered, StoreLayer, Verb};

/// A store that fails when a test says so, in front of one that does not.
///
/// Calls of each verb are counted from 1. A fault is planned for one of them, before or after
/// it happens; [`Faults::go_down`] fails every call until [`Faults::come_back`], and after a kill
/// nothing comes through any more, as from a process that is dead.
///
/// ```
/// # use std::sync::Arc;
/// # use orch_core::memory::MemoryStore;
/// # use orch_testkit::{Fault, FaultStore, Verb};
/// let store = FaultStore::new(Arc::new(MemoryStore::new()));
/// store.plan(Verb::Settle, 1, Fault::ReplyLost);
/// ```
pub type FaultStore = Layered<Faults>;

/// The layer of a [`FaultStore`]: which calls fail, and how.
pub struct Faults {
    script: Mutex<Script>,
    dead: watch::Sender<bool>,
    /// Planned faults that are not over.
    open: watch::Sender<usize>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out; the error is transient.
    NotSent,
    /// It is carried out, and its reply is lost; the error is transient.
    ReplyLost,
    /// It is not carried out; the error is fatal.
    Refused,
    /// The process dies before it: it is not carried out, and nothing after it is.
    KillBefore,
    /// The process dies after it: it is carried out, nobody gets to know, and nothing after it
    /// is.
    KillAfter,
    /// It hangs for so long, and is then carried out.
    Stall(Duration),
}

#[derive(Default)]
struct Script {
    calls: HashMap<Verb, usize>,
    faults: HashMap<(Verb, usize), Fault>,
    down: bool,
}

impl FaultStore {
    /// A store that does as this one until told otherwise.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self::over(inner, Faults::none())
    }
}

impl Faults {
    fn none() -> Self {
        Self {
            script: Mutex::default(),
            dead: watch::Sender::new(false),
            open: watch::Sender::new(0),
        }
    }

    /// Lets the `nth` call of a verb fail, counted from 1 since the store was made.
    pub fn plan(&self, verb: Verb, nth: usize, fault: Fault) {
        let replaced = self.script.lock().unwrap().faults.insert((verb, nth), fault);
        self.open.send_modify(|open| *open += usize::from(replaced.is_none()));
    }

    /// Every call fails as [`Fault::NotSent`] from here on, like a database that is away.
    pub fn go_down(&self) {
        self.script.lock().unwrap().down = true;
    }

    /// The database is there again.
    pub fn come_back(&self) {
        self.script.lock().unwrap().down = false;
    }

    /// From here on nothing comes through, in either direction: every call fails as
    /// [`Fault::Refused`].
    pub fn kill(&self) {
        self.dead.send_replace(true);
    }

    /// True after a kill.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns after a kill.
    pub async fn killed(&self) {
        let mut dead = self.dead.subscribe();
        dead.wait_for(|dead| *dead).await.expect("the store lives");
    }

    /// Returns once every planned fault is over.
    pub async fn came_to_pass(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == 0).await.expect("the store lives");
    }

    /// How often a verb was called, failed calls included.
    #[must_use]
    pub fn calls(&self, verb: Verb) -> usize {
        self.script.lock().unwrap().calls.get(&verb).copied().unwrap_or(0)
    }

    async fn fail<T>(
        &self,
        fault: Fault,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match fault {
            Fault::NotSent => Err(StoreError::transient("the fault store: not sent")),
            Fault::Refused => Err(StoreError::fatal("the fault store: refused")),
            Fault::ReplyLost => {
                call.await?;
                Err(StoreError::transient("the fault store: the reply is lost"))
            }
            Fault::KillBefore => {
                self.kill();
                Err(dead())
            }
            Fault::KillAfter => {
                let answer = call.await;
                self.kill();
                answer
            }
            Fault::Stall(span) => {
                monotonic::sleep(span).await;
                call.await
            }
        }
    }

    /// Counts a call and says how it fails, and whether that was planned.
    fn next_fault(&self, verb: Verb) -> (Option<Fault>, bool) {
        let mut script = self.script.lock().unwrap();
        let calls = script.calls.entry(verb).or_insert(0);
        *calls += 1;
        let nth = *calls;
        let planned = script.faults.remove(&(verb, nth));
        let fault = if script.down { Some(Fault::NotSent) } else { planned };
        (fault, planned.is_some())
    }
}

fn dead() -> StoreError {
    StoreError::fatal("the fault store: this process is dead")
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

#[async_trait]
impl StoreLayer for Faults {
    async fn around<T: Send>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if self.is_dead() {
            return Err(dead());
        }
        let (fault, planned) = self.next_fault(verb);
        let answer = match fault {
            None => call.await,
            Some(fault) => self.fail(fault, call).await,
        };
        if planned {
            self.open.send_modify(|open| *open -= 1);
        }
        // It died while this was under way: whatever became of it, nobody gets to know.
        if self.is_dead() { Err(dead()) } else { answer }
    }
}
