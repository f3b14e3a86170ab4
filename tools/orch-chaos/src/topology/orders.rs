use std::time::Duration;

use orch_lab::ledger::Body;
use orch_lab::plan::dice;

use super::handlers::Kind;

/// What a scenario's clients order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orders {
    pub(crate) seed: u64,
    /// The kinds, in turn.
    pub(crate) kinds: &'static [Kind],
    /// From accept to the deadline.
    pub(crate) budget: Duration,
}

impl Orders {
    pub(crate) fn body(&self, number: u64) -> Body {
        Body { order_id: number, amount: dice(&[self.seed, 1, number]).u64(1..=100_000) }
    }

    pub(crate) fn kind(&self, number: u64) -> Kind {
        // Each of two clients, which take turns, orders all kinds.
        let place = usize::try_from(number / 2).unwrap_or_default() % self.kinds.len().max(1);
        self.kinds.get(place).copied().unwrap_or(Kind::Keyed)
    }
}
