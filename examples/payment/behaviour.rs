use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the gateway does with a call whose key has not charged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    /// Charges and says so.
    Charge,
    /// Answers 402 and forgets about it, like providers that do not keep errors: the next call
    /// with the same key may charge.
    Decline,
    /// Answers 503.
    Unavailable,
    /// Answers 429 with `Retry-After`.
    RateLimited,
    /// Charges, and never answers.
    Silent,
}

impl Behaviour {
    /// True if money moves.
    pub(crate) const fn charges(self) -> bool {
        matches!(self, Self::Charge | Self::Silent)
    }
}

/// How often each happens, in percent.
const SHARES: [(u32, Behaviour); 5] = [
    (68, Behaviour::Charge),
    (12, Behaviour::Decline),
    (8, Behaviour::Unavailable),
    (6, Behaviour::RateLimited),
    (6, Behaviour::Silent),
];

/// A plan for one call: the same seed, order and count of calls give the same plan, whatever the
/// workers do in the meantime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) behaviour: Behaviour,
    /// The time until it happens.
    pub(crate) latency: Duration,
}

impl Plan {
    /// The plan for the `nth` call (from 1) about this order.
    pub(crate) fn of(seed: u64, order_number: u64, nth: u32) -> Self {
        let mut dice = dice(&[seed, order_number, u64::from(nth)]);
        let mut throw = dice.u32(0..100);
        let mut behaviour = Behaviour::Charge;
        for (share, candidate) in SHARES {
            if throw < share {
                behaviour = candidate;
                break;
            }
            throw -= share;
        }
        let mut latency = Duration::from_millis(dice.u64(20..=150));
        if nth > 1 {
            // A repeated key is slow, so that the answer of a worker that was paused comes back
            // while the next attempt's call is still open.
            latency += Duration::from_millis(dice.u64(300..=600));
        }
        Self { behaviour, latency }
    }
}

/// A random source that these numbers decide.
pub(crate) fn dice(numbers: &[u64]) -> fastrand::Rng {
    let seed = numbers.iter().fold(0xcbf2_9ce4_8422_2325_u64, |mix, number| {
        (mix ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    fastrand::Rng::with_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one_hundred() {
        assert_eq!(SHARES.iter().map(|(share, _)| share).sum::<u32>(), 100);
    }

    #[test]
    fn a_default_run_sees_every_behaviour() {
        for (share, behaviour) in SHARES {
            let seen = (1..=500).filter(|n| Plan::of(1, *n, 1).behaviour == behaviour).count();
            let expected = 5 * share as usize;
            assert!(seen > expected / 2 && seen < expected * 2, "{behaviour:?}: {seen}");
        }
    }

    #[test]
    fn a_plan_depends_on_seed_order_and_count_and_on_nothing_else() {
        assert_eq!(Plan::of(1, 2, 3), Plan::of(1, 2, 3));
        let others = [Plan::of(2, 2, 3), Plan::of(1, 3, 3), Plan::of(1, 2, 4)];
        assert!(others.iter().all(|other| *other != Plan::of(1, 2, 3)));
    }
}
