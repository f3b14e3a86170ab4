/// One kind as one release has it: the command that a client sends, bound to the domain that both
/// releases share, and the same command with its handler, under the release's own domain. Where nothing
/// is said `by`, its identity is that of all kinds.
macro_rules! kind {
    (
        $name:ident $domain:literal $event:literal -> $output:ty,
        { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }
        by($($identity:tt)*)
        $($options:tt)*
    ) => {
        pub(super) mod $name {
            use orch::prelude::*;

            use crate::handlers::{CallError, Desk};
            #[allow(unused_imports, reason = "not every kind has a hook or asks")]
            use super::*;

            /// As a client sends it.
            #[allow(dead_code, reason = "clients send the same to either database")]
            #[derive(Debug, Clone, Serialize, Deserialize, Command)]
            #[command($($identity)*, domain = "CHAOS", event = $event, output = $output)]
            pub(in crate::release) struct Request {
                pub(in crate::release) order_id: u64,
                pub(in crate::release) amount: u64,
                $($(#[$attribute])* pub(in crate::release) $field: $type,)*
            }

            /// As a worker reads it.
            #[derive(Debug, Clone, Serialize, Deserialize, Command)]
            #[command($($identity)*)]
            pub(in crate::release) struct Ordered {
                order_id: u64,
                amount: u64,
                $($(#[$attribute])* $field: $type,)*
            }

            impl From<Ordered> for orch_lab::ledger::Body {
                fn from(Ordered { order_id, amount, .. }: Ordered) -> Self {
                    Self { order_id, amount }
                }
            }

            #[orchestrated(
                domain = $domain,
                event = $event,
                attempt_timeout = "1500ms",
                backoff(base = "100ms", cap = "1s"),
                $($options)*
            )]
            pub(in crate::release) async fn handle(
                cmd: Ordered,
                ctx: Context,
                desk: State<Desk>,
            ) -> Result<$output, CallError> {
                desk.call(cmd.into(), &ctx).await.map(<$output>::from)
            }
        }
    };
    (
        $name:ident $domain:literal $event:literal -> $output:ty,
        { $($fields:tt)* }
        $($options:tt)*
    ) => {
        kind!(
            $name $domain $event -> $output, { $($fields)* }
            by(biz_key = "ORDER-{order_id}") $($options)*
        );
    };
}

pub(super) use kind;
