//! What the provider tells by itself, webhooks and lines of files: written by the provider into its outbox,
//! delivered and recorded by receivers.
//!
//! A message is true when it is written. It may be delivered at once, late, or twice, and in any order: one that
//! says "not happened" may be written while the call is on its way that will act.

use std::time::Duration;

use orch::Reference;
use orch_lab::ledger::Receipt;
use orch_lab::plan::dice;
use serde::{Deserialize, Serialize};

use crate::order::{Order, Orders, Product};

pub(crate) mod outbox;
pub(crate) mod receiver;

/// One message, once: a second delivery is a message with another id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: u64,
    /// When it was true, in microseconds since 1970.
    pub(crate) written_at: i64,
    /// When it is to be delivered.
    pub(crate) due_at: i64,
    /// The receiver that it goes to.
    pub(crate) to: u32,
    pub(crate) order_id: u64,
    pub(crate) about: About,
    /// The operation that the provider was told of.
    pub(crate) op_id: String,
    pub(crate) says: Says,
}

/// By what messages about an order name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum About {
    /// The operation's own id, which the provider was given.
    Operation,
    /// A reference of the caller's, told before each call.
    Ours,
    /// The provider's own reference, which the caller has with its answer: told behind that, or never.
    Theirs,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub(crate) enum Says {
    /// It has acted.
    Happened { receipt: Receipt },
    /// A call was refused.
    Refused,
    /// It has not acted.
    NotHappened,
}

/// What became of a message, as its receiver was told. Noted once it is recorded: one whose note is missing
/// is delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) id: u64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// `applied`, `late`, `kept`, `known`, or why it was refused.
    pub(crate) told: String,
}

/// Receivers at the same time.
pub(crate) const RECEIVERS: u32 = 2;
/// The code with which a message refuses: that of the answer to the call.
pub(crate) const REFUSED: &str = "DECLINED";
/// How long the provider waits between a message and the answer to the call, if it lets the message go first.
pub(super) const FIRST: Duration = Duration::from_millis(250);

impl Orders {
    /// By what messages about this order name it; `None` if there are none.
    pub(crate) fn about(self, order: Order) -> Option<About> {
        if self.rolling || !order.product.is_told_of() {
            return None;
        }
        // Few of each, since they cost as much as the calls; most where a contract makes a difference.
        let told = if order.product.has_contract() { 24 } else { 8 };
        let mut dice = dice(&[self.seed, 11, order.number]);
        if dice.u32(0..100) >= told {
            return None;
        }
        Some([About::Operation, About::Operation, About::Ours, About::Theirs][dice.usize(0..4)])
    }
}

impl Product {
    /// True if the provider tells of operations of this kind.
    pub(crate) fn is_told_of(self) -> bool {
        matches!(self, Self::Charge | Self::Capture | Self::Transfer) || self.has_contract()
    }
}

/// The caller's own reference for an order, at the provider.
pub(crate) fn ours(order_id: u64) -> Result<Reference, orch::Invalid> {
    Reference::new(PROVIDER, "", &format!("ORDER-{order_id}"))
}

/// The provider's reference for what it has done.
pub(crate) fn theirs(receipt: &Receipt) -> Result<Reference, orch::Invalid> {
    Reference::new(PROVIDER, "", &receipt.receipt_id)
}

const PROVIDER: &str = "CHAOS";

impl Says {
    /// The word for it in the log.
    pub(crate) const fn outcome(&self) -> &'static str {
        match self {
            Self::Happened { .. } => "OK",
            Self::Refused => "FAIL",
            Self::NotHappened => "NOT_HAPPENED",
        }
    }
}

impl Message {
    /// The three parts of the reference under which it is kept.
    pub(crate) fn reference(&self) -> [String; 3] {
        let of = |reference: String| [PROVIDER.to_owned(), String::new(), reference];
        match (self.about, &self.says) {
            (About::Ours, _) => of(format!("ORDER-{}", self.order_id)),
            (About::Theirs, Says::Happened { receipt }) => of(receipt.receipt_id.clone()),
            // There is none before it has acted.
            (About::Operation | About::Theirs, _) => {
                [String::new(), String::new(), self.op_id.clone()]
            }
        }
    }
}
