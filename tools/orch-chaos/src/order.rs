use std::time::Duration;

use orch_lab::ledger::Body;
use orch_lab::plan::dice;
use serde::{Deserialize, Serialize};

use crate::release::Release;

mod seat;

pub(crate) use seat::redriven;

/// What decides all orders of a run, for clients, provider and checker alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) seed: u64,
    /// True if two releases of the handlers are at work: then the products are those that differ.
    pub(crate) rolling: bool,
}

/// What a client orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) product: Product,
    pub(crate) amount: u64,
    /// True if it says something in the field that only the new release has.
    pub(crate) says_more: bool,
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
    /// The only one for its entity: requests with other keys want the same seat. The provider is
    /// asked first, so that a failure is certain.
    Seat,
    /// The provider keeps all answers: a key that met an error is given up.
    KeepsEverything,
    /// The provider keeps what has acted.
    KeepsEffects,
    /// The provider keeps successes. It is asked first.
    KeepsSuccesses,
    /// The same, and doubt waits for a person.
    SuccessesParked,
    /// The provider refuses a reference that it has seen. It is asked first.
    Refuses,
    /// The same, and doubt waits for a person.
    RefusesParked,
    /// The provider knows no keys. It is asked first.
    Acts,
    /// The same, and doubt fails, uncertain.
    ActsFailed,
    /// The new release has one more field, with a default.
    FieldAdded,
    /// The new release has one more field, an `Option`.
    OptionAdded,
    /// The new release has a finalize hook.
    HookAdded,
    /// The new release asks the provider first; the old one runs again with the same key.
    ReconcileAdded,
    /// The result of the new release has one more field, with a default. Both have a hook.
    OutputChanged,
    /// The new release makes more attempts.
    AttemptsChanged,
    /// The new release has another biz key: the second form of the identity.
    IdentityChanged,
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

impl Orders {
    pub(crate) fn of(self, number: u64) -> Order {
        if self.rolling { self.of_two_releases(number) } else { self.of_one_release(number) }
    }

    fn of_one_release(self, number: u64) -> Order {
        let mut dice = dice(&[self.seed, 1, seat::first(number)]);
        let product = match dice.u32(0..100) {
            0..24 => Product::Charge,
            24..28 => Product::Seat,
            28..48 => Product::Capture,
            48..58 => Product::Transfer,
            58..64 => Product::Payout,
            64..68 => Product::Notice,
            roll => Product::CONTRACTS[(roll as usize - 68) / 4],
        };
        let amount = dice.u64(1..=100_000);
        let hurried = product == Product::Charge && dice.u32(0..100) < 4;
        let repeat = match dice.u32(0..100) {
            // Who wants a seat goes on by rules of its own.
            _ if product == Product::Seat => Repeat::Never,
            0..8 => Repeat::Twin,
            8..16 => Repeat::Neighbour,
            16..18 => Repeat::Changed,
            _ => Repeat::Never,
        };
        Order { number, product, amount, says_more: false, hurried, repeat }
    }

    /// The neighbour that repeats a request is of the other release: every other client is. So what
    /// only the new release can say is never repeated by a neighbour.
    fn of_two_releases(self, number: u64) -> Order {
        let mut dice = dice(&[self.seed, 1, number]);
        let product = Product::CHANGED[dice.usize(0..Product::CHANGED.len())];
        let amount = dice.u64(1..=100_000);
        let has_field = matches!(product, Product::FieldAdded | Product::OptionAdded);
        let says_more = has_field && Release::of_client(number) == Release::New && dice.bool();
        let repeat = match dice.u32(0..100) {
            0..8 => Repeat::Twin,
            8..40 if says_more => Repeat::Twin,
            8..40 => Repeat::Neighbour,
            40..43 => Repeat::Changed,
            _ => Repeat::Never,
        };
        Order { number, product, amount, says_more, hurried: false, repeat }
    }
}

impl Order {
    pub(crate) fn body(self) -> Body {
        Body { order_id: self.number, amount: self.amount }
    }

    /// The client's key.
    pub(crate) fn idem_key(self) -> String {
        format!("request-{}", self.request())
    }

