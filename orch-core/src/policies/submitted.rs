use std::fmt;
use std::time::Duration;

use crate::words::{Invalid, Reference};

/// The provider has accepted the call and tells later what becomes of it: a bank transfer, a virtual account,
/// a payout. As a handler's error, or as a reconcile's answer, it ends the attempt; the operation is
/// [`Submitted`](crate::words::Phase::Submitted) from then on and never runs again by itself.
///
/// What the provider tells later comes in by `Orchestrator::record_answer`, about this reference or
/// about the operation. With a `reconcile` the provider is asked as well, after as long as it has
/// waited already, at least a minute and at most an hour, or as [`after`](Self::after) says; and once more at
/// the deadline. What is open then is doubt, as the handler declares it.
///
/// `Display` is what is stored as the reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submitted {
    reference: Option<String>,
    account: String,
    after: Option<Duration>,
}

impl Submitted {
    /// Accepted as this: the provider's own id of the call, which its messages carry. It is kept together
    /// with the name of the handler's provider and an account, as
    /// [`Reference::at`](crate::words::Reference::at) makes it. 1 to 255 characters,
    /// not blank; an invalid one is not kept: the reason says so, and messages find the operation only by its id.
    #[must_use]
    pub fn with(reference: impl fmt::Display) -> Self {
        Self { reference: Some(reference.to_string()), ..Self::default() }
    }

    /// Accepted, and its messages carry the operation's own id, or something that leads to it.
    #[must_use]
    pub fn without_reference() -> Self {
        Self::default()
    }

    /// The account at the provider, where the application has several; blank without this.
    #[must_use]
    pub fn account(mut self, account: impl fmt::Display) -> Self {
        self.account = account.to_string();
        self
    }

    /// How long to wait before the provider is asked for the first time, at least a second. For a handler with
    /// a `reconcile`; how long to wait after that its answers say.
    #[must_use]
    pub fn after(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.after = after.into();
        self
    }

    /// How long to wait before the provider is asked, if that is said.
    pub(crate) const fn asked_after(&self) -> Option<Duration> {
        self.after
    }

    /// The reference, at the provider of this name; `None` if none was given.
    ///
    /// # Errors
    /// [`Invalid`] if it is not valid.
    pub(crate) fn reference_at(&self, provider: &str) -> Result<Option<Reference>, Invalid> {
        let of = |reference: &String| Reference::new(provider, &self.account, reference);
        self.reference.as_ref().map(of).transpose()
    }
}

impl fmt::Display for Submitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the provider has accepted it and tells later what becomes of it")?;
        match &self.reference {
            Some(reference) => write!(f, ", as {reference}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Submitted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_belongs_to_a_provider_and_an_account() {
        let submitted = Submitted::with(42).account("acct_1");
        let reference = submitted.reference_at("Acme").unwrap().unwrap();
        assert_eq!(reference, Reference::new("Acme", "acct_1", "42").unwrap());
        assert!(submitted.to_string().ends_with("as 42"));
        assert_eq!(Submitted::without_reference().reference_at("Acme"), Ok(None));
        assert!(Submitted::with(" ").reference_at("Acme").is_err());
    }
}
