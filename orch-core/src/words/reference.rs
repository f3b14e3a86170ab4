use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, OpId};

/// What names a call at its provider: the provider, the account there, and the reference that either side
/// has given the call. A later message of the provider, such as a webhook, carries it.
///
/// `Display` joins the three, for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    provider: String,
    account: String,
    reference: String,
}

impl Reference {
    /// The most characters of each part.
    pub const LIMIT: usize = 255;

    /// The reference of a call at this provider. `account` may be empty: where one account is all there is.
    ///
    /// # Errors
    /// [`Invalid`] for a blank provider or reference, for more than 255 characters in a part, or for
    /// control characters.
    pub fn new(provider: &str, account: &str, reference: &str) -> Result<Self, Invalid> {
        for (field, text) in [("provider", provider), ("reference", reference)] {
            if text.trim().is_empty() {
                return Err(Invalid::Blank { field });
            }
        }
        for (field, text) in
            [("provider", provider), ("account", account), ("reference", reference)]
        {
            let length = text.chars().count();
            if length > Self::LIMIT {
                return Err(Invalid::TooLong { field, length, limit: Self::LIMIT });
            }
            if text.chars().any(char::is_control) {
                let rule = "control characters are not allowed in a reference";
                return Err(Invalid::IllFormed { field, rule, length });
            }
        }
        let [provider, account, reference] = [provider, account, reference].map(str::to_owned);
        Ok(Self { provider, account, reference })
    }

    /// The reference that every operation has: its own id, at no provider. For a message that names the
    /// operation.
    #[must_use]
    pub fn of_operation(op_id: OpId) -> Self {
        let reference = op_id.to_string();
        Self { provider: String::new(), account: String::new(), reference }
    }

    /// The reference that a store has kept.
    #[must_use]
    pub const fn from_stored(provider: String, account: String, reference: String) -> Self {
        Self { provider, account, reference }
    }

    /// The provider's name; empty for [`Reference::of_operation`].
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The account there.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The reference.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, account, reference } = self;
        match (provider.as_str(), account.as_str()) {
            ("", _) => write!(f, "operation {reference}"),
            (provider, "") => write!(f, "{provider} {reference}"),
            (provider, account) => write!(f, "{provider} {account}/{reference}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_provider_account_and_call() {
        let reference = Reference::new("Toss Payments", "", "tr_1").unwrap();
        assert_eq!(reference.to_string(), "Toss Payments tr_1");
        let reference = Reference::new("Stripe", "acct_7", "pi_1").unwrap();
        assert_eq!(reference.to_string(), "Stripe acct_7/pi_1");
        let op_id = OpId::generate();
        assert_eq!(Reference::of_operation(op_id).to_string(), format!("operation {op_id}"));
    }

    #[test]
    fn what_no_provider_gives_is_refused() {
        let refused = |provider: &str, account: &str, reference: &str| {
            Reference::new(provider, account, reference).unwrap_err().to_string()
        };
        assert!(refused("Stripe", "", " ").starts_with("reference is blank"));
        assert!(refused("", "", "pi_1").starts_with("provider is blank"));
        assert!(refused("Stripe", "", &"x".repeat(256)).contains("256 characters"));
        assert!(refused("Stripe", "a\nb", "pi_1").contains("control characters"));
        assert!(refused("Stripe", "", "pi\0").contains("control characters"));
    }
}
