use orch_core::policies::Tally;
use orch_core::store::Purpose;
use orch_core::words::{
    AttemptEnd, Failure, Fence, FinalOutcome, LogStatus, Outcome, Payload, Phase, Source, Status,
    Timestamp,
};

use crate::Faults;

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
    /// True if a person has used the one permission to run again.
    pub ran_again: bool,
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

/// An operation in the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// Where it is.
    pub status: Status,
    /// What it is doing.
    pub phase: Option<Phase>,
    /// Executions so far.
    pub attempt: u32,
    /// The latest owner's.
    pub fence: Fence,
    /// Attempts that ended with Retry.
    pub retries: u32,
    /// Attempts whose end nobody knows.
    pub lost_attempts: u32,
    /// When its time budget ends.
    pub deadline: u8,
    /// When it may be claimed.
    pub due_at: Option<u8>,
    /// When the lease ends, if somebody has it.
    pub lease_expires_at: Option<u8>,
    /// The claim of the oldest run in doubt; `None` unless doubt stands.
    pub first_called_at: Option<u8>,
    /// How many keys the provider has answered with a definite error.
    pub key_generation: u32,
    /// When the latest claim was made; 0 where the life of a key does not matter.
    pub claimed_at: u8,
    /// Questions to the provider so far.
    pub reconciles: u32,
    /// What the latest claim was for.
    pub purpose: Purpose,
    /// The terminal outcome.
    pub outcome: Option<Final>,
    /// The write-ahead log.
    pub log: Vec<Entry>,
    /// The audit's own: which claim or take-over is the latest, counted without the fence.
    pub claims: u8,
    /// The audit's own: the outcome as it was first written.
    pub first_end: Option<Final>,
    /// The audit's own: how often the finalize hook's writes were committed.
    pub marks: u8,
}

/// An entry of the write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The fence that it was written under.
    pub fence: Fence,
    /// Who says so.
    pub source: Source,
    /// What is said.
    pub end: End,
    /// When.
    pub logged_at: u8,
    /// Whether the status follows it yet.
    pub status: LogStatus,
    /// When the Finalizer may take it.
    pub due_at: u8,
    /// True for an answer that came too late to have an effect.
    pub late: bool,
}

/// How an attempt or a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The provider did it.
    Ok,
    /// It did not, or nobody knows and it ends so.
    Failed(Verdict),
    /// Try again.
    Retry,
    /// Nobody knows.
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
    pub fence: Fence,
    /// The audit's own: which claim this is. No guard looks at it.
    pub claims: u8,
    /// Which key it calls with.
    pub key_generation: u32,
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
    pub answered: Option<(i64, bool, Option<u8>)>,
    /// The key of the latest call that was not answered.
    pub unanswered: Option<i64>,
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
    /// A terminal operation changed, or a state moved as it may not.
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
            audit: Audit::default(),
        }
    }

    /// The operations that are there, with their ids.
    pub fn operations(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter_map(|(op, row)| Some((op, row.as_ref()?)))
    }
}

impl Row {
    /// Newly accepted.
    #[must_use]
    pub const fn pending(now: u8, deadline: u8) -> Self {
        Self {
            status: Status::Pending,
            phase: None,
            attempt: 0,
            fence: Fence::new(0),
            retries: 0,
            lost_attempts: 0,
            deadline,
            due_at: Some(now),
            lease_expires_at: None,
            first_called_at: None,
            key_generation: 0,
            claimed_at: 0,
            reconciles: 0,
            purpose: Purpose::Attempt,
            outcome: None,
            log: Vec::new(),
            claims: 0,
            first_end: None,
            marks: 0,
        }
    }

    /// Forgets what nothing looks at any more, so that worlds which differ in it are one: when
    /// finished entries were written, and when an operation that has ended was due.
    pub(crate) fn forget(&mut self) {
        for entry in self.log.iter_mut().filter(|entry| entry.status == LogStatus::Completed) {
            (entry.logged_at, entry.due_at) = (0, 0);
        }
        if self.status.is_terminal() {
            self.deadline = 0;
        }
    }

    /// The claim that it is under now, as the claimer gets to know it.
    pub(crate) const fn claim(&self, op: usize) -> Claim {
        let Self { fence, claims, key_generation, first_called_at, .. } = *self;
        Claim { op, fence, claims, key_generation, first_called_at }
    }

    /// True once nothing but a person moves it.
    #[must_use]
    pub fn at_rest(&self) -> bool {
        self.status.is_terminal() || self.phase == Some(Phase::Parked)
    }

    /// Counts an end, by production's rule.
    pub fn note(&mut self, tally: &Tally) {
        self.retries += tally.retries;
        self.lost_attempts += tally.lost_attempts;
        let before = self.first_called_at.map(instant);
        self.first_called_at = tally.first_called_at(before, instant(self.claimed_at)).map(tick);
        self.key_generation += tally.key_generations;
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

impl End {
    /// The end as production's rules take it.
    #[must_use]
    pub fn attempt_end(self) -> AttemptEnd {
        match self {
            Self::Ok => AttemptEnd::Outcome(Outcome::Ok { output: Payload::default() }),
            Self::Failed(Verdict { uncertain, called }) => {
                let failure = Failure::new("NO", "no").uncertain(uncertain).called(called);
                AttemptEnd::Outcome(Outcome::Fail(failure))
            }
            Self::Retry => {
                AttemptEnd::Outcome(Outcome::Retry { reason: String::new(), after: None })
            }
            Self::InDoubt => AttemptEnd::InDoubt { reason: String::new() },
            Self::NotHappened => AttemptEnd::NotHappened,
        }
    }
}

impl From<&FinalOutcome> for Final {
    fn from(outcome: &FinalOutcome) -> Self {
        match outcome {
            FinalOutcome::Ok(_) => Self::Ok,
            FinalOutcome::Failed(failure) => {
                Self::Failed(Verdict { uncertain: failure.uncertain, called: failure.called })
            }
        }
    }
}

impl From<Final> for End {
    fn from(end: Final) -> Self {
        match end {
            Final::Ok => Self::Ok,
            Final::Failed(verdict) => Self::Failed(verdict),
        }
    }
}

impl Final {
    /// The status that goes with it.
    #[must_use]
    pub const fn state(self) -> Status {
        match self {
            Self::Ok => Status::Completed,
            Self::Failed(_) => Status::Failed,
        }
    }
}

/// A tick as production's rules take it.
pub(crate) fn instant(tick: u8) -> Timestamp {
    Timestamp::from_micros(i64::from(tick) * 1_000_000)
}

/// The tick of an instant.
pub(crate) fn tick(instant: Timestamp) -> u8 {
    u8::try_from(instant.as_micros() / 1_000_000).unwrap_or(u8::MAX)
}
