//! What an application writes: commands, an error that says how each case ends, handlers. Beyond
//! that, only the points at which the plan may let this process die.

use std::sync::Arc;
use std::time::Duration;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::{OpId, Orchestrator, Provider, RecordError, Reference};
use orch_lab::ledger::{Answer, Body, Receipt, Request};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::fate::{Fates, Point};
use crate::hooks::{book_postgres, book_sqlite};
use crate::message::{self, About};
use crate::order::{Order, Product};
use crate::provider::Sent;
use crate::world::World;

/// What every handler below declares, for the checker.
pub(crate) const MAX_ATTEMPTS: u32 = 15;
pub(crate) const BACKOFF_BASE: Duration = Duration::from_millis(100);
pub(crate) const BACKOFF_CAP: Duration = Duration::from_secs(1);

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

    /// As the contract of the provider has it.
    #[outcome(from = HttpOutcome::ending)]
    #[error(transparent)]
    Answered(#[from] HttpOutcome),
}

/// One command and handler per kind, since a command is bound to its handler.
macro_rules! kind {
    ($domain:literal $event:literal $command:ident $handler:ident $($options:tt)*) => {
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
            domain = $domain,
            event = $event,
            attempt_timeout = "1500ms",
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

kind!("CHAOS" "CHARGE" Charge charge);
kind!("CHAOS" "CAPTURE" Capture capture finalize = book_postgres);
// The same for the other backend, whose hooks take another connection.
kind!("CHAOS.EMBEDDED" "CAPTURE" CaptureEmbedded capture_embedded finalize = book_sqlite);
// Reconciles are lost as attempts are: the default would let the seventh wait for a minute.
kind!("CHAOS" "TRANSFER" Transfer transfer
    reconcile = what_happened, reconcile_backoff(base = "100ms", cap = "1s"));
kind!("CHAOS" "PAYOUT" Payout payout in_doubt = "park");
kind!("CHAOS" "NOTICE" Notice notice in_doubt = "fail");

/// The only one for its seat.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Command)]
#[command(biz_key = "SEAT-{seat}", unique = "biz_key")]
pub(crate) struct Reserve {
    order_id: u64,
    amount: u64,
    seat: u64,
}

impl Reserve {
    pub(crate) fn of(order: Order) -> Self {
        let Body { order_id, amount } = order.body();
        Self { order_id, amount, seat: order.seat() }
    }
}

impl From<Reserve> for Body {
    fn from(Reserve { order_id, amount, .. }: Reserve) -> Self {
        Self { order_id, amount }
    }
}

#[orchestrated(
    domain = "CHAOS",
    event = "SEAT",
    attempt_timeout = "1500ms",
    max_attempts = 15,
    backoff(base = "100ms", cap = "1s"),
    reconcile = is_reserved,
    reconcile_backoff(base = "100ms", cap = "1s")
)]
async fn reserve(cmd: Reserve, ctx: Context, desk: State<Desk>) -> Result<Receipt, CallError> {
    desk.call(cmd.into(), &ctx).await
}

async fn is_reserved(
    cmd: Reserve,
    ctx: Context,
    desk: State<Desk>,
) -> Result<Reconciled<Receipt>, CallError> {
    Ok(reconciled(desk.ask(cmd.into(), &ctx).await?))
}

async fn what_happened(
    cmd: Transfer,
    ctx: Context,
    desk: State<Desk>,
) -> Result<Reconciled<Receipt>, CallError> {
    Ok(reconciled(desk.ask(cmd.into(), &ctx).await?))
}

/// What the provider has said of an operation.
pub(crate) fn reconciled(answer: Answer) -> Reconciled<Receipt> {
    match answer {
        Answer::Done(receipt) => Reconciled::Happened(receipt),
        Answer::NotHappened => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    }
}

/// Who calls the provider, and with what key.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) key: String,
    pub(crate) attempt: u32,
    /// The operation, of a kind whose orders are redriven.
    pub(crate) op_id: Option<String>,
    /// The operation, which the provider names in its messages.
    pub(crate) metadata: OpId,
}

impl Caller {
    /// The attempt that this context is of.
    pub(crate) fn by<P: Provider>(ctx: &Context<P>) -> Self {
        let redriven = ctx.kind().event_type.as_str() == Product::Seat.event();
        let op_id = redriven.then(|| ctx.op_id().to_string());
        let key = ctx.provider_key().as_str().to_owned();
        Self { key, attempt: ctx.attempt(), op_id, metadata: ctx.op_id() }
    }
}

/// The provider, as handlers reach it; a `State`.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) worker: u32,
    pub(crate) fates: Arc<Fates>,
    /// Tells references; `None` where no messages come.
    pub(crate) orchestrator: Option<Orchestrator>,
}

impl Desk {
    pub(crate) async fn call(&self, body: Body, ctx: &Context) -> Result<Receipt, CallError> {
        let answer = self.told(body, Caller::by(ctx)).await?;
        match answer {
            Answer::Done(receipt) => Ok(receipt),
            Answer::Declined => Err(CallError::Declined),
            Answer::Busy | Answer::Refused => Err(CallError::Busy),
            other => Err(CallError::NoAnswer(format!("{other:?}"))),
        }
    }

    /// What became of the calls of this operation.
    pub(crate) async fn ask(&self, body: Body, ctx: &Context) -> Result<Answer, CallError> {
        self.exchange(true, body, Caller::by(ctx)).await
    }

    /// A call, with the references that messages about it may have: the caller's own is told before it, the
    /// provider's when it is there.
    pub(crate) async fn told(&self, body: Body, caller: Caller) -> Result<Answer, CallError> {
        let about = self.world.orders.about(self.world.orders.of(body.order_id));
        let op_id = caller.metadata;
        if about == Some(About::Ours) {
            let told = self.refer(message::ours(body.order_id), op_id).await;
            told.map_err(|error| CallError::Unreachable(std::io::Error::other(error)))?;
        }
        self.fates.pass(Point::Calling).await;
        let answer = self.exchange(false, body, caller).await?;
        self.fates.pass(Point::Answered).await;
        if let (Some(About::Theirs), Answer::Done(receipt)) = (about, &answer) {
            // A message with a reference that nobody could tell stays in the list of those that wait.
            let _ = self.refer(message::theirs(receipt), op_id).await;
        }
        Ok(answer)
    }

    async fn refer(
        &self,
        of: Result<Reference, orch::Invalid>,
        op_id: OpId,
    ) -> Result<(), RecordError> {
        match &self.orchestrator {
            Some(orchestrator) => orchestrator.refer(of?, op_id).await,
            None => Ok(()),
        }
    }

    /// One question, one answer.
    pub(crate) async fn exchange(
        &self,
        asks: bool,
        body: Body,
        caller: Caller,
    ) -> Result<Answer, CallError> {
        let stream =
            UnixStream::connect(self.world.socket()).await.map_err(CallError::Unreachable)?;
        let Caller { key, attempt, op_id, metadata } = caller;
        let request = Request { key, body, attempt, worker: self.worker };
        let sent = Sent { asks, op_id, metadata: Some(metadata.to_string()), request };
        let no_answer = |error: std::io::Error| CallError::NoAnswer(error.to_string());
        let line = serde_json::to_string(&sent).map_err(|e| no_answer(e.into()))? + "\n";
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
