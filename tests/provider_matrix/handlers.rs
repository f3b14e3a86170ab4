//! The handlers of one contract: what a user writes who names it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, LocalBoxFuture};
use orch::http::HttpOutcome;
use orch::{
    Context, KeyLifetime, KeyPlace, OpId, Orchestrator, Provider, Reconciled, Repeat, Word,
};
use orch_testkit::{ProbeReport, Reply, ScriptedProvider};

use crate::faults::Fault;

/// A contract of the matrix.
#[derive(Clone, Copy)]
pub struct Row {
    pub type_name: &'static str,
    pub name: &'static str,
    pub repeat: Repeat,
    pub lifetime: KeyLifetime,
    pub words: &'static [Word],
    pub provider: fn() -> ScriptedProvider,
    pub probe: fn() -> LocalBoxFuture<'static, ProbeReport>,
    /// The handler that leaves doubt to the contract, and the one with a reconcile.
    pub handlers: [Handler; 2],
}

#[derive(Clone, Copy)]
pub struct Handler {
    pub event: &'static str,
    pub accept: Accept,
}

pub type Accept = for<'a> fn(&'a Orchestrator, u64, Duration) -> BoxFuture<'a, OpId>;

/// The providers of all cells; each operation calls its own.
#[derive(Clone, Default)]
pub struct Providers(Arc<Mutex<HashMap<u64, Called>>>);

/// Whom an operation calls, and what goes wrong there.
type Called = (Arc<ScriptedProvider>, Fault);

impl Providers {
    pub fn add(&self, cell: u64, provider: Arc<ScriptedProvider>, fault: Fault) {
        self.0.lock().unwrap().insert(cell, (provider, fault));
    }

    fn of(&self, cell: u64) -> Called {
        self.0.lock().unwrap()[&cell].clone()
    }

    pub async fn charge<P: Provider>(
        &self,
        cell: u64,
        ctx: &Context<P>,
    ) -> Result<String, HttpOutcome> {
        let (provider, fault) = self.of(cell);
        let body = match fault {
            // What a body with the time of day in it does.
            Fault::OtherBody => format!("{cell}, attempt {}", ctx.attempt()),
            _ => cell.to_string(),
        };
        let answer = provider.answer(&reference(cell, ctx), body.as_bytes()).await;
        answer.check::<P>()?;
        Ok(answer.receipt.unwrap_or_default())
    }

    pub fn find<P: Provider>(&self, cell: u64, ctx: &Context<P>) -> Reconciled<String> {
        match self.of(cell).0.happened(&reference(cell, ctx)) {
            Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt.to_string()),
            Some(_) => Reconciled::Unanswered,
            None => Reconciled::NotHappened,
        }
    }
}

fn reference<P: Provider>(cell: u64, ctx: &Context<P>) -> String {
    match P::KEY_PLACE {
        KeyPlace::Command => format!("REFERENCE-{cell}"),
        _ => ctx.provider_key().to_string(),
    }
}

/// A list of contracts, and for each a module with its two handlers. Options that stand behind it are
/// those of both; behind `=>`, of the one without a reconcile.
macro_rules! rows {
    ($($module:ident: $Provider:ident, $event:literal, $asked:literal
        $(, $option:ident = $value:literal)* $(=> $plain:ident = $said:literal)?;)*) => {
        $(mod $module {
            use orch::http::HttpOutcome;
            use orch::prelude::*;

            use super::$Provider;
            use crate::handlers::{Handler, Providers, Row};

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "CELL-{cell}")]
            struct Charge {
                #[command(idem_key)]
                cell: u64,
            }

            #[orchestrated(
                domain = "MATRIX",
                event = $event,
                provider = $Provider,
                attempt_timeout = "150ms",
                backoff(base = "1ms", cap = "1ms")
                $(, $option = $value)*
                $(, $plain = $said)?
            )]
            async fn charge(
                cmd: Charge,
                ctx: Context<$Provider>,
                providers: State<Providers>,
            ) -> Result<String, HttpOutcome> {
                providers.charge(cmd.cell, &ctx).await
            }

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "CELL-{cell}")]
            struct Asked {
                #[command(idem_key)]
                cell: u64,
            }

            #[orchestrated(
                domain = "MATRIX",
                event = $asked,
                provider = $Provider,
                attempt_timeout = "150ms",
                backoff(base = "1ms", cap = "1ms"),
                reconcile = find,
                reconcile_backoff(base = "1ms", cap = "1ms")
                $(, $option = $value)*
            )]
            async fn asked(
                cmd: Asked,
                ctx: Context<$Provider>,
                providers: State<Providers>,
            ) -> Result<String, HttpOutcome> {
                providers.charge(cmd.cell, &ctx).await
            }

            async fn find(
                cmd: Asked,
                ctx: Context<$Provider>,
                providers: State<Providers>,
            ) -> Reconciled<String> {
                providers.find(cmd.cell, &ctx)
            }

            pub(super) const ROW: Row = Row {
                type_name: stringify!($Provider),
                name: <$Provider as orch::Provider>::NAME,
                repeat: <$Provider as orch::Provider>::REPEAT,
                lifetime: <$Provider as orch::Provider>::KEY_LIFETIME,
                words: <$Provider as orch::Provider>::WORDS,
                provider: orch_testkit::ScriptedProvider::of::<$Provider>,
                probe: || Box::pin(crate::probe::probed::<$Provider>()),
                handlers: [
                    Handler {
                        event: $event,
                        accept: |desk, cell, budget| Box::pin(async move {
                            let accept = desk.accept(Charge { cell }).time_budget(budget);
                            accept.await.unwrap().op_id
                        }),
                    },
                    Handler {
                        event: $asked,
                        accept: |desk, cell, budget| Box::pin(async move {
                            let accept = desk.accept(Asked { cell }).time_budget(budget);
                            accept.await.unwrap().op_id
                        }),
                    },
                ],
            };
        })*

        pub const ROWS: &[Row] = &[$($module::ROW),*];
    };
}

pub(crate) use rows;
