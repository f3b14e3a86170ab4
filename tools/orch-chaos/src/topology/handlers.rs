//! What an application writes, and how its provider behaves.

use std::time::Duration;

use orch::prelude::*;
use orch_lab::ledger::{Body, Receipt};
use orch_lab::plan::dice;
use orch_lab::provider::{Act, Manners, Repeats};

use super::orders::Orders;
use crate::handlers::{CallError, Desk};

/// Where the kinds below live.
pub(crate) const DOMAIN: &str = "TOPOLOGY";

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The provider recognises a repeated key; doubt runs again.
    Keyed,
    /// Each call acts; doubt is parked.
    Unsafe,
}

impl Kind {
    /// The event type.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Keyed => "CHARGE",
            Self::Unsafe => "PAYOUT",
        }
    }
}

macro_rules! kind {
    ($event:literal $command:ident $handler:ident $($options:tt)*) => {
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, Command)]
        #[command(biz_key = "ORDER-{order_id}")]
        pub(crate) struct $command {
            order_id: u64,
            amount: u64,
        }

        impl From<$command> for Body {
            fn from($command { order_id, amount }: $command) -> Self {
                Self { order_id, amount }
            }
        }

        #[orchestrated(
            domain = "TOPOLOGY",
            event = $event,
            attempt_timeout = "2s",
            max_attempts = 15,
            backoff(base = "100ms", cap = "1s"),
            $($options)*
        )]
        async fn $handler(
            cmd: $command,
            ctx: Context,
            desk: State<Desk>,
        ) -> Result<Receipt, CallError> {
            desk.call(cmd.into(), &ctx).await
        }
    };
}

kind!("CHARGE" TopologyCharge topology_charge);
kind!("PAYOUT" TopologyPayout topology_payout effect = "unsafe", in_doubt = "park");

/// Acts on each call, unless it knows the key.
pub(crate) struct Reliable {
    pub(crate) orders: Orders,
    /// A flaw: no key is recognised.
    pub(crate) ignores_keys: bool,
}

impl Manners for Reliable {
    fn repeats(&self, order_id: u64) -> Repeats {
        let keyed = !self.ignores_keys && self.orders.kind(order_id) == Kind::Keyed;
        if keyed { Repeats::Finals } else { Repeats::Acts }
    }

    fn act(&self, _order_id: u64, _nth: u32) -> Act {
        Act::Do
    }

    fn latency(&self, order_id: u64, nth: u32) -> Duration {
        Duration::from_millis(dice(&[self.orders.seed, 2, order_id, nth.into()]).u64(5..60))
    }
}
