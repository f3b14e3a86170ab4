use super::rules::Rules;
use super::{KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};
use crate::policies::{Effect, InDoubt};

/// What a contract says, as values: for a page, a list or a test about several contracts.
///
/// ```
/// # use std::time::Duration;
/// use orch::providers::{Stripe, Terms};
///
/// const STRIPE: Terms = Terms::of::<Stripe>();
///
/// let day = Duration::from_secs(24 * 60 * 60);
/// assert_eq!(STRIPE.key_lifetime(), orch::KeyLifetime::AtLeast(day));
/// assert!(STRIPE.repeats_in_doubt());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    rules: Rules,
    type_name: fn() -> &'static str,
}

impl Terms {
    /// Those of `P`. A contract that contradicts itself is refused, while constants are evaluated.
    #[must_use]
    #[track_caller]
    pub const fn of<P: Provider>() -> Self {
        let rules = Rules::of::<P>();
        rules.legal();
        Self { rules, type_name: std::any::type_name::<P> }
    }

    /// The name of the type, without its path: what is written behind `provider =`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        let path = (self.type_name)();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// [`Provider::NAME`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.rules.name
    }

    /// [`Provider::REPEAT`].
    #[must_use]
    pub const fn repeat(&self) -> Repeat {
        self.rules.repeat
    }

    /// [`Provider::KEY_LIFETIME`].
    #[must_use]
    pub const fn key_lifetime(&self) -> KeyLifetime {
        self.rules.lifetime
    }

    /// [`Provider::KEY_PLACE`].
    #[must_use]
    pub const fn key_place(&self) -> KeyPlace {
        self.rules.place
    }

    /// [`Provider::KEY_FORM`].
    #[must_use]
    pub const fn key_form(&self) -> KeyForm {
        self.rules.form
    }

    /// [`Provider::WORDS`].
    #[must_use]
    pub const fn words(&self) -> &'static [Word] {
        self.rules.words
    }

    /// [`Provider::PUBLISHED`].
    #[must_use]
    pub const fn published(&self) -> Option<Published> {
        self.rules.published
    }

    /// True if a keyed call is repeated in doubt where the handler says nothing about it, and may be
    /// where it says `in_doubt = "retry"`. False if it is parked then.
    #[must_use]
    pub const fn repeats_in_doubt(&self) -> bool {
        !matches!(self.rules.repeat, Repeat::Acts)
            && matches!(self.rules.in_doubt(Effect::Keyed), InDoubt::Retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{AnyProvider, Keeps, Unkeyed};

    #[test]
    fn the_terms_are_what_the_contract_says() {
        let any = Terms::of::<AnyProvider>();
        assert_eq!((any.type_name(), any.name()), ("AnyProvider", "any provider"));
        assert_eq!(any.repeat(), Repeat::Answers(Keeps::Effects));
        assert_eq!(any.key_lifetime(), KeyLifetime::Unlimited);
        assert_eq!(any.key_place(), KeyPlace::Header("Idempotency-Key"));
        assert_eq!(any.key_form(), KeyForm::ANY);
        assert_eq!((any.words(), any.published()), (&[][..], None));
    }

    #[test]
    fn without_keys_a_keyed_call_is_not_repeated() {
        assert!(Terms::of::<AnyProvider>().repeats_in_doubt());
        assert!(!Terms::of::<Unkeyed>().repeats_in_doubt());
        // A contract without keys has no reason to say how long they are remembered.
        enum Forgetful {}
        impl Provider for Forgetful {
            const NAME: &'static str = "Forgetful";
            const REPEAT: Repeat = Repeat::Acts;
            const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
        }
        assert!(!Terms::of::<Forgetful>().repeats_in_doubt());
    }
}
