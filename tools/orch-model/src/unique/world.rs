use super::Rules;

/// Operations that there may be: each call makes one at most, under its own number. The last one is
/// free for the question whether all heals.
pub const SLOTS: usize = 7;

/// Everything at one moment: the committed rows, and what each caller is at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The operations, by the number of the call that made them.
    pub operations: [Option<Operation>; SLOTS],
    /// The row of `orch_unique`: the operation that holds the biz key. It stays with one that failed.
    pub holder: Option<u8>,
    /// The callers.
    pub callers: Vec<Caller>,
    /// Calls so far.
    pub calls: u8,
    /// Faults that may still happen.
    pub faults: u8,
    /// Purges that may still happen.
    pub purges: u8,
    /// What has happened that must not, and what has happened at all.
    pub audit: Audit,
}

/// A row of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The idempotency key.
    pub key: u8,
    /// How many redrives of the same request came before.
    pub redrive: u8,
    /// Where it is.
    pub state: State,
    /// Of one that has failed: the operation that runs it again.
    pub redriven_as: Option<u8>,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not ended.
    Running,
    /// COMPLETED.
    Completed,
    /// FAILED: it has a dead letter.
    Failed,
}

/// What a statement sees: which operations are there, and which of them have a dead letter, a bit
/// each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Those that are there.
    pub there: u8,
    /// Those with a dead letter.
    pub failed: u8,
}

/// A caller, with one call at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Its idempotency key.
    pub key: u8,
    /// What it is at.
    pub work: Work,
}

/// What a caller is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// Nothing.
    Idle,
    /// It asks for a new operation.
    Accept {
        /// The number of the call, which is the operation's if it makes one.
        call: u8,
        /// What comes next.
        at: AcceptAt,
    },
    /// It has a failed operation redriven.
    Redrive {
        /// The number of the call.
        call: u8,
        /// The failed operation.
        failed: u8,
        /// What comes next.
        at: RedriveAt,
    },
}

/// How far an accept is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AcceptAt {
    /// Its statement begins, and takes its snapshot.
    Begin,
    /// It is about to take the biz key.
    Take(Snapshot),
    /// It has the row locked, and stores the operation.
    Commit,
    /// It looks for the operation of its own request.
    Present,
    /// It looks for the one that is in the way.
    Taken,
}

/// How far a redrive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RedriveAt {
    /// It looks at the operation and its dead letter.
    Look,
    /// It looks for one that is in the way.
    Asked,
    /// Its statement begins, and takes its snapshot.
    Begin,
    /// It is about to lock the dead letter.
    Letter(Snapshot),
    /// It is about to take the biz key.
    Take(Snapshot),
    /// It stores the operation.
    Commit {
        /// True if it has the row of the biz key locked: always, unless that is the mistake.
        holds: bool,
    },
}

/// What must not happen, noted as it happens; and what has to be possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Audit {
    /// A request was answered with an operation of another one, or with none of its own that is there.
    pub told_wrong: bool,
    /// A refusal named an operation that is not there or has failed.
    pub refused_wrong: bool,
    /// A failed operation was redriven a second time.
    pub redriven_twice: bool,
    /// Somebody was refused.
    pub refused: bool,
    /// A redrive was refused.
    pub redrive_refused: bool,
    /// A biz key was taken over from one that had failed.
    pub taken_over: bool,
    /// A statement was undone, since what it refers to is not there.
    pub undone: bool,
    /// A request was answered with its operation, which has failed.
    pub replayed_failed: bool,
}

impl World {
    /// Before anything has happened.
    pub(crate) fn new(rules: &Rules) -> Self {
        let caller = |key: &u8| Caller { key: *key, work: Work::Idle };
        let failed = |key| Operation { key, redrive: 0, state: State::Failed, redriven_as: None };
        let mut operations = [None; SLOTS];
        for (place, key) in operations.iter_mut().zip(&rules.keys).take(rules.failed.into()) {
            *place = Some(failed(*key));
        }
        Self {
            operations,
            holder: rules.failed.checked_sub(1),
            callers: rules.keys.iter().map(caller).collect(),
            calls: rules.failed,
            faults: rules.faults,
            purges: rules.purges,
            audit: Audit::default(),
        }
    }

    /// The operations that are there, with their numbers.
    pub fn there(&self) -> impl Iterator<Item = (u8, Operation)> {
        let numbered = (0..).zip(self.operations);
        numbered.filter_map(|(number, operation)| Some((number, operation?)))
    }

    /// The operations that have not failed.
    pub fn not_failed(&self) -> impl Iterator<Item = (u8, Operation)> {
        self.there().filter(|(_, operation)| operation.state != State::Failed)
    }

    /// The operation of a request, whatever became of it.
    pub(crate) fn of_request(&self, key: u8) -> Option<u8> {
        let mut own = self.there().filter(|(_, it)| (it.key, it.redrive) == (key, 0));
        own.next().map(|(number, _)| number)
    }

    /// What a statement that begins now sees.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let bits = |numbers: &mut dyn Iterator<Item = u8>| numbers.fold(0, |all, it| all | 1 << it);
        let failed = self.there().filter(|(_, it)| it.state == State::Failed);
        Snapshot {
            there: bits(&mut self.there().map(|(number, _)| number)),
            failed: bits(&mut failed.map(|(number, _)| number)),
        }
    }

    /// True if another caller has the row of the biz key locked.
    pub(crate) fn is_locked_for(&self, caller: usize) -> bool {
        let others = self.callers.iter().enumerate().filter(|(other, _)| *other != caller);
        others.map(|(_, other)| other).any(|other| other.work.holds_the_row())
    }
}

impl Snapshot {
    /// True if this one is there and has failed.
    pub(crate) const fn has_failed(self, number: u8) -> bool {
        self.failed & 1 << number != 0
    }

    /// True if one is there that has not failed.
    pub(crate) const fn has_not_failed(self) -> bool {
        self.there & !self.failed != 0
    }
}

impl Work {
    /// True if it has the row of the biz key locked.
    pub(crate) const fn holds_the_row(self) -> bool {
        matches!(
            self,
            Self::Accept { at: AcceptAt::Commit, .. }
                | Self::Redrive { at: RedriveAt::Commit { holds: true }, .. }
        )
    }

    /// The number of the call, if there is one.
    pub(crate) const fn call(self) -> Option<u8> {
        match self {
            Self::Idle => None,
            Self::Accept { call, .. } | Self::Redrive { call, .. } => Some(call),
        }
    }

    /// The failed operation whose row and dead letter it has locked.
    pub(crate) const fn locks(self) -> Option<u8> {
        match self {
            Self::Redrive { failed, at: RedriveAt::Take(_) | RedriveAt::Commit { .. }, .. } => {
                Some(failed)
            }
            _ => None,
        }
    }
}
