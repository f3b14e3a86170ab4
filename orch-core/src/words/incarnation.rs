use std::fmt;

use super::{Timestamp, spelled};

/// One uninterrupted history of a database.
///
/// A database that was failed over, restored or copied may lack what it had committed before, so
/// a call may have been made of which it knows nothing. A store therefore remembers which database
/// it is. When that changes, a new incarnation begins, *unconfirmed* until an operator says what has
/// happened. Until then nothing is called whose effect is unsafe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incarnation {
    /// Counts up from 1.
    pub number: u32,
    /// When it was first seen, by the store's clock.
    pub opened_at: Timestamp,
    /// False until an operator says what has happened. The first one needs no confirmation.
    pub confirmed: bool,
    /// What has happened, as an operator confirmed it; `None` for the first one, and while it is
    /// unconfirmed.
    pub confirmed_as: Option<Confirmation>,
    /// How the database differs from what it was, in words. Empty for the first one.
    pub difference: String,
    /// Operations that were accepted under an earlier number may lack a part of their history.
    pub whole_since: u32,
}

impl Incarnation {
    /// The difference of one that an operator has reported, since nothing else shows the change.
    pub const REPORTED: &'static str = "reported by an operator";

    /// The first incarnation, of a new database.
    #[must_use]
    pub const fn first(opened_at: Timestamp) -> Self {
        Self {
            number: 1,
            opened_at,
            confirmed: true,
            confirmed_as: None,
            difference: String::new(),
            whole_since: 1,
        }
    }

    /// The next one, unconfirmed, of a database that differs so from what it was.
    #[must_use]
    pub fn next(&self, opened_at: Timestamp, difference: String) -> Self {
        let number = self.number.saturating_add(1);
        Self {
            number,
            opened_at,
            confirmed: false,
            confirmed_as: None,
            difference,
            whole_since: number,
        }
    }

    /// True if it is confirmed as a copy: its unfinished operations belong to the original.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.confirmed_as == Some(Confirmation::Copied)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, opened_at, confirmed, confirmed_as, difference, .. } = self;
        write!(f, "incarnation {number} since {opened_at}")?;
        match (confirmed, confirmed_as) {
            (false, _) => write!(f, ", unconfirmed"),
            (true, Some(confirmation)) => write!(f, ", confirmed as {confirmation}"),
            (true, None) => Ok(()),
        }?;
        if difference.is_empty() { Ok(()) } else { write!(f, ": {difference}") }
    }
}

/// What an operator says has happened to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// It was moved, upgraded or failed over *without losing anything* that was committed. Its
    /// operations go on as if nothing had happened.
    Moved,
    /// It was failed over and may lack the latest commits. Operations that were not finished may
    /// have been called without its knowledge: they are in doubt.
    FailedOver,
    /// It was restored from a back-up and lacks all that was committed since. As
    /// [`Confirmation::FailedOver`].
    Restored,
    /// It is a copy of a database that goes on elsewhere. What was not finished belongs to the
    /// original and is parked; what is accepted from now on has provider keys of a new namespace.
    Copied,
}

spelled!(
    Confirmation, "a confirmation",
    Moved => "moved", FailedOver => "failed_over", Restored => "restored", Copied => "copied"
);

impl Confirmation {
    /// True if nothing that was committed is missing.
    #[must_use]
    pub const fn keeps_history(self) -> bool {
        matches!(self, Self::Moved)
    }
}
