//! How the identity of a kind's operations is made: what two releases of a program must agree on.

use super::Kind;

/// The form in which a program makes the identity of a kind's operations.
///
/// A request is found again by its identity. A program that makes it otherwise than the one before finds
/// nothing, and calls again; so each store keeps the form of each kind, and accepts in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdentityForm {
    /// Which form it is, counted from 1: the option `identity`.
    pub number: u32,
    /// What the two keys of an identity are made from, as the program's text has it.
    pub keys: &'static str,
}

/// The form that a store keeps for a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredForm {
    /// Which form it is, counted from 1.
    pub number: u32,
    /// What the two keys are made from.
    pub keys: String,
}

/// How a program's form compares with the one that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is that one.
    Stored,
    /// It comes after that one, or there is none yet: it is to be stored.
    Next,
    /// It is neither: nothing may be accepted in it.
    Refused,
}

impl IdentityForm {
    /// How it compares with what is stored.
    #[must_use]
    pub fn against(self, stored: Option<&StoredForm>) -> Standing {
        match stored {
            None => Standing::Next,
            Some(stored) if stored.number < self.number => Standing::Next,
            Some(stored) if self.is(stored) => Standing::Stored,
            Some(_) => Standing::Refused,
        }
    }

    fn is(self, stored: &StoredForm) -> bool {
        (self.number, self.keys) == (stored.number, stored.keys.as_str())
    }
}

impl From<IdentityForm> for StoredForm {
    fn from(IdentityForm { number, keys }: IdentityForm) -> Self {
        Self { number, keys: keys.to_owned() }
    }
}

/// This program makes the identity of a kind's operations otherwise than those that are stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct OtherForm {
    /// The kind.
    pub kind: Kind,
    /// The form of this program.
    pub ours: IdentityForm,
    /// The form that is stored.
    pub stored: StoredForm,
}

impl OtherForm {
    /// Refuses a form that is neither the stored one nor the next.
    ///
    /// # Errors
    /// That this is so.
    pub fn check(kind: &Kind, ours: IdentityForm, stored: &StoredForm) -> Result<(), Self> {
        match ours.against(Some(stored)) {
            Standing::Stored | Standing::Next => Ok(()),
            Standing::Refused => Err(Self { kind: kind.clone(), ours, stored: stored.clone() }),
        }
    }

    fn text(&self) -> String {
        let Self { kind, ours, stored } = self;
        let next = stored.number.saturating_add(1);
        let before = if ours.number == stored.number {
            format!(
                "the identity of {kind} is made from {} here, and operations are stored whose \
                 identity is made from {}: the same request would be a new operation, and act again; \
                 put that back, or say `identity = {next}` in #[command(…)], and `earlier = \"…\"` with \
                 the biz key that it had",
                ours.keys, stored.keys
            )
        } else {
            format!(
                "a later release accepts {kind}: it makes the identity from {} (form {}), and this one \
                 from {} (form {}), so the same request would be a new operation, and act again; use the \
                 later release; to go back, say `identity = {next}` in #[command(…)], and \
                 `earlier = \"…\"` with the biz key of the later one",
                stored.keys, stored.number, ours.keys, ours.number
            )
        };
        if idem_key(ours.keys) == idem_key(&stored.keys) {
            return before;
        }
        format!(
            "{before}. The idempotency key is another one as well: an operation is looked for under \
             today's only, so each request must have the same as before"
        )
    }
}

/// What the idempotency key is made from: the last part.
fn idem_key(keys: &str) -> &str {
    keys.rsplit(" and ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: IdentityForm = IdentityForm { number: 1, keys: "a" };
    const SECOND: IdentityForm = IdentityForm { number: 2, keys: "b" };

    #[test]
    fn a_form_is_stored_next_or_refused() {
        assert_eq!(FIRST.against(None), Standing::Next);
        assert_eq!(SECOND.against(Some(&FIRST.into())), Standing::Next);
        assert_eq!(SECOND.against(Some(&SECOND.into())), Standing::Stored);
        assert_eq!(FIRST.against(Some(&SECOND.into())), Standing::Refused, "an earlier one");
        let other = IdentityForm { keys: "c", ..FIRST };
        assert_eq!(other.against(Some(&FIRST.into())), Standing::Refused, "made otherwise");
    }

    #[test]
    fn a_refusal_says_which_number_is_next() {
        let kind = Kind::new("PAYMENT", "CHARGE").unwrap();
        let text = |ours, stored: IdentityForm| {
            OtherForm::check(&kind, ours, &stored.into()).unwrap_err().to_string()
        };
        let other = IdentityForm { keys: "c", ..FIRST };
        assert!(text(other, FIRST).contains("identity = 2"));
        assert!(text(FIRST, SECOND).contains("identity = 3"));
    }

    #[test]
    fn another_idempotency_key_is_said_since_it_is_not_looked_for() {
        let kind = Kind::new("PAYMENT", "CHARGE").unwrap();
        let ours = IdentityForm { number: 1, keys: "biz_key = \"{a}\" and idem_key {request}" };
        for (keys, is_said) in [
            ("biz_key = \"{a}\" and the caller's idem_key", true),
            ("biz_key = \"{b} and {a}\" and idem_key {request}", false),
        ] {
            let stored = StoredForm { number: 1, keys: keys.to_owned() };
            let text = OtherForm::check(&kind, ours, &stored).unwrap_err().to_string();
            assert_eq!(text.contains("today's only"), is_said, "{text}");
        }
    }
}
