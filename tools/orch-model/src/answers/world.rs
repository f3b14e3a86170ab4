use super::provider::Answer;
use super::row::Row;
use super::{Before, PAUSES, Rules};

/// Key generations that there may be: each retry can make one.
pub const KEYS: usize = 6;

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The operation in the database.
    pub row: Row,
    /// True once the deadline has passed.
    pub late: bool,
    /// What the provider keeps under each key of the operation.
    pub keys: [Key; KEYS],
    /// The workers that run it, or believe so; the one that holds the lease is the last.
    pub runs: Vec<Run>,
    /// Faults that may still happen.
    pub faults: u8,
    /// Pauses that may still end before the deadline, after which the provider is asked.
    pub pauses: u8,
    /// Messages that the provider may still write.
    pub messages: u8,
    /// One that is written, and has not arrived.
    pub message: Option<Answer>,
    /// True once it has arrived and had to wait.
    pub message_has_waited: bool,
    /// What the invariants read.
    pub audit: Audit,
}

/// What a provider keeps under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// No call with it has come.
    Unknown,
    /// It is at work on one.
    AtWork,
    /// It has acted.
    Acted,
    /// It has not acted and never will.
    Over,
}

/// A worker with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Run {
    /// The count in the fence of its claim.
    pub fence: u8,
    /// The generation of its key.
    pub generation: u8,
    /// True if it was claimed in doubt.
    pub unresolved: bool,
    /// True if it was claimed for a reconcile.
    pub reconciles: bool,
    /// How it has ended, once it has.
    pub end: Option<End>,
}

/// How an attempt or a reconcile has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It succeeded.
    Ok,
    /// The provider does nothing now.
    Retry,
    /// The provider will never act on this call.
    Declined,
    /// No answer.
    InDoubt,
    /// The provider is at work on a call with this key.
    StillRunning,
    /// It has been done already.
    AlreadyDone,
    /// The provider has accepted it, and tells later what becomes of it.
    Submitted,
    /// A reconcile: no call has acted, and none will unless there is another one.
    NotHappened,
    /// A reconcile: no call has acted, and none will.
    Refused,
}

/// What has happened at all, and what must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Audit {
    /// Calls of this operation that acted, also those that the database has lost.
    pub acts: u8,
    /// Runs of the handler.
    pub runs: u8,
    /// The key has changed after an attempt was lost or a provider had said that there was a call.
    pub key_changed: bool,
    /// The row follows an answer after which nothing may be called by itself: it was done already, the
    /// provider has accepted it, or a reconcile refused.
    pub over: bool,
    /// The handler was run after such an answer.
    pub run_after_over: bool,
    /// An end that told of a call, or of a lost attempt, has reached the row.
    pub told: bool,
    /// The row follows an answer that the provider has accepted it.
    pub submitted: bool,
    /// A message has ended it.
    pub ended_by_message: bool,
    /// A message that it had not happened came when it had.
    pub stale_message: bool,
}

impl World {
    /// Before anything has happened to the operation.
    pub(crate) fn new(rules: &Rules) -> Self {
        let mut keys = [Key::Unknown; KEYS];
        let mut audit = Audit::default();
        match rules.before {
            Before::Nothing | Before::DoneByAnother => {}
            Before::LostAtWork => keys[0] = Key::AtWork,
            Before::LostDone => {
                keys[0] = Key::Acted;
                audit.acts = 1;
            }
        }
        let (faults, runs) = (rules.faults, Vec::new());
        Self {
            row: Row::accepted(rules),
            late: false,
            keys,
            runs,
            faults,
            pauses: PAUSES,
            messages: rules.messages,
            message: None,
            message_has_waited: false,
            audit,
        }
    }

    /// True if a call was lost by the database and nothing has told the operation of it yet.
    pub(crate) fn is_deceived(&self, rules: &Rules) -> bool {
        matches!(rules.before, Before::LostAtWork | Before::LostDone) && !self.audit.told
    }

    /// True if this worker holds the lease.
    pub(crate) fn holds(&self, run: usize) -> bool {
        self.row.leased && self.runs[run].fence == self.row.fence
    }

    /// True if a worker that has lost its lease may still send a call.
    pub(crate) fn has_a_call_on_its_way(&self) -> bool {
        let calls = |run: &Run| !run.reconciles && run.end.is_none();
        (0..self.runs.len()).any(|run| !self.holds(run) && calls(&self.runs[run]))
    }

    /// True if the operation has come to rest.
    pub(crate) fn rests(&self) -> bool {
        self.row.outcome.is_some() || self.row.is_parked()
    }
}
