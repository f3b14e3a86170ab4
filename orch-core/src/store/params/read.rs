use crate::words::{Kind, OpId, Operation, Owner, Phase, Status};

/// Which operations to list, oldest first.
#[derive(Debug, Clone, Default)]
pub struct ListParams {
    /// Only this owner's; `None` for every owner's. `Orchestrator::list` puts its own owner here,
    /// whatever it says.
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

impl ListParams {
    /// Rows on a page.
    #[must_use]
    pub const fn page_size(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

/// A listed row.
#[derive(Debug, Clone, PartialEq, Eq)]
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
