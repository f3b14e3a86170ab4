use super::Provider;
use crate::words::{Invalid, Reference};

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
}
