//! What the provider tells by itself about an operation whose process has died, and the process that records
//! it: it may die as well.

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use orch_core::handler::{HandledCommand, Reconciled};
use orch_core::runtime::{MessageAbout, Orchestrator, RecordError, Recorded, Runtime};
use orch_core::store::{ManualClock, RecordParams, RecordedAnswer, Store, StoreError};
use orch_core::words::{OpId, Reference};
use tokio::sync::watch;

use super::Database;
use crate::{Layered, StoreLayer};

/// How a message comes in, once the process of its operation is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Telling {
    /// It is recorded at once.
    AtOnce,
    /// The process that is to record it dies before it is kept; the provider sends it again after the end.
    Again,
    /// The process that records it dies once it is kept; nobody sends it again.
    Left,
    /// It names a reference, and [`Orchestrator::refer`] says after the end which operation that is.
    Unreferred,
}

impl Telling {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AtOnce, Self::Again, Self::Left, Self::Unreferred];

    /// In words, of a message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "told at once",
            Self::Again => "told again after the end",
            Self::Left => "told, and left to be applied",
            Self::Unreferred => "told of a reference",
        }
    }
}

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Makes a message of the provider's books and records it; with it comes whether it says that the call has
/// happened.
pub(super) type Record<P> = Box<
    dyn for<'a> Fn(&'a Orchestrator, MessageAbout, &'a P) -> (bool, Recording<'a>) + Send + Sync,
>;
type Recording<'a> = Pin<Box<dyn Future<Output = Result<Recorded, RecordError>> + Send + 'a>>;

pub(super) fn record<P, C: HandledCommand>(
    says: impl Fn(&P) -> Reconciled<C::Output> + Send + Sync + 'static,
) -> Record<P>
where
    C::Output: Send,
{
    Box::new(move |orchestrator, about, provider| {
        let answer = says(provider);
        let happened = matches!(answer, Reconciled::Happened(_));
        let recording = orchestrator.record_answer::<C>(about, answer, "webhook");
        (happened, Box::pin(recording))
    })
}

/// A message about this operation, as its provider stands now. True if it says that the call has happened.
///
/// # Panics
/// If it is not taken.
pub(super) async fn tell<P>(
    record: &Record<P>,
    telling: Telling,
    (database, clock): (&dyn Database, Arc<ManualClock>),
    op_id: OpId,
    provider: &P,
) -> bool {
    let (dead, mut died) = watch::channel(false);
    let store = Layered::over(database.open(clock).await, Receiver { telling, dead });
    let runtime = match Runtime::on_shared(Arc::new(store)).without_worker().start().await {
        Ok(runtime) => runtime,
        Err(error) => panic!("the receiver of the crash matrix did not start: {error}"),
    };
    let about = match telling {
        Telling::Unreferred => reference(op_id).into(),
        _ => op_id.into(),
    };
    let (happened, recording) = record(runtime.orchestrator(), about, provider);
    tokio::select! {
        recorded = recording => match recorded {
            Ok(_) => {}
            Err(error) => panic!("the message of the crash matrix was not recorded: {error}"),
        },
        _ = died.wait_for(|dead| *dead) => {}
    }
    happened
}

/// What the provider calls an operation.
pub(super) fn reference(op_id: OpId) -> Reference {
    Reference::new("crash-matrix", "", &op_id.to_string()).expect("36 characters are a reference")
}

/// The store of the process that records a message.
#[derive(Debug)]
struct Receiver {
    telling: Telling,
    dead: watch::Sender<bool>,
}

impl Receiver {
    /// Nothing passes any more.
    async fn die<T>(&self) -> T {
        self.dead.send_replace(true);
        pending().await
    }
}

#[async_trait]
impl StoreLayer for Receiver {
    async fn record(
        &self,
        next: &dyn Store,
        params: RecordParams,
    ) -> Result<RecordedAnswer, StoreError> {
        if self.telling == Telling::Again {
            return self.die().await;
        }
        let recorded = next.record(params).await;
        if self.telling == Telling::Left {
            return self.die().await;
        }
        recorded
    }
}
