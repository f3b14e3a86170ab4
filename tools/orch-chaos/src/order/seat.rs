//! Orders for one seat: requests with a key each, of which one at most may have it.
//!
//! A seat has the number of one order of the run. The low half of a number says which seat, the next
//! eight bits which key it is wanted with, and what is above how many redrives came before: so each
//! operation is an order of its own to the ledger and to the checker.

use orch_lab::plan::dice;

use super::{Order, Orders};

/// Keys that a seat is wanted with. With three clients the first and the last are of the same one, which
/// sends them together.
pub(crate) const KEYS: u64 = 4;

const KEY: u32 = 32;
const REDRIVE: u32 = 40;

/// The order without key and redrive: the one that the seed knows.
pub(super) const fn first(number: u64) -> u64 {
    number & ((1 << KEY) - 1)
}

/// The number of this order's `nth` redrive; 0 for itself.
pub(crate) const fn redriven(number: u64, nth: u64) -> u64 {
    number + (nth << REDRIVE)
}

impl Orders {
    /// True if the client has this order redriven once it has failed.
    pub(crate) fn is_redriven(self, order: Order) -> bool {
        dice(&[self.seed, 9, order.number]).bool()
    }

    /// True if new requests for this seat let redrives come first.
    pub(crate) fn lets_redrives_first(self, order: Order) -> bool {
        dice(&[self.seed, 10, order.seat()]).bool()
    }
}

impl Order {
    /// What is wanted.
    pub(crate) const fn seat(self) -> u64 {
        first(self.number)
    }

    /// The request, without redrives.
    pub(super) const fn request(self) -> u64 {
        self.number & ((1 << REDRIVE) - 1)
    }

    /// The orders for this seat that a client sends: every client wants it.
    pub(crate) fn of_lane(self, lane: u32, lanes: u32) -> impl Iterator<Item = Self> {
        let mine = move |key: &u64| (self.number + key) % u64::from(lanes) == u64::from(lane);
        (0..KEYS).filter(mine).map(move |key| self.with_key(key))
    }

    /// The order for this seat with the `nth` key.
    pub(crate) const fn with_key(self, nth: u64) -> Self {
        Self { number: self.seat() + (nth << KEY), ..self }
    }

    /// True if it is the first one for its seat.
    pub(crate) const fn is_first(self) -> bool {
        self.number == self.seat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Product;

    #[test]
    fn every_key_is_a_client_s_and_an_order_of_the_same_seat() {
        let orders = Orders { seed: 1, rolling: false };
        let is_seat = |order: &Order| order.product == Product::Seat;
        let order = (0..).map(|number| orders.of(number)).find(is_seat).unwrap();
        let sent: Vec<Order> = (0..3).flat_map(|lane| order.of_lane(lane, 3)).collect();
        assert_eq!(sent.len() as u64, KEYS);
        for (place, one) in sent.iter().enumerate() {
            assert_eq!(orders.of(one.number), *one, "the seed knows it by its number");
            assert_eq!(one.biz_key(), order.biz_key());
            assert!(sent[..place].iter().all(|other| other.idem_key() != one.idem_key()));
            let again = orders.of(redriven(one.number, 2));
            assert_ne!(again.number, one.number);
            assert_eq!((again.biz_key(), again.idem_key()), (one.biz_key(), one.idem_key()));
        }
    }
}