    /// The entity.
    pub(crate) fn biz_key(self) -> String {
        match self.product {
            Product::Seat => format!("SEAT-{}", self.seat()),
            _ => format!("ORDER-{}", self.number),
        }
    }

    /// The entity, in the second form of the identity.
    pub(crate) fn later_biz_key(self) -> String {
        format!("SHOP-1/{}", self.number)
    }

    /// From accept to the deadline, in a run of this length.
    pub(crate) fn time_budget(self, run: Duration) -> Duration {
        if self.hurried { HURRY } else { run + Duration::from_secs(600) }
    }
}

impl Product {
    /// All of a run with one release.
    pub(crate) const ALL: [Self; 14] = [
        Self::Charge,
        Self::Capture,
        Self::Transfer,
        Self::Payout,
        Self::Notice,
        Self::Seat,
        Self::KeepsEverything,
        Self::KeepsEffects,
        Self::KeepsSuccesses,
        Self::SuccessesParked,
        Self::Refuses,
        Self::RefusesParked,
        Self::Acts,
        Self::ActsFailed,
    ];

    /// All of a run with two.
    pub(crate) const CHANGED: [Self; 7] = [
        Self::FieldAdded,
        Self::OptionAdded,
        Self::HookAdded,
        Self::ReconcileAdded,
        Self::OutputChanged,
        Self::AttemptsChanged,
        Self::IdentityChanged,
    ];

    /// The event type.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Charge => "CHARGE",
            Self::Capture => "CAPTURE",
            Self::Transfer => "TRANSFER",
            Self::Payout => "PAYOUT",
            Self::Notice => "NOTICE",
            Self::Seat => "SEAT",
            Self::KeepsEverything => "KEEPS_EVERYTHING",
            Self::KeepsEffects => "KEEPS_EFFECTS",
            Self::KeepsSuccesses => "KEEPS_SUCCESSES",
            Self::SuccessesParked => "SUCCESSES_PARKED",
            Self::Refuses => "REFUSES",
            Self::RefusesParked => "REFUSES_PARKED",
            Self::Acts => "ACTS",
            Self::ActsFailed => "ACTS_FAILED",
            Self::FieldAdded => "FIELD_ADDED",
            Self::OptionAdded => "OPTION_ADDED",
            Self::HookAdded => "HOOK_ADDED",
            Self::ReconcileAdded => "RECONCILE_ADDED",
            Self::OutputChanged => "OUTPUT_CHANGED",
            Self::AttemptsChanged => "ATTEMPTS_CHANGED",
            Self::IdentityChanged => "IDENTITY_CHANGED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Orders = Orders { seed: 1, rolling: false };
    const TWO: Orders = Orders { seed: 1, rolling: true };

    #[test]
    fn a_short_run_orders_everything() {
        for (orders, products) in [(ONE, &Product::ALL[..]), (TWO, &Product::CHANGED)] {
            let orders: Vec<Order> = (0..1_000).map(|number| orders.of(number)).collect();
            for product in products {
                assert!(orders.iter().filter(|order| order.product == *product).count() > 20);
            }
            for repeat in [Repeat::Twin, Repeat::Neighbour, Repeat::Changed] {
                assert!(orders.iter().any(|order| order.repeat == repeat), "{repeat:?}");
            }
        }
        assert!((0..1_000).any(|number| ONE.of(number).hurried));
        assert!((0..1_000).any(|number| TWO.of(number).says_more));
    }

    #[test]
    fn an_old_client_is_not_asked_to_say_what_it_does_not_know() {
        for order in (0..1_000).map(|number| TWO.of(number)).filter(|order| order.says_more) {
            assert_eq!(Release::of_client(order.number), Release::New);
            assert_ne!(order.repeat, Repeat::Neighbour, "the neighbour is old");
        }
    }

    #[test]
    fn an_order_depends_on_seed_and_number_only() {
        assert_eq!(ONE.of(2), ONE.of(2));
        let other = Orders { seed: 2, ..ONE };
        assert!((0..100).any(|number| ONE.of(number) != other.of(number)));
    }
}
