//! What a provider tells later, in a message of its own.

use super::Orchestrator;
use crate::flow::announce_told;
use crate::handler::{HandledCommand, ReconcileAnswer, Reconciled, Storable};
use crate::store::{
    AnswerParams, Finalized, RecordParams, RecordedAnswer, StoreError, Swept, Unmatched,
    UnmatchedParams, refuse_inside_hook,
};
use crate::words::{AttemptEnd, Invalid, Kind, OpId, Reference, storable};

/// Answers applied at once; more about one reference there cannot be.
const LIMIT: usize = crate::store::MAX_ANSWERS;
/// Answers on a page.
const PAGE: usize = 100;

/// What a provider's message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageAbout {
    /// This operation: the message carries what you gave the provider for it, such as the operation's id.
    Operation(OpId),
    /// The operation that [`Orchestrator::refer`] names for this reference, now or later.
    Reference(Reference),
}

impl From<OpId> for MessageAbout {
    fn from(op_id: OpId) -> Self {
        Self::Operation(op_id)
    }
}

impl From<Reference> for MessageAbout {
    fn from(reference: Reference) -> Self {
        Self::Reference(reference)
    }
}

/// What became of a provider's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recorded {
    /// The operation follows it. With a finalize hook it ends once that has run.
    Applied,
    /// The operation had ended: the history has it as a late answer, which corroborates the outcome or
    /// diverges from it.
    Late,
    /// It waits for its operation or for the end of an attempt, or moves nothing by itself: it is shown to
    /// operators, the provider is asked, or it says nothing new.
    Kept,
    /// The same message has been recorded before, and it says that the call has happened, or still waits.
    Known,
}

