use crate::words::{Confirmation, Incarnation, Timestamp, storable};

/// What an operator says has happened to the database.
#[derive(Debug, Clone)]
pub struct ConfirmParams {
    /// The number of the incarnation that the operator has seen.
    pub number: u32,
    /// When that one was first seen: a database that went back uses its numbers again.
    pub opened_at: Timestamp,
    /// True if it was confirmed already. Then the operator reports a change that was not noticed,
    /// and a new incarnation begins.
    pub confirmed: bool,
    /// What has happened.
    pub confirmation: Confirmation,
    /// Who says so.
    pub who: String,
    /// Why.
    pub why: String,
}

impl ConfirmParams {
    /// Who confirmed and why, as it is kept.
    #[must_use]
    pub fn note(&self) -> String {
        storable(&format!("{}: {}", self.who, self.why))
    }

    /// The incarnation that the confirmation is about: the one that was seen, or the next one.
    #[must_use]
    pub const fn concerns(&self) -> u32 {
        if self.confirmed { self.number.saturating_add(1) } else { self.number }
    }

    /// What it means for the newest incarnation.
    #[must_use]
    pub fn decide(&self, newest: &Incarnation) -> Confirmed {
        let seen = (self.number, self.confirmed, self.opened_at);
        let is_kept = newest.number == self.concerns()
            && newest.confirmed_as == Some(self.confirmation)
            && (self.confirmed || newest.opened_at == self.opened_at);
        if is_kept {
            Confirmed::Confirmed { number: newest.number }
        } else if (newest.number, newest.confirmed, newest.opened_at) == seen {
            Confirmed::Confirmed { number: self.concerns() }
        } else {
            Confirmed::Stale { newest: newest.clone() }
        }
    }
}

/// What became of an operator's confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// It is kept. Repeating it gives the same answer.
    Confirmed {
        /// The incarnation that it is about.
        number: u32,
    },
    /// The database has another incarnation than the operator has seen, or another confirmation was
    /// there first. Nothing is changed.
    Stale {
        /// The newest incarnation.
        newest: Incarnation,
    },
}
