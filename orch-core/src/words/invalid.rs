use std::time::Duration;

/// Input that breaks the rule of a word. Names the field, the rule and the offending length,
/// never the value: a value may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The field is empty or holds only white space.
    #[error("{field} is blank; give it at least one visible character")]
    Blank {
        /// The field, as in the command.
        field: &'static str,
    },
    /// The field has more characters than its limit.
    #[error("{field} has {length} characters; the limit is {limit}")]
    TooLong {
        /// The field, as in the command.
        field: &'static str,
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// The field does not have the form that its rule asks for.
    #[error("{field} ({length} characters) is ill-formed: {rule}")]
    IllFormed {
        /// The field, as in the command.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
        /// Characters given.
        length: usize,
    },
    /// Owner, domain, event type, biz key and idempotency key are too long together, although none is by
    /// itself: a character may have four bytes.
    #[error(
        "owner, kind, biz_key and idem_key have {size} bytes together; the limit is {limit}: shorten \
         the longest, or use a digest of it"
    )]
    IdentityTooLong {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The payload is larger than the store accepts; nothing was sent to the database.
    #[error(
        "payload has {size} bytes; the limit is {limit}: keep large content elsewhere and name it \
         here, or raise Config::payload_limit"
    )]
    PayloadTooLarge {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The command could not be written as JSON.
    #[error("payload cannot be encoded as JSON: {reason}")]
    NotEncodable {
        /// What the encoder said.
        reason: String,
    },
    /// The command is written as JSON, but what is read back is not what was written: a worker would
    /// get another command, or none.
    #[error("payload cannot be read back as it was given: {reason}")]
    NotReadBack {
        /// Where and how, without the value.
        reason: String,
    },
    /// A duration lies outside of its bounds.
    #[error("{field} is {given:?}; it must lie between {min:?} and {max:?}")]
    DurationOutOfRange {
        /// The setting.
        field: &'static str,
        /// The duration given.
        given: Duration,
        /// The shortest that is allowed.
        min: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
    /// A count lies outside of its bounds.
    #[error("{field} is {given}; it must lie between {min} and {max}")]
    CountOutOfRange {
        /// The setting.
        field: &'static str,
        /// The count given.
        given: u64,
        /// The smallest that is allowed.
        min: u64,
        /// The largest that is allowed.
        max: u64,
    },
}

impl Invalid {
    /// Checks a duration against inclusive bounds.
    ///
    /// # Errors
    /// [`Invalid::DurationOutOfRange`] outside of the bounds.
    pub fn check_duration(
        field: &'static str,
        given: Duration,
        min: Duration,
        max: Duration,
    ) -> Result<Duration, Self> {
        if (min..=max).contains(&given) {
            Ok(given)
        } else {
            Err(Self::DurationOutOfRange { field, given, min, max })
        }
    }

    /// Checks a count against inclusive bounds.
    ///
    /// # Errors
    /// [`Invalid::CountOutOfRange`] outside of the bounds.
    pub fn check_count(field: &'static str, given: u64, min: u64, max: u64) -> Result<u64, Self> {
        if (min..=max).contains(&given) {
            Ok(given)
        } else {
            Err(Self::CountOutOfRange { field, given, min, max })
        }
    }
}
