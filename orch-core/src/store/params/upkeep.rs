use super::Claim;
use crate::machine::Finalized;
use crate::policies::KindPolicy;
use crate::words::{Kind, OpId};

/// One pass over spent time budgets.
#[derive(Debug, Clone)]
pub struct SweepParams {
    /// The kinds that this worker has handlers for. A PENDING operation of another kind is left
    /// alone: it waits for a worker that knows it.
    pub kinds: Vec<KindPolicy>,
    /// Those of them that are left as they are while the database's incarnation is unconfirmed.
    pub held_kinds: Vec<Kind>,
    /// At most so many operations.
    pub limit: usize,
}

impl SweepParams {
    /// The rules of the kinds that may be put in doubt in such an incarnation.
    pub fn doubts(&self, confirmed: bool) -> impl Iterator<Item = &KindPolicy> {
        self.kinds.iter().filter(move |it| confirmed || !self.held_kinds.contains(&it.kind))
    }

    /// The rules of a kind that this worker has a handler for.
    #[must_use]
    pub fn policy(&self, kind: &Kind) -> Option<&KindPolicy> {
        self.kinds.iter().find(|policy| policy.kind == *kind)
    }

    /// True if this worker has a handler for the kind.
    #[must_use]
    pub fn knows(&self, kind: &Kind) -> bool {
        self.policy(kind).is_some()
    }
}

/// An operation that a sweep moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The operation.
    pub op_id: OpId,
    /// What it is.
    pub kind: Kind,
    /// Where it went. [`Swept::logged`] if its kind has a finalize hook; [`Swept::is_refused`] if it went
    /// nowhere.
    pub to: Option<Finalized>,
}

impl Swept {
    /// True if its end is logged and the Finalizer has to run the hook.
    #[must_use]
    pub const fn logged(&self) -> bool {
        self.to.is_none()
    }

    /// True if the database refused to move it: it is as it was, and passed over for a while.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.to, Some(Finalized::Refused { .. }))
    }
}

/// A logged outcome whose status has not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinalized {
    /// The claim that it is logged under.
    pub claim: Claim,
    /// Which handler's hook to run.
    pub kind: Kind,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purged {
    /// Operations removed, their log entries and dead letters with them.
    pub operations: usize,
    /// Those that the database refuses to remove, as a foreign key of the user's tables makes it do: each
    /// is as it was, and passed over for a while.
    pub refused: Vec<Unpurged>,
}

/// An operation that has expired and that the database refuses to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpurged {
    /// The operation.
    pub op_id: OpId,
    /// What it is.
    pub kind: Kind,
    /// What the database says.
    pub reason: String,
}
