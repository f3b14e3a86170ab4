use std::time::Duration;

use super::{Effect, InDoubt};
use crate::words::Timestamp;

/// What decides whether a claimed attempt may call the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFacts {
    /// True if doubt remains: an earlier attempt may have taken effect, and its answer is lost.
    pub unresolved: bool,
    /// The claim of the oldest attempt in doubt.
    pub first_called_at: Timestamp,
    /// The latest instant at which this attempt may still call.
    pub calls_until: Timestamp,
    /// What a call does at the provider, as the claiming handler declares it.
    pub effect: Effect,
    /// What follows doubt, as the claiming handler declares it: a deploy may have changed it.
    pub in_doubt: InDoubt,
    /// How long the provider remembers a key; `None` if without limit, or if no key is needed.
    pub key_lifetime: Option<Duration>,
}

/// Why an attempt may not call the provider while doubt remains. Says what is true; [`REMEDY`]
/// says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A second call would act a second time.
    #[error(
        "an earlier call may have taken effect, and its effect is unsafe: another would act again"
    )]
    Unsafe,
    /// The handler no longer declares `retry` for doubt.
    #[error(
        "an earlier call may have taken effect, and the handler now declares in_doubt = \
         \"{in_doubt}\": it is not called again while that is unknown"
    )]
    Declared {
        /// What it declares.
        in_doubt: InDoubt,
    },
    /// The provider may have forgotten the key by then.
    #[error(
        "the call of {first_called_at} may have taken effect, and the provider remembers its key \
         for {key_lifetime:?} only; an attempt now may call until {calls_until}, and with a \
         forgotten key the provider would act again"
    )]
    KeyTooOld {
        /// When the key was first used.
        first_called_at: Timestamp,
        /// How long it is remembered from then.
        key_lifetime: Duration,
        /// The latest instant at which the attempt may still call.
        calls_until: Timestamp,
    },
}

/// What an operator does about an operation that was parked for a [`Refusal`].
pub const REMEDY: &str = "find out at the provider whether it has acted, then resolve the \
    operation: with its output, as failed, or to run again if it has not";

/// Whether a claimed attempt may call. Without doubt it always may. While doubt remains it may if
/// the handler declares `retry` and a repeated call acts at most once: an effect that is safe to
/// repeat, or a key that the provider remembers until the attempt's last moment.
///
/// An operator's decision to run it again clears doubt, so it clears this as well.
///
/// # Errors
/// [`Refusal`]: nothing may be called, and the operation is to be parked.
pub fn may_call(facts: &CallFacts) -> Result<(), Refusal> {
    let CallFacts { unresolved, first_called_at, calls_until, effect, in_doubt, .. } = *facts;
    if !unresolved {
        return Ok(());
    }
    if effect == Effect::Unsafe {
        return Err(Refusal::Unsafe);
    }
    if in_doubt != InDoubt::Retry {
        return Err(Refusal::Declared { in_doubt });
    }
    match facts.key_lifetime {
        Some(key_lifetime)
            if effect == Effect::Keyed && calls_until > first_called_at.plus(key_lifetime) =>
        {
            Err(Refusal::KeyTooOld { first_called_at, key_lifetime, calls_until })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// The key was first used at second 100 and is remembered until second 160.
    fn doubted(calls_until: i64) -> CallFacts {
        CallFacts {
            unresolved: true,
            first_called_at: at(100),
            calls_until: at(calls_until),
            effect: Effect::Keyed,
            in_doubt: InDoubt::Retry,
            key_lifetime: Some(LIFETIME),
        }
    }

    #[test]
    fn a_key_is_trusted_to_its_last_moment_and_no_longer() {
        assert_eq!(may_call(&doubted(160)), Ok(()));
        let refused = Refusal::KeyTooOld {
            first_called_at: at(100),
            key_lifetime: LIFETIME,
            calls_until: at(161),
        };
        assert_eq!(may_call(&doubted(161)), Err(refused));
    }

    #[test]
    fn a_key_without_a_lifetime_is_always_trusted() {
        assert_eq!(
            may_call(&CallFacts { key_lifetime: None, ..doubted(i64::MAX / 2_000_000) }),
            Ok(())
        );
    }

    #[test]
    fn what_is_safe_to_repeat_needs_no_key() {
        for effect in [Effect::Read, Effect::Idempotent] {
            assert_eq!(may_call(&CallFacts { effect, ..doubted(9999) }), Ok(()));
        }
    }

    #[test]
    fn what_is_unsafe_is_never_called_a_second_time() {
        for in_doubt in InDoubt::ALL {
            let facts = CallFacts { effect: Effect::Unsafe, in_doubt, ..doubted(110) };
            assert_eq!(may_call(&facts), Err(Refusal::Unsafe));
        }
    }

    #[test]
    fn a_handler_that_no_longer_declares_retry_is_not_called() {
        for effect in [Effect::Read, Effect::Idempotent, Effect::Keyed] {
            for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
                let facts = CallFacts { effect, in_doubt, ..doubted(110) };
                assert_eq!(may_call(&facts), Err(Refusal::Declared { in_doubt }));
            }
        }
    }

    #[test]
    fn without_doubt_everything_may_be_called() {
        for effect in Effect::ALL {
            for in_doubt in InDoubt::ALL {
                let facts = CallFacts { unresolved: false, effect, in_doubt, ..doubted(9999) };
                assert_eq!(may_call(&facts), Ok(()));
            }
        }
    }

    #[test]
    fn a_lifetime_beyond_all_time_does_not_wrap() {
        let facts = CallFacts { key_lifetime: Some(Duration::MAX), ..doubted(9999) };
        assert_eq!(may_call(&facts), Ok(()));
    }

    #[test]
    fn a_refusal_says_since_when_and_how_long() {
        let refusal = may_call(&doubted(161)).unwrap_err().to_string();
        for part in ["1970-01-01T00:01:40Z", "60s", "1970-01-01T00:02:41Z"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
