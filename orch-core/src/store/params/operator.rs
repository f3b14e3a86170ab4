use crate::machine::{Answer, Finalized, Resolution};
use crate::words::{Kind, OpId, Owner, Phase, Status, storable};

/// A parked operation to resolve.
#[derive(Debug, Clone)]
pub struct ResolveParams {
    /// The operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The decision.
    pub resolution: Resolution,
    /// Who decided.
    pub who: String,
    /// Why.
    pub why: String,
    /// The kinds that have a finalize hook, as far as this process knows.
    pub hooked_kinds: Vec<Kind>,
}

impl ResolveParams {
    /// Refuses what needs to know what is logged, where that cannot be decoded: the provider may have
    /// answered.
    #[must_use]
    pub const fn refused_without_log(&self) -> Option<Resolved> {
        match self.resolution {
            Resolution::Ok(_) | Resolution::Fail(_) => None,
            Resolution::RunAgain | Resolution::RunHook | Resolution::SkipHook => {
                Some(Resolved::Unfit { for_hook: true })
            }
        }
    }

    /// Who decided and why, as the history keeps it.
    #[must_use]
    pub fn note(&self) -> String {
        storable(&format!("{}: {}", self.who, self.why))
    }
}

/// What became of an operator's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It is carried out. `None` if it is logged and the Finalizer has to run the hook.
    Resolved(Option<Finalized>),
    /// The operation is not parked.
    NotParked {
        /// The status that it has.
        status: Status,
        /// Its phase.
        phase: Option<Phase>,
    },
    /// The decision is none for what it is parked for.
    Unfit {
        /// True if it is parked for its finalize hook: then its outcome is logged.
        for_hook: bool,
    },
    /// This owner has no such operation.
    NotFound,
}

impl From<Answer> for Resolved {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::NotParked { status, phase } => Self::NotParked { status, phase },
            Answer::Unfit { for_hook } => Self::Unfit { for_hook },
            answer => Self::Resolved(answer.moved_or_logged()),
        }
    }
}

/// A failed operation to run again.
#[derive(Debug, Clone)]
pub struct RedriveParams {
    /// The failed operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The id of the new one.
    pub new_op_id: OpId,
    /// True to run it again although the provider may have acted.
    pub even_if_uncertain: bool,
}

impl RedriveParams {
    /// The answer where the operation was redriven before, as this one.
    #[must_use]
    pub fn redriven_before(&self, op_id: OpId) -> Redriven {
        if op_id == self.new_op_id {
            Redriven::Created { op_id }
        } else {
            Redriven::AlreadyRedriven { op_id }
        }
    }
}

/// What became of a redrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// A new, linked operation is PENDING, with the payload, identity and time budget of the
    /// failed one.
    Created {
        /// The new operation.
        op_id: OpId,
    },
    /// It was redriven before.
    AlreadyRedriven {
        /// The operation that runs it again.
        op_id: OpId,
    },
    /// Its failure is uncertain, or a success came too late, and `even_if_uncertain` was
    /// not set: a new operation has a new provider key, so it could make the provider act twice.
    Uncertain,
    /// It is to be the only one for its biz key, and another one is there that has not FAILED.
    Taken {
        /// That operation.
        by: OpId,
    },
    /// It has not failed.
    NotFailed {
        /// The status that it has.
        status: Status,
    },
    /// This owner has no such operation.
    NotFound,
}

impl Redriven {
    /// Why the machine refuses a redrive; `None` if it does not.
    #[must_use]
    pub fn refused(answer: &Answer) -> Option<Self> {
        match answer {
            Answer::Uncertain => Some(Self::Uncertain),
            Answer::NotFailed { status } => Some(Self::NotFailed { status: *status }),
            _ => None,
        }
    }
}
