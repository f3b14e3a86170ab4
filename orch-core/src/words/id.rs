use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use super::Invalid;

/// The id of one operation.
///
/// A UUID version 7: 48 bits of the host's wall clock for locality in the index (they decide
/// nothing), then 74 bits from the operating system's random source. No counter is mixed in,
/// so all 74 are unguessable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(Uuid);

impl OpId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::new_v7(uuid::Timestamp::now(NoContext)))
    }

    /// The id with these 16 bytes, as a store keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OpId {
    type Err = Invalid;

    /// # Errors
    /// [`Invalid::IllFormed`] for text that is not a UUID.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Uuid::parse_str(text).map(Self).map_err(|_| Invalid::IllFormed {
            field: "op_id",
            rule: "an operation id is a UUID",
            length: text.chars().count(),
        })
    }
}

/// Who may write: each claim and each take-over raises it, nothing ever lowers it.
///
/// A write that carries an older fence than the operation's is stale and changes nothing.
/// 0 is the fence of an operation that was never claimed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(i64);

impl Fence {
    /// The fence with this number, as a store keeps it (64 bits, signed).
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The fence of the next owner. Saturates: 2^63 claims are out of reach.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One incarnation of a worker: a readable name and a random part, so that two workers with the
/// same configured name have different ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(String);

impl WorkerId {
    /// The longest name, in characters.
    pub const NAME_LIMIT: usize = 100;

    /// A new incarnation under this name.
    ///
    /// # Errors
    /// [`Invalid`] for a blank name, control characters, or more than 100 characters.
    pub fn generate(name: &str) -> Result<Self, Invalid> {
        let length = name.chars().count();
        if name.trim().is_empty() {
            return Err(Invalid::Blank { field: "worker name" });
        }
        if length > Self::NAME_LIMIT {
            return Err(Invalid::TooLong { field: "worker name", length, limit: Self::NAME_LIMIT });
        }
        if name.chars().any(char::is_control) {
            let rule = "control characters are not allowed in a name";
            return Err(Invalid::IllFormed { field: "worker name", rule, length });
        }
        Ok(Self(format!("{name}-{}", Uuid::new_v4().simple())))
    }

    /// The id that a store has kept.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn op_ids_are_version_7_and_differ_in_their_random_part() {
        let ids: HashSet<_> = (0..10_000).map(|_| OpId::generate()).collect();
        assert_eq!(ids.len(), 10_000);
        let tails: HashSet<_> = ids.iter().map(|id| id.as_bytes()[8..].to_vec()).collect();
        assert_eq!(tails.len(), 10_000, "no counter: the tail alone is unique");
        assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
    }

    #[test]
    fn op_ids_round_trip_as_text_and_bytes() {
        let id = OpId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(OpId::from_bytes(*id.as_bytes()), id);
        assert!("nonsense".parse::<OpId>().is_err());
    }

    #[test]
    fn workers_of_one_name_are_two() {
        assert_ne!(WorkerId::generate("w").unwrap(), WorkerId::generate("w").unwrap());
        assert!(WorkerId::generate(" ").is_err());
        assert!(WorkerId::generate(&"w".repeat(101)).is_err());
        assert!(WorkerId::generate("w\n").is_err());
    }

    #[test]
    fn the_fence_only_grows() {
        assert!(Fence::new(1).next() > Fence::new(1));
        assert_eq!(Fence::new(i64::MAX).next(), Fence::new(i64::MAX));
    }
}
