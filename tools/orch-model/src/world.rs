use orch_core::policies::InDoubt;
use orch_core::words::{LogStatus, Phase, Source, Status};

use crate::{Declared, Faults};

/// Everything at one moment: the database, both workers, the provider, and what has happened
/// that the invariants have to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The store's clock, in ticks.
    pub now: u8,
    /// The operations by their id. An id is the number of the client that made it up.
    pub rows: [Option<Row>; CLIENTS],
    /// The provider's books, by operation.
    pub books: [Book; CLIENTS],
    /// The workers. They are alike, so they are kept in order: a world in which two have changed
    /// places is the same world.
    pub workers: [Worker; 2],
    /// What the Finalizer has read and is about to finalize.
    pub finalizer: Option<Claim>,
    /// A write whose worker is gone, still on its way to the store.
    pub stray: Option<Write>,
    /// Faults that may still happen.
    pub faults: Faults,
    /// True if an operator has used the one permission to run again.
    pub ran_again: bool,
    /// How often the database has lost a claim. Claims made since then have another id.
    pub histories: u8,
    /// The incarnation since which histories are whole, where the database notices a loss.
    pub whole_since: u8,
    /// What has happened that must not.
    pub audit: Audit,
}

/// The clients; the first two ask for the same thing.
pub const CLIENTS: usize = 3;

/// The identity that a client asks for.
#[must_use]
pub const fn identity(client: usize) -> usize {
    if client < 2 { 0 } else { 1 }
}

/// An operation in the database: the columns of a [`machine::Row`](orch_core::machine::Row) with
/// its log, and what the audit keeps beside them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// Where it is.
    pub status: Status,
    /// What it is doing.
    pub phase: Option<Phase>,
    /// Executions so far.
    pub attempt: u8,
    /// The latest claim's or take-over's, as [`fence`](crate::columns::fence) takes it.
    pub fence: u8,
    /// Attempts that ended with Retry.
    pub retries: u8,
    /// Attempts whose end is unknown.
    pub lost_attempts: u8,
    /// Reconciles so far.
    pub reconciles: u8,
    /// How often the provider key was replaced.
    pub key_generation: u8,
    /// When its time budget ends.
    pub deadline: u8,
    /// When it may be claimed.
    pub due_at: Option<u8>,
    /// When the lease ends, if there is one.
    pub lease_expires_at: Option<u8>,
    /// When the claim that holds the lease was made; 0 where the life of a key does not matter.
    pub started_at: Option<u8>,
    /// The claim of the oldest attempt in doubt, 0 likewise; `None` unless doubt remains.
    pub first_called_at: Option<u8>,
    /// The handler's rules as the latest claim wrote them.
    pub policy: Policy,
    /// The terminal outcome.
    pub outcome: Option<Final>,
    /// Under which incarnation of the database it was accepted, or is known to be whole.
    pub incarnation: u8,
    /// The write-ahead log.
    pub log: Vec<Entry>,
    /// The audit's own: which claim or take-over is the latest, counted without the fence.
    pub claims: u8,
    /// The audit's own: the outcome as it was first written.
    pub first_end: Option<Final>,
    /// The audit's own: how often the finalize hook's writes were committed.
    pub marks: u8,
    /// The audit's own: true if an operator has decided to end it without its hook.
    pub skipped: bool,
    /// What a database that loses the latest claim goes back to: there where claims can be lost,
    /// and until something else is written.
    pub unclaimed: Option<Box<Self>>,
}

/// The columns of a [`KindPolicy`](orch_core::policies::KindPolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Executions allowed.
    pub max_attempts: u8,
    /// What follows an attempt in doubt.
    pub in_doubt: InDoubt,
    /// Reconciles allowed.
    pub max_reconciles: u8,
    /// True if a key that was answered with an error is answered so again.
    pub replays_errors: bool,
    /// True if there is a finalize hook.
    pub hooked: bool,
}

/// An entry of the write-ahead log: the columns of a
/// [`machine::Entry`](orch_core::machine::Entry).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The fence that it was written under.
    pub fence: u8,
    /// Who says so.
    pub source: Source,
    /// What is said.
    pub end: End,
    /// When the claim was made; 0 where the life of a key does not matter.
    pub started_at: Option<u8>,
    /// When it was written.
    pub logged_at: u8,
    /// Whether the status follows it yet.
    pub status: LogStatus,
    /// While PENDING: when the Finalizer may take it.
    pub due_at: Option<u8>,
    /// How often its finalize hook failed.
    pub hook_failures: u8,
    /// True for an answer that came too late to have an effect.
    pub late: bool,
}

/// How an attempt or a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The provider did it.
    Ok,
    /// It did not, or it is unknown whether it did and the operation ends so.
    Failed(Verdict),
    /// Try again.
    Retry,
    /// Unknown.
    InDoubt,
    /// The provider was asked, and has not acted.
    NotHappened,
}

/// What a failure says of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verdict {
    /// The provider may have acted all the same.
    pub uncertain: bool,
    /// The handler was run.
    pub called: bool,
}

/// A terminal outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Final {
    /// COMPLETED.
    Ok,
    /// FAILED.
    Failed(Verdict),
}

