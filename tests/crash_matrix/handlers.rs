//! A handler for every legal pair of effect and `in_doubt`: plain, and with a finalize hook of
//! each store. The 16th pair, unsafe and retry, does not compile: see
//! tests/ui/cases/effect/unsafe_with_retry.rs.

use futures_util::future::BoxFuture;
use orch_testkit::Report;

use crate::databases::Shared;

/// Runs the crash matrix of a handler on a database.
pub type Run = fn(Shared) -> BoxFuture<'static, Report>;

/// One pair.
pub struct Pair {
    /// Without a hook.
    pub plain: Run,
    /// With the hook of the database's store.
    pub hooked: Run,
}

macro_rules! handler {
    ($domain:literal $event:literal $effect:ident [$($option:tt)*] $($connection:ty)?) => {
        use std::convert::Infallible;
        use std::sync::Arc;

        use orch::internals::policies::Effect;
        use orch::prelude::*;
        use orch_testkit::{Report, crash_matrix};

        use crate::api::Api;
        use crate::databases::Shared;

        #[derive(Serialize, Deserialize, Command)]
        #[command(biz_key = "ORDER-{order_id}")]
        pub struct Act {
            order_id: u64,
        }

        #[orchestrated(domain = $domain, event = $event, $($option)*)]
        async fn act(_: Act, ctx: Context, api: State<Arc<Api>>) -> Result<u64, Infallible> {
            Ok(api.call(ctx.provider_key().as_str()).await)
        }

        #[allow(dead_code, reason = "not every handler asks")]
        async fn ask(_: Act, api: State<Arc<Api>>) -> Reconciled<u64> {
            api.happened().map_or(Reconciled::NotHappened, Reconciled::Happened)
        }

        $(
            async fn book(_: &mut $connection, _: &FinalOutcome<u64>) -> Result<(), Infallible> {
                Ok(())
            }
        )?

        pub async fn run(shared: Shared) -> Report {
            crash_matrix(act, Act { order_id: 1 })
                .against(|| Api::new(Effect::$effect))
                .state(Arc::clone)
                .on(move || shared.of_a_cell())
                .run()
                .await
        }
    };
}

macro_rules! pairs {
    ($($name:ident $effect:ident $domain:literal [$($option:tt)*])*) => {
        $(
            mod $name {
                pub mod plain {
                    handler!($domain "PLAIN" $effect [$($option)*]);
                }
                pub mod memory {
                    handler!($domain "MEMORY" $effect [$($option)*, finalize = book]
                        orch::memory::MemoryConnection);
                }
                pub mod sqlite {
                    handler!($domain "SQLITE" $effect [$($option)*, finalize = book]
                        sqlx::SqliteConnection);
                }
                pub mod postgres {
                    handler!($domain "POSTGRES" $effect [$($option)*, finalize = book]
                        sqlx::PgConnection);
                }
            }
        )*

        /// Every legal pair.
        pub const PAIRS: &[Pair] = &[$(Pair {
            plain: |shared| Box::pin($name::plain::run(shared)),
            hooked: |shared| match shared {
                Shared::Memory => Box::pin($name::memory::run(shared)),
                Shared::Sqlite(_) => Box::pin($name::sqlite::run(shared)),
                Shared::Postgres(_) => Box::pin($name::postgres::run(shared)),
            },
        }),*];
    };
}

pairs! {
    read_retry Read "READ.RETRY" [effect = "read", in_doubt = "retry"]
    read_reconcile Read "READ.RECONCILE" [effect = "read", reconcile = ask]
    read_park Read "READ.PARK" [effect = "read", in_doubt = "park"]
    read_fail Read "READ.FAIL" [effect = "read", in_doubt = "fail"]
    idempotent_retry Idempotent "IDEMPOTENT.RETRY" [effect = "idempotent", in_doubt = "retry"]
    idempotent_reconcile Idempotent "IDEMPOTENT.RECONCILE" [effect = "idempotent", reconcile = ask]
    idempotent_park Idempotent "IDEMPOTENT.PARK" [effect = "idempotent", in_doubt = "park"]
    idempotent_fail Idempotent "IDEMPOTENT.FAIL" [effect = "idempotent", in_doubt = "fail"]
    keyed_retry Keyed "KEYED.RETRY" [effect = "keyed", in_doubt = "retry"]
    keyed_reconcile Keyed "KEYED.RECONCILE" [effect = "keyed", reconcile = ask]
    keyed_park Keyed "KEYED.PARK" [effect = "keyed", in_doubt = "park"]
    keyed_fail Keyed "KEYED.FAIL" [effect = "keyed", in_doubt = "fail"]
    unsafe_reconcile Unsafe "UNSAFE.RECONCILE" [effect = "unsafe", reconcile = ask]
    unsafe_park Unsafe "UNSAFE.PARK" [effect = "unsafe", in_doubt = "park"]
    unsafe_fail Unsafe "UNSAFE.FAIL" [effect = "unsafe", in_doubt = "fail"]
}
