use super::{
    BizKey, Domain, EventType, Fence, IdemKey, Invalid, KeySeed, KeySource, Kind, OpId, Owner,
    Payload, Timestamp,
};

/// The longest identity, its five words together, in bytes of UTF-8. An entry of an index of Postgres
/// takes 2,704 bytes, its own header and those of its columns among them; the limit is the same on all
/// stores, so that a service can change from one to another.
pub const IDENTITY_LIMIT: usize = 2500;

/// A request for an external call: what to do, to which entity, under which key. Immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    domain: Domain,
    event_type: EventType,
    biz_key: BizKey,
    idem_key: IdemKey,
    payload: Payload,
}

impl Command {
    /// Checks every word. The payload is any bytes; a typed handler expects JSON. Its size is
    /// checked when the command is accepted, against the configured limit.
    ///
    /// ```
    /// # use orch_core::words::Command;
    /// let command = Command::new("PAYMENT", "CHARGE", "ORDER-123", "key-1", r#"{"amount":5}"#)?;
    /// # Ok::<_, orch_core::words::Invalid>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`], naming the field and its rule.
    pub fn new(
        domain: &str,
        event_type: &str,
        biz_key: &str,
        idem_key: &str,
        payload: impl Into<Payload>,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            domain: Domain::new(domain)?,
            event_type: EventType::new(event_type)?,
            biz_key: BizKey::new(biz_key)?,
            idem_key: IdemKey::new(idem_key)?,
            payload: payload.into(),
        })
    }

    /// The command with these words.
    #[must_use]
    pub fn of(kind: Kind, biz_key: BizKey, idem_key: IdemKey, payload: Payload) -> Self {
        Self { domain: kind.domain, event_type: kind.event_type, biz_key, idem_key, payload }
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The event type.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// Domain and event type together.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind { domain: self.domain.clone(), event_type: self.event_type.clone() }
    }

    /// The entity acted on.
    #[must_use]
    pub fn biz_key(&self) -> &BizKey {
        &self.biz_key
    }

    /// The client's key for this request.
    #[must_use]
    pub fn idem_key(&self) -> &IdemKey {
        &self.idem_key
    }

    /// The encoded body.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Refuses an identity under this owner that an index could not keep.
    ///
    /// # Errors
    /// [`Invalid::IdentityTooLong`] beyond [`IDENTITY_LIMIT`].
    pub fn check_identity(&self, owner: &Owner) -> Result<(), Invalid> {
        let words = [
            owner.as_str(),
            self.domain.as_str(),
            self.event_type.as_str(),
            self.biz_key.as_str(),
            self.idem_key.as_str(),
        ];
        match words.map(str::len).iter().sum() {
            size if size > IDENTITY_LIMIT => {
                Err(Invalid::IdentityTooLong { size, limit: IDENTITY_LIMIT })
            }
            _ => Ok(()),
        }
    }

    /// The identity of the operation that this command asks for, under an owner.
    #[must_use]
    pub fn identity(&self, owner: &Owner) -> Identity {
        Identity {
            owner: owner.clone(),
            domain: self.domain.clone(),
            event_type: self.event_type.clone(),
            biz_key: self.biz_key.clone(),
            idem_key: self.idem_key.clone(),
        }
    }
}

/// The identity of a request: two requests with an equal identity are the same one. Unique in a
/// store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The tenant or principal.
    pub owner: Owner,
    /// The domain.
    pub domain: Domain,
    /// The event type.
    pub event_type: EventType,
    /// The entity acted on.
    pub biz_key: BizKey,
    /// The client's key.
    pub idem_key: IdemKey,
}

impl Identity {
    /// Domain and event type together.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind { domain: self.domain.clone(), event_type: self.event_type.clone() }
    }
}

/// A command once accepted and claimed: what an attempt, and the finalize hook at its end, know
/// of their operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// What is asked for.
    pub command: Command,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its time budget ends.
    pub deadline: Timestamp,
    /// The number of the attempt, from 1; 0 in the finalize hook of an operation that was never
    /// run. An execution that used up none is followed by one with the same number. For display and
    /// limits, never a guard.
    pub attempt: u32,
    /// The fence of this claim.
    pub fence: Fence,
    /// How many keys a provider that replays errors had answered with a definite Retry before the
    /// first attempt was lost: the present one is the next, since the old one would get the same
    /// answer again. 0 where errors are not replayed.
    pub key_generation: u32,
    /// How many redrives of the same identity came before: 0 unless it is one.
    #[doc(hidden)]
    pub redrive: u32,
    /// What its provider keys are derived from; `None` for operations of release 0.1.0.
    #[doc(hidden)]
    pub key_seed: Option<KeySeed>,
}

impl Envelope {
    /// A command as it is once accepted: no attempt, no fence, the first key.
    #[must_use]
    pub fn new(
        op_id: OpId,
        owner: Owner,
        command: Command,
        accepted_at: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        Self {
            op_id,
            owner,
            command,
            accepted_at,
            deadline,
            attempt: 0,
            fence: Fence::default(),
            key_generation: 0,
            redrive: 0,
            key_seed: None,
        }
    }

    /// What decides the text of its provider key.
    #[doc(hidden)]
    #[must_use]
    pub const fn key_source(&self) -> KeySource {
        let Self { op_id, key_seed, redrive, key_generation, .. } = *self;
        KeySource { op_id, seed: key_seed, redrive, generation: key_generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_checked_and_named() {
        let field = |d, e, b, i| match Command::new(d, e, b, i, "{}").unwrap_err() {
            Invalid::Blank { field } | Invalid::IllFormed { field, .. } => field,
            other => panic!("{other}"),
        };
        assert_eq!(field("payment", "CHARGE", "b", "i"), "domain");
        assert_eq!(field("PAYMENT", "", "b", "i"), "event_type");
        assert_eq!(field("PAYMENT", "CHARGE", " ", "i"), "biz_key");
        assert_eq!(field("PAYMENT", "CHARGE", "b", "\0"), "idem_key");
    }

    #[test]
    fn debug_does_not_show_the_body() {
        let command = Command::new("A", "B", "c", "d", "secret").unwrap();
        assert!(!format!("{command:?}").contains("secret"));
    }
}
