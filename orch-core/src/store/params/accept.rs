use std::time::Duration;

use crate::words::{
    BizKey, Command, Fingerprint, IdentityForm, KeySeed, OpId, Owner, Payload, Standing, StoredForm,
};

/// One command to accept.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The id that the operation gets if it is new. The same id again is the same accept, repeated
    /// because its answer was lost.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// What is asked for.
    pub command: Command,
    /// What a repeated request must match.
    pub fingerprint: Fingerprint,
    /// Time from accept to the deadline.
    pub time_budget: Duration,
    /// What its provider keys are derived from.
    pub key_seed: KeySeed,
    /// The form in which its identity is made; `None` if that is not known, so not compared.
    pub form: Option<IdentityForm>,
    /// The biz keys under which earlier forms may have accepted the same request, with the same
    /// idempotency key.
    pub earlier: Vec<BizKey>,
    /// True if it is to be the only operation of its kind and owner for its biz key, those that have
    /// FAILED apart.
    pub unique: bool,
}

impl Acceptance {
    /// The answer if its kind's identity is not stored in its form; `None` if it may be accepted.
    #[must_use]
    pub fn in_another_form(&self, stored: Option<&StoredForm>) -> Option<Admitted> {
        let is_stored = self.form?.against(stored) == Standing::Stored;
        (!is_stored).then(|| Admitted::OtherForm { stored: stored.cloned() })
    }
}

/// An item, and a biz key under which it may be there already.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The item.
    pub item: &'a Acceptance,
    /// Its own biz key, or one of an earlier form.
    pub biz_key: &'a BizKey,
}

impl<'a> Place<'a> {
    /// Those of an item, its own biz key first.
    pub fn of(item: &'a Acceptance) -> impl Iterator<Item = Self> {
        let keys = std::iter::once(item.command.biz_key()).chain(&item.earlier);
        keys.map(move |biz_key| Self { item, biz_key })
    }
}

/// What became of an [`Acceptance`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// It is stored, PENDING, under the id given.
    Created {
        /// The operation.
        op_id: OpId,
    },
    /// The identity is there already, with the same fingerprint.
    Replayed {
        /// The operation that is there.
        op_id: OpId,
    },
    /// The identity is there already, with another fingerprint. Nothing is stored.
    Conflict {
        /// The operation that is there.
        op_id: OpId,
        /// Its payload, so that the caller can name the fields that differ.
        payload: Payload,
    },
    /// It is to be the only one for its biz key, and another one is there that has not FAILED. Nothing is
    /// stored.
    Taken {
        /// The operation that is there.
        op_id: OpId,
    },
    /// Its kind's identity is stored in another form, or in none yet. Nothing is stored: see
    /// [`Store::identify`](super::super::Store::identify).
    OtherForm {
        /// The form that is stored.
        stored: Option<StoredForm>,
    },
}
