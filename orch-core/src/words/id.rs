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

/// Who may write: each claim and each take-over raises it, nothing lowers it.
///
/// A write that carries another fence than the operation's is stale and changes nothing.
/// 0 is the fence of an operation that was never claimed.
///
/// It is a count and the id of a claim in one number, so that two claims never have the same
/// fence, not even in two histories of a database: where a fail-over or a restored copy takes a
/// claim back, the next claim has the same count and another id. A take-over by the sweep or an
/// operator has the id 0. In 64 bits, the lowest 39 are the id, the 24 above them the count;
/// numbers below 2^39 are those of releases that had no id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(i64);

impl Fence {
    /// How many bits the id of a claim has.
    #[doc(hidden)]
    pub const CLAIM_ID_BITS: u32 = 39;
    /// The largest count: beyond it only the id changes. Sixteen million claims of one operation.
    #[doc(hidden)]
    pub const LARGEST_COUNT: i64 = (1 << (i64::BITS - 1 - Self::CLAIM_ID_BITS)) - 1;

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

    /// How many claims and take-overs there were.
    #[must_use]
    pub const fn count(self) -> i64 {
        self.0 >> Self::CLAIM_ID_BITS
    }

    /// True if its claim may have been made after the other one: it is higher, or is of another
    /// history with the same count, where the order is not known.
    #[doc(hidden)]
    #[must_use]
    pub const fn may_follow(self, other: Self) -> bool {
        let other_history = self.count() == other.count() && self.count() > 0;
        self.0 > other.0 || other_history && self.0 != other.0
    }

    /// The fence of the next claim, or of a take-over with [`ClaimId::NONE`].
    #[doc(hidden)]
    #[must_use]
    pub const fn next(self, id: ClaimId) -> Self {
        let count = self.count();
        let count = if count < Self::LARGEST_COUNT { count + 1 } else { count };
        Self(count << Self::CLAIM_ID_BITS | id.0)
    }

    /// The fence of a message that takes nothing over, since it is late, kept or noted: no claim has this one.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_message(self, id: ClaimId) -> Self {
        Self(self.count() << Self::CLAIM_ID_BITS | id.0)
    }
}

/// The count, and the id of the claim in hexadecimal digits where there is one: `3-04fe12ab9c`.
impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, id) = (self.count(), self.0 & ClaimId::LARGEST);
        match (count, id) {
            (0, before_ids) => write!(f, "{before_ids}"),
            (count, 0) => write!(f, "{count}"),
            (count, id) => write!(f, "{count}-{id:010x}"),
        }
    }
}

/// What tells the claims of one call from those of every other: 39 random bits, in the
/// [`Fence`] of each of them. Two claims of one operation with the same count, in two histories
/// of its database, have the same id once in 5 × 10^11 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimId(i64);

impl ClaimId {
    /// A take-over's: no worker holds such a claim.
    pub const NONE: Self = Self(0);

    const LARGEST: i64 = (1 << Fence::CLAIM_ID_BITS) - 1;

    /// A new one, from the operating system's random source.
    #[must_use]
    pub fn generate() -> Self {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self::of(high ^ low)
    }

    /// The id of the lowest 39 bits, 1 instead of 0.
    #[must_use]
    pub const fn of(bits: u64) -> Self {
        let id = bits as i64 & Self::LARGEST;
        Self(if id == 0 { 1 } else { id })
    }

    /// The number, below 2^39.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
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
        let mut fence = Fence::default();
        for count in 1..100 {
            let id = if count % 3 == 0 { ClaimId::NONE } else { ClaimId::generate() };
            let next = fence.next(id);
            assert!(next > fence);
            assert_eq!(next.count(), count);
            fence = next;
        }
        let before_ids = Fence::new(17);
        assert!(before_ids.next(ClaimId::NONE) > before_ids);
    }

    #[test]
    fn two_claims_with_one_count_have_two_fences() {
        let claims: HashSet<_> =
            (0..10_000).map(|_| Fence::new(3).next(ClaimId::generate())).collect();
        assert_eq!(claims.len(), 10_000);
        assert!(claims.iter().all(|fence| fence.count() == 1 && fence.get() > 0));
        assert_ne!(ClaimId::of(0), ClaimId::NONE);
    }

    #[test]
    fn past_the_largest_count_a_claim_still_has_its_own_id() {
        let last = Fence::new(i64::MAX);
        assert_eq!(last.count(), Fence::LARGEST_COUNT);
        let (one, other) = (last.next(ClaimId::of(7)), last.next(ClaimId::of(8)));
        assert_ne!(one, other);
        assert_eq!((one.count(), one.get() & 0xff), (Fence::LARGEST_COUNT, 7));
    }

    #[test]
    fn of_two_claims_with_one_count_either_may_be_the_later_one() {
        let one = Fence::new(0).next(ClaimId::of(7));
        let other = Fence::new(0).next(ClaimId::of(8));
        let next = one.next(ClaimId::of(1));
        assert!(one.may_follow(other) && other.may_follow(one) && !one.may_follow(one));
        assert!(next.may_follow(one) && !one.may_follow(next));
        assert!(
            Fence::new(2).may_follow(Fence::new(1)) && !Fence::new(1).may_follow(Fence::new(2))
        );
    }

    #[test]
    fn a_fence_is_shown_as_count_and_claim() {
        let fence = |number| Fence::new(number).to_string();
        assert_eq!(fence(0), "0");
        assert_eq!(fence(4), "4");
        assert_eq!(fence(5 << 39), "5");
        assert_eq!(fence(5 << 39 | 0xab), "5-00000000ab");
    }
}
