use super::{AnyProvider, Provider};
use crate::words::{Invalid, Kind, Reference};

impl Reference {
    /// The reference of a call at this provider: what a handler keeps by
    /// [`Submitted`](crate::policies::Submitted), and what a message of the provider is about. `account` may be
    /// blank: where one account is all there is.
    ///
    /// ```
    /// # use orch_core::{provider, words as orch};
    /// use orch::Reference;
    /// use provider::catalogue::Stripe;
    ///
    /// let payout = Reference::at::<Stripe>("acct_1", "po_42")?;
    /// assert_eq!(payout, Reference::new("Stripe", "acct_1", "po_42")?);
    /// # Ok::<(), orch::Invalid>(())
    /// ```
    ///
    /// # Errors
    /// As [`Reference::new`].
    pub fn at<P: Provider>(account: &str, reference: &str) -> Result<Self, Invalid> {
        Self::new(P::NAME, account, reference)
    }

    /// The reference as it is kept for operations of this kind. Where no provider is named, the kind stands for
    /// it: two providers that count from 1 do not share their numbers.
    #[must_use]
    pub(crate) fn of_kind(self, kind: &Kind) -> Self {
        if self.provider() == AnyProvider::NAME {
            let (account, reference) = (self.account().to_owned(), self.reference().to_owned());
            return Self::from_stored(kind.to_string(), account, reference);
        }
        self
    }
}
