//! The handler of every life: it calls the provider of its process.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::emitted::bound;
use orch_core::handler::{
    Context, Descriptor, FromCall, HandledCommand, HandlerError, KeyFromCaller, Reconciled,
    Registration, State, TypedCommand,
};
use orch_core::policies::Backoff;
use orch_core::policies::Ending;
use orch_testkit::{FaultStore, Reply, ScriptedProvider};
use serde::{Deserialize, Serialize};

use crate::common::Backend;
use crate::databases::Database;
use crate::life::Life;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    pub amount: u64,
}

impl TypedCommand for Charge {
    const IDEM_IGNORE: &'static [&'static str] = &[];
    type Key = KeyFromCaller;

    fn biz_key(&self) -> String {
        "ORDER-1".to_owned()
    }

    fn idem_key(&self) -> Option<String> {
        None
    }
}

impl HandledCommand for Charge {
    const DOMAIN: &'static str = "PAYMENT";
    const EVENT: &'static str = "CHARGE";
    type Output = u64;
}

/// The way from one process to the provider. A dead process calls nobody.
#[derive(Clone)]
pub struct Gateway {
    pub provider: Arc<ScriptedProvider>,
    pub process: Arc<FaultStore>,
    /// How long the handler takes before it calls.
    pub slowness: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct ChargeError {
    text: &'static str,
    ending: Ending,
}

impl HandlerError for ChargeError {
    fn ending(&self) -> Ending {
        self.ending.clone()
    }
}

async fn charge(_: Charge, ctx: Context, gateway: State<Gateway>) -> Result<u64, ChargeError> {
    if !gateway.slowness.is_zero() {
        tokio::time::sleep(gateway.slowness).await;
    }
    let error = |text, ending| Err(ChargeError { text, ending });
    if gateway.process.is_dead() {
        return error("this process is dead", Ending::InDoubt);
    }
    match gateway.provider.call(ctx.provider_key().as_str(), b"charge").await {
        Reply::Charged { receipt } => Ok(receipt),
        Reply::Declined => error("declined", Ending::fail("DECLINED", false)),
        Reply::Unavailable => error("503", Ending::Retry { after: None }),
        Reply::RateLimited { after } => error("429", Ending::Retry { after: Some(after) }),
        Reply::Refused => error("401", Ending::fail("REFUSED", false)),
        Reply::KeyReused => error("another body", Ending::fail("KEY_REUSED", false)),
        other => panic!("no script here has {other:?}"),
    }
}

async fn ask(_: Charge, ctx: Context, gateway: State<Gateway>) -> Reconciled<u64> {
    match gateway.provider.happened(ctx.provider_key().as_str()) {
        _ if gateway.process.is_dead() => Reconciled::Unanswered,
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt),
        _ => Reconciled::NotHappened,
    }
}

/// The handler as this life declares it. It gives up on nothing: on a busy machine leases run out
/// that nobody meant to let run out.
pub fn handler(life: &Life, backend: Backend) -> Registration {
    Registration {
        descriptor: Descriptor {
            name: "anomalies::charge",
            file: file!(),
            line: line!(),
            domain: Charge::DOMAIN,
            event_type: Charge::EVENT,
            attempt_timeout: Duration::from_millis(500),
            max_attempts: 1000,
            max_reconciles: 1000,
            backoff: Backoff::from_millis(10, 50),
            reconcile_backoff: Backoff::from_millis(10, 50),
            in_doubt: life.in_doubt,
            ..Descriptor::DEFAULTS
        },
        attempt: |call| {
            let charged = charge(
                bound::<Charge>().command(call)?,
                Context::from_call(call)?,
                State::from_call(call)?,
            );
            bound::<Charge>().attempt(charged)
        },
        reconcile: life.reconciles().then_some(|call| bound::<Charge>().reconcile(ask).start(call)),
        finalize: life.hooked.then_some(Database::hook(backend)),
        needs: || State::<Gateway>::need().into_iter().collect(),
        checks: None,
    }
}
