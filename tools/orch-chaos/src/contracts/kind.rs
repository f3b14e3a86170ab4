/// One kind: its command, its handler, and, where it asks, its reconcile.
macro_rules! kind {
    ($name:ident: $Contract:ident, $event:literal, asks $(, $option:ident = $value:literal)*) => {
        kind!(@ $name: $Contract, $event, {
            pub(super) async fn find(
                cmd: Ordered,
                ctx: Context<$Contract>,
                desk: State<Desk>,
            ) -> Result<Reconciled<Receipt>, CallError> {
                desk.find(cmd.into(), &ctx).await
            }
        }, reconcile = find, reconcile_backoff(base = "100ms", cap = "1s")
            $(, $option = $value)*);
    };
    ($name:ident: $Contract:ident, $event:literal $(, $option:ident = $value:literal)*) => {
        kind!(@ $name: $Contract, $event, {} $(, $option = $value)*);
    };
    (@ $name:ident: $Contract:ident, $event:literal, { $($find:tt)* } $($options:tt)*) => {
        pub(crate) mod $name {
            use orch::prelude::*;
            use orch_lab::ledger::{Body, Receipt};

            use super::$Contract;
            use crate::handlers::{CallError, Desk};

            #[derive(Debug, Clone, Copy, Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            pub(crate) struct Ordered {
                order_id: u64,
                amount: u64,
            }

            impl From<Ordered> for Body {
                fn from(Ordered { order_id, amount }: Ordered) -> Self {
                    Self { order_id, amount }
                }
            }

            #[orchestrated(
                domain = "CHAOS",
                event = $event,
                provider = $Contract,
                attempt_timeout = "1500ms",
                max_attempts = 8,
                backoff(base = "100ms", cap = "1s")
                $($options)*
            )]
            async fn handle(
                cmd: Ordered,
                ctx: Context<$Contract>,
                desk: State<Desk>,
            ) -> Result<Receipt, CallError> {
                desk.order(cmd.into(), &ctx).await
            }

            $($find)*
        }
    };
}

pub(super) use kind;
