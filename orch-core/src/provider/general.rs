//! The two contracts that are no provider's.

use super::{Keeps, KeyLifetime, Provider, Repeat};

/// The default: nothing is known about the provider, and its keys are assumed to be remembered as
/// long as an operation may last. Name the real contract where there is one.
#[derive(Debug, Clone, Copy)]
pub enum AnyProvider {}

impl Provider for AnyProvider {
    const NAME: &'static str = "any provider";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
}

/// A provider without idempotency keys. The handler must then declare its effect, and it is not
/// `keyed`.
///
/// `Context::provider_key` exists all the same: many such providers accept your own reference, by
/// which `reconcile` can find the call.
#[derive(Debug, Clone, Copy)]
pub enum Unkeyed {}

impl Provider for Unkeyed {
    const NAME: &'static str = "Unkeyed";
    const REPEAT: Repeat = Repeat::Acts;
}