/// Why a provider's message was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// [`Reconciled::Unanswered`] and [`Reconciled::Submitted`] are no messages: nothing has become of it yet.
    #[error("a message that says nothing is not recorded; leave it out, and wait for the next")]
    SaysNothing,
    /// This owner has no such operation.
    #[error("there is no operation {op_id}")]
    NotFound {
        /// The id asked for.
        op_id: OpId,
    },
    /// The operation is of another kind than the command that the message is recorded for.
    #[error("operation {op_id} is a {found}, and the message is recorded for a {expected}")]
    OtherKind {
        /// The operation.
        op_id: OpId,
        /// Its kind.
        found: Box<Kind>,
        /// The kind of the command.
        expected: Box<Kind>,
    },
    /// Too many messages wait for their operations, or there are too many about this reference.
    #[error(
        "there is no room for a message about {about}: too many wait for an operation, or too many \
         different ones are about this one; `Orchestrator::unmatched` lists those that wait"
    )]
    Full {
        /// What it is about.
        about: Box<Reference>,
    },
    /// `source` is not valid text, or the output cannot be kept.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Orchestrator {
    /// Records what a provider says in a message of its own, such as a webhook or a line of a settlement
    /// file, about an operation of the command `C`. Call it only with what is proved to be the provider's:
    /// check the signature first. `source` names the message in the history, such as `webhook evt_1`.
    ///
    /// It is kept before this returns, and applied at once if its operation is known. What it
    /// does:
    ///
    /// | it says | the operation |
    /// |---|---|
    /// | [`Happened`](Reconciled::Happened) | is COMPLETED, also from a worker that is at work on it or from an operator; where an end waits for its hook, the message waits too |
    /// | [`Refused`](Reconciled::Refused), [`NotHappened`](Reconciled::NotHappened) | if it is in doubt and the handler has a `reconcile`, the provider is asked at once |
    /// | [`Refused`](Reconciled::Refused), without doubt, or in doubt or submitted without a `reconcile` | is FAILED: for certain if it was called once at most, and the message was recorded after that call had ended, with its operation known; else uncertain |
    /// | [`NotHappened`](Reconciled::NotHappened), likewise | stays as it is; the history shows the message |
    /// | the same, while it is parked or a worker is at work on it | stays as it is; the history shows the message to operators |
    ///
    /// That something *has* happened stays true. That it has not was true when the message was written, and a
    /// call may have acted since.
    ///
    /// After the end it changes nothing, and the history has it as a late answer. A message that comes
    /// before its operation is known is kept for 30 days, and [`Orchestrator::unmatched`] lists it.
    /// [`Happened`](Reconciled::Happened) again changes nothing. The other two, said again after they were
    /// applied, are taken as said about the latest call: keep the ids of deliveries, and record each once.
    ///
    /// ```
    /// # use orch_core::handler::{HandledCommand, Reconciled};
    /// # use orch_core::{runtime::Orchestrator, words as orch};
    /// use orch::Reference;
    ///
    /// # async fn hook<Charge: HandledCommand<Output = String>>(orchestrator: &Orchestrator)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// // `{"id": "evt_1", "type": "paid", "payment": "pay_42"}`, and its signature is the provider's.
    /// let about = Reference::new("Acme", "acct_1", "pay_42")?;
    /// let paid = Reconciled::Happened("pay_42".to_owned());
    /// orchestrator.record_answer::<Charge>(about, paid, "webhook evt_1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RecordError`]. After [`RecordError::Store`] answer the provider with an error, so that it sends
    /// the message again.
    pub async fn record_answer<C: HandledCommand>(
        &self,
        about: impl Into<MessageAbout>,
        answer: Reconciled<C::Output>,
        source: &str,
    ) -> Result<Recorded, RecordError>
    where
        C::Output: Storable + Send + 'static,
    {
        refuse_inside_hook()?;
        if source.trim().is_empty() {
            return Err(Invalid::Blank { field: "source" }.into());
        }
        let end = match answer.into_end().end {
            AttemptEnd::InDoubt { .. } | AttemptEnd::Submitted { .. } => {
                return Err(RecordError::SaysNothing);
            }
            AttemptEnd::Unreadable { reason, .. } => {
                return Err(Invalid::NotReadBack { reason }.into());
            }
            end => end,
        };
        let kind = Kind::new(C::DOMAIN, C::EVENT)?;
        let of = self.reference(about.into(), &kind).await?;
        let source = storable(source);
        let params = RecordParams { of: of.clone(), kind, end, source };
        match self.store().record(params).await? {
            RecordedAnswer::Full => return Err(RecordError::Full { about: Box::new(of) }),
            // The one that recorded it may have died before it could apply it.
            RecordedAnswer::Known => {
                self.apply(of).await?;
                return Ok(Recorded::Known);
            }
            RecordedAnswer::Kept => {}
        }
        let applied = self.apply(of).await?;
        Ok(match applied.last() {
            Some(Swept { to: Some(Finalized::AlreadyFinal(_)), .. }) => Recorded::Late,
            Some(Swept { to: Some(Finalized::Refused { .. } | Finalized::Stale), .. }) => {
                Recorded::Kept
            }
            Some(_) => Recorded::Applied,
            None => Recorded::Kept,
        })
    }

    /// Says that this reference is about this operation, so that messages which carry it find it: those that
    /// come later, and those that wait already. Another operation's reference is taken over: the latest call
    /// that carried it is the one that a message is about.
    ///
    /// # Errors
    /// [`RecordError::NotFound`]; the store's.
    pub async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), RecordError> {
        refuse_inside_hook()?;
        let Some(operation) = self.get(op_id).await? else {
            return Err(RecordError::NotFound { op_id });
        };
        let of = of.of_kind(&operation.identity.kind());
        self.store().refer(of.clone(), op_id).await?;
        self.apply(of).await?;
        Ok(())
    }

    /// A page of the messages that wait for an operation, in the order in which they came: of every owner,
    /// up to 100. The next page is the one behind the last [`Unmatched::number`]; `None` begins. What waits
    /// for long was meant for another system, or names a reference that no handler has told.
    ///
    /// # Errors
    /// The store's.
    pub async fn unmatched(&self, after: Option<u64>) -> Result<Vec<Unmatched>, StoreError> {
        self.store().unmatched(UnmatchedParams { after, limit: PAGE }).await
    }

    async fn reference(&self, about: MessageAbout, kind: &Kind) -> Result<Reference, RecordError> {
        let op_id = match about {
            MessageAbout::Reference(reference) => return Ok(reference.of_kind(kind)),
            MessageAbout::Operation(op_id) => op_id,
        };
        let found = match self.get(op_id).await? {
            Some(operation) => operation.identity.kind(),
            None => return Err(RecordError::NotFound { op_id }),
        };
        if found != *kind {
            let (found, expected) = (Box::new(found), Box::new(kind.clone()));
            return Err(RecordError::OtherKind { op_id, found, expected });
        }
        let of = Reference::of_operation(op_id);
        self.store().refer(of.clone(), op_id).await?;
        Ok(of)
    }

    async fn apply(&self, of: Reference) -> Result<Vec<Swept>, StoreError> {
        let hooked_kinds = self.kinds().hooked().to_vec();
        let params = AnswerParams { of: Some(of), hooked_kinds, limit: LIMIT };
        let swept = self.store().answer(params).await?;
        let count = |kind: &Kind, to: &Finalized| {
            self.acceptor().meters().of(&kind.domain, &kind.event_type).moved(to);
        };
        announce_told(self.store(), self.watch(), &swept, count).await;
        Ok(swept)
    }
}
