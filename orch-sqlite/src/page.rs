//! Verbs that take as many operations as a limit allows: what they look at, and what they answer.

use orch_core::store::{
    AnswerParams, ClaimParams, Claimed, Finalized, Purged, PutOff, StoreError, SweepParams, Swept,
    Unpurged,
};
use orch_core::words::{Kind, OpId, Timestamp};

use crate::row::Found;

/// The rows found that are not passed over. Those that were refused lately come last, so that they do
/// not hide the others.
pub(crate) fn page<'f>(
    found: &'f [Found],
    limit: usize,
    put_off: &PutOff,
    now: Timestamp,
) -> Result<Vec<&'f Found>, StoreError> {
    let mut page = Vec::with_capacity(found.len());
    for found in found {
        let op_id = found.op_id()?;
        if !put_off.is_off(op_id, now) {
            page.push((put_off.was_refused(op_id), found));
        }
    }
    page.sort_by_key(|(was_refused, _)| *was_refused);
    page.truncate(limit);
    Ok(page.into_iter().map(|(_, found)| found).collect())
}

/// The parameters of such a verb.
pub(crate) trait Limited: Clone {
    /// How many it takes at most.
    fn limit(&self) -> usize;

    /// The same with another limit.
    fn set_limit(&mut self, limit: usize);
}

impl Limited for usize {
    fn limit(&self) -> usize {
        *self
    }

    fn set_limit(&mut self, limit: usize) {
        *self = limit;
    }
}

impl Limited for ClaimParams {
    fn limit(&self) -> usize {
        self.limit
    }

    fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}

impl Limited for AnswerParams {
    fn limit(&self) -> usize {
        self.limit
    }

    fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}

impl Limited for SweepParams {
    fn limit(&self) -> usize {
        self.limit
    }

    fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}

/// An operation in the answer of such a verb.
pub(crate) trait Taken: Sized + Clone {
    /// Which one.
    fn op_id(&self) -> OpId;

    /// True if SQLite has refused it: then it is as it was.
    fn is_refused(&self) -> bool;

    /// The same, refused after all. `None` where that cannot be told.
    fn refused(self, reason: String) -> Option<Self>;
}

impl Taken for Claimed {
    fn op_id(&self) -> OpId {
        match self {
            Self::Operation(operation) => operation.envelope.op_id,
            Self::Undecodable { op_id, .. } | Self::Refused { op_id, .. } => *op_id,
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    fn refused(self, reason: String) -> Option<Self> {
        match self {
            Self::Operation(operation) => {
                let (op_id, kind) = (operation.envelope.op_id, operation.envelope.command.kind());
                Some(Self::Refused { op_id, kind, reason })
            }
            Self::Undecodable { .. } => None,
            Self::Refused { .. } => Some(self),
        }
    }
}

impl Taken for Swept {
    fn op_id(&self) -> OpId {
        self.op_id
    }

    fn is_refused(&self) -> bool {
        Self::is_refused(self)
    }

    fn refused(self, reason: String) -> Option<Self> {
        Some(Self { to: Some(Finalized::Refused { reason }), ..self })
    }
}

/// An operation that a purge has removed, or that SQLite has refused to remove.
#[derive(Debug, Clone)]
pub(crate) struct Removed {
    pub(crate) op_id: OpId,
    /// `None` if it cannot be read.
    pub(crate) kind: Option<Kind>,
    /// Why it was refused.
    pub(crate) refused: Option<String>,
}

impl Taken for Removed {
    fn op_id(&self) -> OpId {
        self.op_id
    }

    fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    fn refused(self, reason: String) -> Option<Self> {
        Some(Self { refused: Some(reason), ..self })
    }
}

/// What a purge came to.
pub(crate) fn purged(removed: Vec<Removed>) -> Purged {
    let mut purged = Purged::default();
    for Removed { op_id, kind, refused } in removed {
        match (refused, kind) {
            (None, _) => purged.operations += 1,
            (Some(reason), Some(kind)) => purged.refused.push(Unpurged { op_id, kind, reason }),
            (Some(reason), None) => {
                tracing::warn!(%op_id, reason, "SQLite refuses to remove a row whose kind cannot be read");
            }
        }
    }
    purged
}
