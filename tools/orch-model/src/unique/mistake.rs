use super::Rules;
use super::invariants::{U1, U2, U3, U4, U5};

/// A mistake in the statements; a model that does not find them says nothing about their absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// Who comes second takes the biz key over without asking whether its holder has failed.
    TakeOverUnasked,
    /// An operation that has failed holds its biz key for ever.
    FailedHolds,
    /// An accept does not ask whether its own request is there before it takes the biz key.
    OwnIsNotAsked,
    /// The row of a biz key does not refer to the operation: one may stay without it.
    NoReference,
    /// A purge leaves the row of the biz key behind.
    PurgeLeavesTheRow,
    /// A redrive neither asks for the biz key nor takes it.
    RedriveHoldsNothing,
    /// A redrive takes the row of the biz key over, but makes none where a purge has removed it.
    RedriveHoldsByRow,
    /// A redrive does not look whether the dead letter was redriven.
    LetterIsNoGuard,
    /// Where nothing was stored, the one in the way is looked for before the own request.
    TakenAskedFirst,
    /// The one in the way is looked for without asking again for the own request.
    TakenMayBeOwn,
    /// The one in the way may have failed.
    TakenMayHaveFailed,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TakeOverUnasked,
        Self::FailedHolds,
        Self::OwnIsNotAsked,
        Self::NoReference,
        Self::PurgeLeavesTheRow,
        Self::RedriveHoldsNothing,
        Self::RedriveHoldsByRow,
        Self::LetterIsNoGuard,
        Self::TakenAskedFirst,
        Self::TakenMayBeOwn,
        Self::TakenMayHaveFailed,
    ];

    /// The invariant that it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::TakeOverUnasked | Self::RedriveHoldsNothing | Self::RedriveHoldsByRow => U1,
            Self::TakenAskedFirst | Self::TakenMayBeOwn => U2,
            Self::TakenMayHaveFailed => U3,
            Self::LetterIsNoGuard => U4,
            Self::FailedHolds
            | Self::OwnIsNotAsked
            | Self::NoReference
            | Self::PurgeLeavesTheRow => U5,
        }
    }

    /// A world that shows it.
    #[must_use]
    pub fn rules(self) -> Rules {
        let rules = match self {
            Self::NoReference => Rules::of(&[0, 0, 1], 3, 0, 1),
            Self::RedriveHoldsNothing | Self::LetterIsNoGuard => {
                Rules::of(&[0, 1], 4, 0, 0).after_failures(1)
            }
            Self::RedriveHoldsByRow => Rules::of(&[0, 1, 2], 5, 0, 1).after_failures(2),
            _ => Rules::of(&[0, 0, 1], 4, 0, 1),
        };
        Rules { mistake: Some(self), ..rules }
    }
}
