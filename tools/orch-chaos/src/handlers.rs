//! What an application writes: commands, an error that says how each case ends, handlers. Beyond
//! that, only the points at which the plan may let this process die.

use std::sync::Arc;
use std::time::Duration;

use orch::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::fate::{Fates, Point};
use crate::hooks::{book_postgres, book_sqlite};
use crate::ledger::Answer;
use crate::order::Body;
use crate::provider::Request;
use crate::world::World;

/// What every handler below declares, for the checker.
pub(crate) const MAX_ATTEMPTS: u32 = 15;
pub(crate) const BACKOFF_BASE: Duration = Duration::from_millis(100);
pub(crate) const BACKOFF_CAP: Duration = Duration::from_secs(1);

/// What the provider gives for the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) order: u64,
    pub(crate) receipt: String,
    pub(crate) amount: u64,
}

/// How a call can go wrong, and what follows from it.
#[derive(Debug, thiserror::Error, Outcome)]
pub(crate) enum CallError {
    #[outcome(fail, code = "DECLINED")]
    #[error("declined")]
    Declined,

    #[outcome(retry)]
    #[error("the provider is busy")]
    Busy,

    #[outcome(retry)]
    #[error("could not reach the provider")]
    Unreachable(#[source] std::io::Error),

    #[outcome(in_doubt)]
    #[error("sent, but no answer: {0}")]
    NoAnswer(String),
}

/// One command per kind, since a command is bound to its handler.
macro_rules! command {
    ($($name:ident)*) => {$(
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, Command)]
        #[command(biz_key = "ORDER-{order}")]
        pub(crate) struct $name {
            pub(crate) order: u64,
            pub(crate) amount: u64,
        }

        impl From<$name> for Body {
            fn from(command: $name) -> Self {
                Self { order: command.order, amount: command.amount }
            }
        }
    )*};
}
command!(Charge Capture CaptureEmbedded Transfer Payout Notice);

#[orchestrated(
    domain = "CHAOS",
    event = "CHARGE",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s")
)]
async fn charge(cmd: Charge, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

#[orchestrated(
    domain = "CHAOS",
    event = "CAPTURE",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    finalize = book_postgres
)]
async fn capture(cmd: Capture, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

/// The same for the other backend, whose hooks take another connection.
#[orchestrated(
    domain = "CHAOS.EMBEDDED",
    event = "CAPTURE",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    finalize = book_sqlite
)]
async fn capture_embedded(
    cmd: CaptureEmbedded,
    ctx: Context,
    desk: State<Desk>,
) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

#[orchestrated(
    domain = "CHAOS",
    event = "TRANSFER",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    reconcile = what_happened,
    // Questions are lost as runs are: the default would make the seventh wait for a minute.
    reconcile_backoff(base = "100ms", cap = "1s")
)]
async fn transfer(cmd: Transfer, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

async fn what_happened(
    cmd: Transfer,
    ctx: Context,
    desk: State<Desk>,
) -> Result<Reconciled<Receipt>, CallError> {
    match desk.exchange(true, cmd.into(), &ctx).await? {
        Answer::Done { receipt, amount } => {
            Ok(Reconciled::Happened(Receipt { order: cmd.order, receipt, amount }))
        }
        Answer::NotHappened => Ok(Reconciled::NotHappened),
        _ => Ok(Reconciled::Unanswered),
    }
}

#[orchestrated(
    domain = "CHAOS",
    event = "PAYOUT",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    in_doubt = "park"
)]
async fn payout(cmd: Payout, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

#[orchestrated(
    domain = "CHAOS",
    event = "NOTICE",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    in_doubt = "fail"
)]
async fn notice(cmd: Notice, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

/// The provider, as handlers reach it; a `State`.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) worker: u32,
    pub(crate) fates: Arc<Fates>,
}

impl Desk {
    async fn call(&self, body: Body, ctx: &Context) -> Result<Receipt, CallError> {
        self.fates.pass(Point::Calling).await;
        let answer = self.exchange(false, body, ctx).await?;
        self.fates.pass(Point::Answered).await;
        match answer {
            Answer::Done { receipt, amount } => Ok(Receipt { order: body.order, receipt, amount }),
            Answer::Declined => Err(CallError::Declined),
            Answer::Busy => Err(CallError::Busy),
            other => Err(CallError::NoAnswer(format!("{other:?}"))),
        }
    }

    async fn exchange(&self, asks: bool, body: Body, ctx: &Context) -> Result<Answer, CallError> {
        let stream =
            UnixStream::connect(self.world.socket()).await.map_err(CallError::Unreachable)?;
        let request = Request {
            asks,
            key: ctx.provider_key().to_string(),
            order: body.order,
            amount: body.amount,
            attempt: ctx.attempt(),
            worker: self.worker,
        };
        let no_answer = |error: std::io::Error| CallError::NoAnswer(error.to_string());
        let line = serde_json::to_string(&request).map_err(|e| no_answer(e.into()))? + "\n";
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(line.as_bytes()).await.map_err(no_answer)?;
        if !asks {
            self.fates.pass(Point::Called).await;
        }
        let mut answer = String::new();
        stream.read_line(&mut answer).await.map_err(no_answer)?;
        if answer.is_empty() {
            return Err(CallError::NoAnswer("the provider hung up".into()));
        }
        serde_json::from_str(&answer).map_err(|e| no_answer(e.into()))
    }
}
