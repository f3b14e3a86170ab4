use std::time::Duration;

use orch_lab::ledger::Body;
use orch_lab::plan::dice;
use serde::{Deserialize, Serialize};

/// What a client orders. The seed and the number decide it, for clients, provider and checker
/// alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) product: Product,
    pub(crate) amount: u64,
    /// A budget so short that some operations outlive it.
    pub(crate) hurried: bool,
    pub(crate) repeat: Repeat,
}

/// The kinds of operation: one per way in which an attempt in doubt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Product {
    /// Runs again with the same key; log and finalize are one statement.
    Charge,
    /// The same, with a finalize hook: log and finalize are two commits.
    Capture,
    /// The provider is asked first.
    Transfer,
    /// Waits for a person. The provider takes no keys: a second call pays a second time.
    Payout,
    /// Fails, uncertain.
    Notice,
}

/// The budget of what is hurried.
pub(crate) const HURRY: Duration = Duration::from_millis(1_200);

/// How a client sends an order besides the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Not at all.
    Never,
    /// Twice at the same time.
    Twin,
    /// By another client process at the same time.
    Neighbour,
    /// Later, with the same key and another body: to be refused.
    Changed,
}

impl Order {
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut dice = dice(&[seed, 1, number]);
        let product = match dice.u32(0..100) {
            0..40 => Product::Charge,
            40..70 => Product::Capture,
            70..85 => Product::Transfer,
            85..95 => Product::Payout,
            _ => Product::Notice,
        };
        let amount = dice.u64(1..=100_000);
        let hurried = product == Product::Charge && dice.u32(0..100) < 4;
        let repeat = match dice.u32(0..100) {
            0..8 => Repeat::Twin,
            8..16 => Repeat::Neighbour,
            16..18 => Repeat::Changed,
            _ => Repeat::Never,
        };
        Self { number, product, amount, hurried, repeat }
    }

    pub(crate) fn body(self) -> Body {
        Body { order_id: self.number, amount: self.amount }
    }

    /// The client's key.
    pub(crate) fn idem_key(self) -> String {
        format!("request-{}", self.number)
    }

    /// The entity.
    pub(crate) fn biz_key(self) -> String {
        format!("ORDER-{}", self.number)
    }

    /// From accept to the deadline, in a run of this length.
    pub(crate) fn time_budget(self, run: Duration) -> Duration {
        if self.hurried { HURRY } else { run + Duration::from_secs(600) }
    }
}

impl Product {
    /// All, in the order in which reports name them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Charge, Self::Capture, Self::Transfer, Self::Payout, Self::Notice];

    /// The event type.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Charge => "CHARGE",
            Self::Capture => "CAPTURE",
            Self::Transfer => "TRANSFER",
            Self::Payout => "PAYOUT",
            Self::Notice => "NOTICE",
        }
    }

    /// True if the provider recognises a repeated key.
    pub(crate) const fn keyed(self) -> bool {
        !matches!(self, Self::Payout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_orders_everything() {
        let orders: Vec<Order> = (0..1_000).map(|number| Order::of(1, number)).collect();
        for product in Product::ALL {
            assert!(orders.iter().filter(|order| order.product == product).count() > 20);
        }
        for repeat in [Repeat::Twin, Repeat::Neighbour, Repeat::Changed] {
            assert!(orders.iter().any(|order| order.repeat == repeat), "{repeat:?}");
        }
        assert!(orders.iter().any(|order| order.hurried));
    }

    #[test]
    fn an_order_depends_on_seed_and_number_only() {
        assert_eq!(Order::of(1, 2), Order::of(1, 2));
        let differ = (0..100).any(|number| Order::of(1, number) != Order::of(2, number));
        assert!(differ);
    }
}
