//! Every effect with every end of doubt that is legal, and every contract that orch has.
#![forbid(unsafe_code)]

use std::convert::Infallible;

use orch::prelude::*;
use orch::{AnyProvider, CheckoutCom, Provider, Qonto, Square, Stripe, Unkeyed};

macro_rules! handlers {
    ($($name:ident($command:ident, $provider:ty, $event:literal): { $($option:tt)+ })*) => {
        $(
            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "{id}")]
            struct $command {
                id: u32,
            }

            #[orchestrated(domain = "EFFECTS", event = $event, provider = $provider, $($option)+)]
            async fn $name(cmd: $command, ctx: Context<$provider>) -> Result<u32, Infallible> {
                let _: &ProviderKey<$provider> = ctx.provider_key();
                Ok(cmd.id)
            }
        )*
    };
}

async fn ask<C, P: Provider>(_cmd: C, _ctx: Context<P>) -> Reconciled<u32> {
    Reconciled::Unanswered
}

handlers! {
    read_retry(ReadRetry, Stripe, "A1"): { effect = "read", in_doubt = "retry" }
    read_park(ReadPark, Square, "A2"): { effect = "read", in_doubt = "park" }
    read_fail(ReadFail, Unkeyed, "A3"): { effect = "read", in_doubt = "fail" }
    read_ask(ReadAsk, Unkeyed, "A4"): { effect = "read", reconcile = ask::<_, Unkeyed> }
    idempotent_retry(IdempotentRetry, Unkeyed, "B1"): { effect = "idempotent", in_doubt = "retry" }
    idempotent_park(IdempotentPark, Unkeyed, "B2"): { effect = "idempotent", in_doubt = "park" }
    idempotent_fail(IdempotentFail, Square, "B3"): { effect = "idempotent", in_doubt = "fail" }
    idempotent_ask(IdempotentAsk, Qonto, "B4"): { effect = "idempotent", reconcile = ask::<_, Qonto> }
    keyed_retry(KeyedRetry, Stripe, "C1"): { effect = "keyed", in_doubt = "retry" }
    keyed_park(KeyedPark, Square, "C2"): { effect = "keyed", in_doubt = "park" }
    keyed_fail(KeyedFail, Square, "C3"): { effect = "keyed", in_doubt = "fail" }
    keyed_ask(KeyedAsk, Square, "C4"): { effect = "keyed", reconcile = ask::<_, Square> }
    unsafe_park(UnsafePark, Unkeyed, "D2"): { effect = "unsafe", in_doubt = "park" }
    unsafe_fail(UnsafeFail, Stripe, "D3"): { effect = "unsafe", in_doubt = "fail" }
    unsafe_ask(UnsafeAsk, Unkeyed, "D4"): { effect = "unsafe", reconcile = ask::<_, Unkeyed>, max_reconciles = 3 }
    stripe(ToStripe, Stripe, "E1"): { attempt_timeout = "5m" }
    checkout(ToCheckout, CheckoutCom, "E2"): { attempt_timeout = "5m" }
    qonto(ToQonto, Qonto, "E3"): { attempt_timeout = "5m" }
    any(ToAny, AnyProvider, "E4"): { attempt_timeout = "5m" }
    square(ToSquare, Square, "E5"): { time_budget = "90d" }
}

/// Named by no provider, and without its key.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Plain {
    id: u32,
}

#[orchestrated(domain = "EFFECTS", event = "PLAIN", effect = "idempotent")]
async fn plain(cmd: Plain) -> Result<u32, Infallible> {
    Ok(cmd.id)
}

fn main() {}
