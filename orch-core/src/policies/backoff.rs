use std::time::Duration;

use crate::words::Invalid;

/// How long to wait before attempt `n + 1`: `base × 2^(n-1)` plus up to 10 % jitter, at most
/// `cap`. Saturates; never zero for a base above zero, never shorter for a later attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// The part of the delay that jitter may add.
    pub const JITTER: f64 = 0.1;
    /// 1 s, 2 s, 4 s … up to 300 s.
    pub const DEFAULT: Self = Self { base: Duration::from_secs(1), cap: Duration::from_secs(300) };
    /// The shortest base.
    pub const MIN_BASE: Duration = Duration::from_millis(1);
    /// The longest cap: a day.
    pub const MAX_CAP: Duration = Duration::from_secs(24 * 60 * 60);

    /// A policy with this first delay and this longest one.
    ///
    /// # Errors
    /// [`Invalid::DurationOutOfRange`] unless 1 ms ≤ base ≤ cap ≤ 24 h.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, Invalid> {
        Invalid::check_duration("backoff cap", cap, Self::MIN_BASE, Self::MAX_CAP)?;
        Invalid::check_duration("backoff base", base, Self::MIN_BASE, cap)?;
        Ok(Self { base, cap })
    }

    /// The policy of two literals that a macro has checked already; out of order, they are
    /// clamped into bounds.
    #[must_use]
    pub const fn from_millis(base_ms: u64, cap_ms: u64) -> Self {
        let max = Self::MAX_CAP.as_millis() as u64;
        let cap_ms = if cap_ms < 1 {
            1
        } else if cap_ms > max {
            max
        } else {
            cap_ms
        };
        let base_ms = if base_ms < 1 {
            1
        } else if base_ms > cap_ms {
            cap_ms
        } else {
            base_ms
        };
        Self { base: Duration::from_millis(base_ms), cap: Duration::from_millis(cap_ms) }
    }

    /// The first delay.
    #[must_use]
    pub const fn base(&self) -> Duration {
        self.base
    }

    /// The longest delay, jitter included.
    #[must_use]
    pub const fn cap(&self) -> Duration {
        self.cap
    }

    /// The delay after attempt `attempt` (from 1). `jitter` in 0..=1 says how much of the
    /// possible jitter to add; the caller draws it.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let plain = self.base.saturating_mul(1 << doublings).min(self.cap);
        let extra = if jitter.is_finite() { jitter.clamp(0.0, 1.0) * Self::JITTER } else { 0.0 };
        plain.saturating_add(plain.mul_f64(extra)).min(self.cap)
    }

    /// The delay after an attempt that asked for at least `after`.
    #[must_use]
    pub fn delay_at_least(&self, attempt: u32, jitter: f64, after: Option<Duration>) -> Duration {
        self.delay(attempt, jitter).max(after.unwrap_or_default())
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_from_the_base_to_the_cap() {
        let delays: Vec<u64> = (1..=10).map(|n| Backoff::DEFAULT.delay(n, 0.0).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    #[test]
    fn jitter_adds_a_tenth_at_most() {
        assert_eq!(Backoff::DEFAULT.delay(1, 1.0), Duration::from_millis(1100));
        assert_eq!(Backoff::DEFAULT.delay(1, f64::NAN), Duration::from_secs(1));
        assert_eq!(Backoff::DEFAULT.delay(1, 7.0), Duration::from_millis(1100));
    }

    #[test]
    fn the_provider_may_ask_for_more_but_not_for_less() {
        let after = |s| Some(Duration::from_secs(s));
        assert_eq!(Backoff::DEFAULT.delay_at_least(1, 0.0, after(90)), Duration::from_secs(90));
        assert_eq!(Backoff::DEFAULT.delay_at_least(3, 0.0, after(1)), Duration::from_secs(4));
        assert_eq!(Backoff::DEFAULT.delay_at_least(3, 0.0, None), Duration::from_secs(4));
    }

    #[test]
    fn contradictions_are_refused() {
        let s = Duration::from_secs;
        assert!(Backoff::new(s(0), s(1)).is_err());
        assert!(Backoff::new(s(2), s(1)).is_err());
        assert!(Backoff::new(s(1), Duration::MAX).is_err());
        assert!(Backoff::new(s(1), s(1)).is_ok());
    }

    proptest! {
        #[test]
        fn never_wraps_never_shrinks_never_exceeds_the_cap(
            base in 1u64..=86_400_000, cap in 1u64..=86_400_000,
            attempt in any::<u32>(), jitter in 0.0f64..=1.0,
        ) {
            let backoff = Backoff::from_millis(base, cap);
            let delay = backoff.delay(attempt, jitter);
            prop_assert!(delay > Duration::ZERO && delay <= backoff.cap());
            prop_assert!(backoff.delay(attempt.saturating_add(1), jitter) >= delay);
        }
    }
}
