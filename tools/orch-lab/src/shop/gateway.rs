use std::time::Duration;

use crate::ledger::{Answer, Call, Tail};
use crate::plan::dice;
use crate::provider::{Act, Manners, Repeats};

/// Order ids of one run are a block of so many, so that runs on one database never mix.
pub(super) const MAX_CHARGES: u64 = 1_000_000;

/// The payment gateway of a seed: how it takes a call depends on the order and on how many calls
/// with its key came before, whatever the workers do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gateway {
    pub(super) seed: u64,
}

impl Manners for Gateway {
    /// Like gateways that remember a key only once it has charged.
    fn repeats(&self, _order_id: u64) -> Repeats {
        Repeats::Effects
    }

    fn act(&self, order_id: u64, nth: u32) -> Act {
        match self.dice(3, order_id, nth).u32(0..100) {
            0..68 => Act::Do,
            68..80 => Act::Say(Answer::Declined),
            80..88 => Act::Say(Answer::Busy),
            88..94 => Act::Say(Answer::Limited),
            _ => Act::DoInSilence,
        }
    }

    /// A repeated key is slow, so that the answer of a worker that was paused comes back while
    /// the next attempt's call is still open.
    fn latency(&self, order_id: u64, nth: u32) -> Duration {
        let mut dice = self.dice(4, order_id, nth);
        let slow = if nth > 1 { dice.u64(300..=600) } else { 0 };
        Duration::from_millis(slow + dice.u64(20..=150))
    }
}

impl Gateway {
    fn dice(self, what: u64, order_id: u64, nth: u32) -> fastrand::Rng {
        dice(&[self.seed, what, order_id % MAX_CHARGES, nth.into()])
    }

    /// True for a call that is about to be declined, of an order whose next call will charge.
    pub(super) fn will_be_charged_next(self, call: &Call, tail: &Tail) -> bool {
        let act = |nth| self.act(call.request.body.order_id, nth);
        let decline =
            act(call.nth) == Act::Say(Answer::Declined) && !tail.done.contains(&call.request.key);
        decline && act(call.nth + 1).moves_money()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_run_sees_every_act() {
        let gateway = Gateway { seed: 1 };
        for (act, percent) in [
            (Act::Do, 68),
            (Act::Say(Answer::Declined), 12),
            (Act::Say(Answer::Busy), 8),
            (Act::Say(Answer::Limited), 6),
            (Act::DoInSilence, 6),
        ] {
            let seen = (1..=500).filter(|order_id| gateway.act(*order_id, 1) == act).count();
            let expected = 5 * percent;
            assert!(seen > expected / 2 && seen < expected * 2, "{act:?}: {seen}");
        }
    }
}
