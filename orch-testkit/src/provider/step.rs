use std::time::Duration;

/// What the provider does with one call.
///
/// A step that charges or declines looks at the key first: where the provider has kept an answer, the call
/// gets that and nothing else happens. The others do as they say, whatever the key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Charges and says so.
    Charge,
    /// Declines, for good.
    Decline,
    /// Answers 503 and does nothing.
    Unavailable,
    /// Answers 429 with this `Retry-After` and does nothing.
    RateLimited(Duration),
    /// Answers 401 before it looks at the key, and does nothing.
    Refuse,
    /// Charges, and never answers: the answer is lost. It broke off inside the provider, so one that keeps
    /// successes only has not kept it.
    ChargeAndNeverAnswer,
    /// Does nothing, and never answers.
    NeverAnswer,
    /// Charges, and answers with this status: a 502 behind the act.
    ChargeAndError(u16),
    /// Answers with this status and does nothing: a 500 before the act. A provider that keeps everything
    /// keeps that as well; one that refuses repetitions has seen the reference.
    Error(u16),
    /// Is at work on it for so long, by the provider's clock
    /// ([`advance`](crate::ScriptedProvider::advance)), and then charges and says so, whether or not the
    /// caller has given up. Until then another call with the key is *still running*.
    ChargeSlowly(Duration),
    /// Charges, and says that it was done already.
    ChargeAndSayDone,
    /// Says that it was done already and does nothing: another caller did it.
    SayDone,
    /// Says that the key was used with another body, and does nothing.
    SayOtherBody,
    /// Has forgotten the key by now, and charges.
    ForgetAndCharge,
}