/// A claim as its worker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The operation.
    pub op: usize,
    /// The guard of every write about it.
    pub fence: u8,
    /// The audit's own: which claim this is. No guard looks at it.
    pub claims: u8,
    /// Which key it calls with.
    pub key_generation: u8,
    /// The claim of the oldest run in doubt, if doubt stood when this was claimed.
    pub first_called_at: Option<u8>,
}

/// A worker with one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// What it is doing.
    pub work: Work,
    /// True while it stands still.
    pub paused: bool,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Nothing.
    Idle,
    /// It has claimed, and is about to run the handler.
    Attempt(Claim),
    /// It has claimed, and is about to ask the provider.
    Reconcile(Claim),
    /// The handler has returned; the end is not stored.
    Returned(Ended),
    /// The end is logged; the status does not follow it yet.
    Logged(Claim),
    /// The claim is to be given back.
    Releasing(Claim),
    /// It must not be run: it is to be parked.
    Refused(Claim),
}

/// An end to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ended {
    /// Under which claim.
    pub claim: Claim,
    /// True if it is the end of a reconcile.
    pub reconcile: bool,
    /// How it ended.
    pub end: End,
}

/// A write of a worker about its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// Append to the log.
    Log(Ended),
    /// Finalize what is logged.
    Finalize(Claim),
    /// Both in one.
    Settle(Ended),
    /// Give back.
    Release(Claim),
    /// Give back, to be parked.
    Park(Claim),
}

/// What the provider knows of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Book {
    /// Calls that arrived.
    pub calls: u8,
    /// How often it acted.
    pub acts: u8,
    /// The answer that it remembers: under which key, whether it acted, and when it forgets.
    pub answered: Option<(u8, bool, Option<u8>)>,
    /// The key of the latest call that was not answered.
    pub unanswered: Option<u8>,
    /// A call came under another key while one was not answered.
    pub key_changed: bool,
    /// Somebody has asked and was told that the provider has not acted.
    pub denied: bool,
    /// After that, the provider acted on a call of a worker that had lost its lease. No guard of
    /// a database can prevent it: the call was on its way.
    pub acted_after_denial: bool,
}

/// What must not happen, noted as it happens; it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Audit {
    /// A write changed an operation that somebody else owned by then.
    pub stale_write: bool,
    /// A fence was lowered.
    pub fence_fell: bool,
    /// A terminal operation changed.
    pub end_changed: bool,
    /// A lease was taken back before its end.
    pub taken_early: bool,
    /// A client was told of another operation than the one with its identity.
    pub told_wrong: bool,
    /// An operation in doubt was claimed for a run although its handler declares something else.
    /// The worker would refuse to call; the store is to know by itself.
    pub run_in_doubt: bool,
}

impl World {
    /// Before anything has happened.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        let idle = Worker { work: Work::Idle, paused: false };
        Self {
            now: 0,
            rows: [const { None }; CLIENTS],
            books: [Book::default(); CLIENTS],
            workers: [idle; 2],
            finalizer: None,
            stray: None,
            faults,
            ran_again: false,
            histories: 0,
            whole_since: 1,
            audit: Audit::default(),
        }
    }

    /// The operations that are there, with their ids.
    pub fn operations(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter_map(|(op, row)| Some((op, row.as_ref()?)))
    }
}

impl Row {
    /// Forgets what is not read any more, so that worlds which differ in it are one: the instants
    /// of finished entries, the deadline of an operation that has ended, and when calls were made
    /// if their keys are remembered for ever.
    pub(crate) fn forget(&mut self, declared: Declared) {
        if declared.key_lifetime.is_none() {
            self.started_at = self.started_at.map(|_| 0);
            self.first_called_at = self.first_called_at.map(|_| 0);
            self.log.iter_mut().for_each(|entry| entry.started_at = entry.started_at.map(|_| 0));
        }
        for entry in self.log.iter_mut().filter(|entry| entry.status == LogStatus::Completed) {
            (entry.started_at, entry.logged_at, entry.hook_failures) = (None, 0, 0);
        }
        if self.status.is_terminal() {
            self.deadline = 0;
        }
        if let Some(unclaimed) = &mut self.unclaimed {
            unclaimed.forget(declared);
        }
    }

    /// The claim that it is under now, as the claimer gets to know it.
    pub(crate) const fn claim(&self, op: usize) -> Claim {
        let Self { fence, claims, key_generation, first_called_at, .. } = *self;
        Claim { op, fence, claims, key_generation, first_called_at }
    }

    /// True once nothing but an operator moves it.
    #[must_use]
    pub fn at_rest(&self) -> bool {
        self.status.is_terminal() || self.phase == Some(Phase::Parked)
    }
}

impl Work {
    /// The claim that is worked on.
    #[must_use]
    pub const fn claim(&self) -> Option<Claim> {
        match self {
            Self::Idle => None,
            Self::Attempt(claim)
            | Self::Reconcile(claim)
            | Self::Logged(claim)
            | Self::Releasing(claim)
            | Self::Refused(claim) => Some(*claim),
            Self::Returned(ended) => Some(ended.claim),
        }
    }
}

impl Ended {
    /// Who says so.
    #[must_use]
    pub const fn source(&self) -> Source {
        if self.reconcile { Source::Reconcile } else { Source::Handler }
    }
}

impl Final {
    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Ok => Status::Completed,
            Self::Failed(_) => Status::Failed,
        }
    }
}
