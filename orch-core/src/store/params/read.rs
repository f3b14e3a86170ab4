use crate::machine::{Entry, Request, Row};
use crate::words::{Kind, OpId, Operation, Owner, Phase, Status, storable};

/// Which operations to list, oldest first.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListParams {
    /// Only this owner's; `None` for every owner's. `Orchestrator::list` overwrites this with its
    /// own owner.
    pub owner: Option<Owner>,
    /// Only in this status.
    pub status: Option<Status>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Go on after this place.
    pub after: Option<Cursor>,
    /// At most so many; 0 means 100.
    pub limit: usize,
}

/// One method per field, named after it.
impl ListParams {
    /// Only this owner's.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Only with this status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only in this phase.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// Only of this kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Goes on after this place; `None` begins.
    #[must_use]
    pub fn after(mut self, after: Option<Cursor>) -> Self {
        self.after = after;
        self
    }

    /// At most so many; 0 means 100.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Rows on a page.
    #[must_use]
    pub const fn page_size(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

/// A listed row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listed {
    /// An operation.
    Operation(Box<Operation>),
    /// A row that cannot be decoded.
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong with the row.
        reason: String,
    },
}

impl Listed {
    /// The operation's id, which can be read in either case.
    #[must_use]
    pub fn op_id(&self) -> OpId {
        match self {
            Self::Operation(operation) => operation.op_id,
            Self::Undecodable { op_id, .. } => *op_id,
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T = Listed> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

/// A place in a listing: operations are listed in the order of their ids, hence roughly of
/// their acceptance.
pub type Cursor = OpId;

/// Which operations with a late answer to name, in the order of their ids.
#[derive(Debug, Clone)]
pub struct LateParams {
    /// Only among these.
    pub of: Option<Vec<OpId>>,
    /// Only this owner's.
    pub owner: Option<Owner>,
    /// Go on after this place.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

impl LateParams {
    /// True if the operation of this owner is asked for.
    #[must_use]
    pub fn includes(&self, (op_id, owner): &(OpId, Owner)) -> bool {
        self.of.as_ref().is_none_or(|of| of.contains(op_id))
            && self.owner.as_ref().is_none_or(|wanted| wanted == owner)
            && self.after.is_none_or(|after| *op_id > after)
    }
}

/// Which unfinished operations to read: of every owner and kind, in the order of their ids.
#[derive(Debug, Clone, Copy)]
pub struct UnfinishedParams {
    /// Go on after this place.
    pub after: Option<Cursor>,
    /// At most so many, from 1.
    pub limit: usize,
}

/// An operation that is PENDING or IN_PROGRESS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfinished {
    /// What a worker would go on with.
    Operation(Box<UnfinishedOperation>),
    /// Its row, or the end that is logged for it, cannot be decoded.
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong, without the content.
        reason: String,
    },
}

/// All of an unfinished operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedOperation {
    /// What was asked for.
    pub request: Request,
    /// Where it is, with the rules that the latest claim wrote.
    pub row: Row,
    /// The end that is logged under its fence and to which its status has not followed yet.
    pub logged: Option<Entry>,
}

impl Unfinished {
    /// One that was read, or what is wrong with it.
    #[must_use]
    pub fn of(op_id: OpId, read: Result<UnfinishedOperation, String>) -> Self {
        match read {
            Ok(operation) => Self::Operation(Box::new(operation)),
            Err(reason) => Self::Undecodable { op_id, reason: storable(&reason) },
        }
    }

    /// The operation's id, which can be read in either case.
    #[must_use]
    pub fn op_id(&self) -> OpId {
        match self {
            Self::Operation(operation) => operation.row.op_id,
            Self::Undecodable { op_id, .. } => *op_id,
        }
    }
}

impl Page<Unfinished> {
    /// A page of these, of which one more than `limit` was asked for.
    #[must_use]
    pub fn of_unfinished(mut items: Vec<Unfinished>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(Unfinished::op_id) } else { None };
        Self { items, next }
    }
}
