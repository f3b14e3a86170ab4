//! What goes wrong at the provider.

use std::time::Duration;

use orch_testkit::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It acts, and the answer is lost.
    LostAnswer,
    /// It acts, and answers 502.
    ErrorBehindTheAct,
    /// It answers 500 and does nothing.
    ErrorBeforeTheAct,
    /// It is at work for 12 s, and its caller gives up after 4.
    InFlight,
    /// It acts, and says that it was done already.
    DoneByUs,
    /// It says that it was done already, and this operation has not done it.
    DoneByOthers,
    /// The answer is lost, and the repeated call has another body.
    OtherBody,
    /// It knows the key with another body, before the first call: the database has lost an operation, say.
    KnownWithOtherBody,
    /// The answer is lost, and the key is forgotten before another call.
    KeyExpired,
}

impl Fault {
    pub const ALL: [Self; 9] = [
        Self::LostAnswer,
        Self::ErrorBehindTheAct,
        Self::ErrorBeforeTheAct,
        Self::InFlight,
        Self::DoneByUs,
        Self::DoneByOthers,
        Self::OtherBody,
        Self::KnownWithOtherBody,
        Self::KeyExpired,
    ];

    /// How long the provider is at work, by its own clock.
    pub const WORK: Duration = Duration::from_secs(12);
    /// How much later the next call comes.
    pub const PATIENCE: Duration = Duration::from_secs(4);

    /// What the provider does with the first call; then it charges.
    pub const fn step(self) -> Step {
        match self {
            Self::LostAnswer | Self::OtherBody | Self::KeyExpired => Step::ChargeAndNeverAnswer,
            Self::ErrorBehindTheAct => Step::ChargeAndError(502),
            Self::ErrorBeforeTheAct => Step::Error(500),
            Self::InFlight => Step::ChargeSlowly(Self::WORK),
            Self::DoneByUs => Step::ChargeAndSayDone,
            Self::DoneByOthers => Step::SayDone,
            Self::KnownWithOtherBody => Step::SayOtherBody,
        }
    }
}
