use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Orchestrator;
use crate::flow::{AcceptError, Disposition, count, disposition, next_form};
use crate::handler::{HandledCommand, KeyFromCaller, KeyGiven, KeyInCommand};
use crate::store::{AcceptIn, Acceptance, Admitted};
use crate::words::{
    BizKey, Command, Fingerprint, IdemKey, Invalid, KeySeed, Kind, OpId, OtherForm,
};

/// A command about to be accepted. `.await` it, or accept it inside your own transaction with
/// [`Accept::within`]. Without an idempotency key neither compiles.
#[must_use = "nothing is accepted until this is awaited"]
pub struct Accept<C, K> {
    orchestrator: Orchestrator,
    command: C,
    idem_key: Option<IdemKey>,
    time_budget: Duration,
    /// There once it was polled.
    accepting: Option<BoxFuture<'static, Result<Accepted<C>, AcceptError>>>,
    key: PhantomData<K>,
}

/// An accepted command: durable, and sure to reach exactly one terminal outcome.
pub struct Accepted<C> {
    /// The operation.
    pub op_id: OpId,
    /// Whether it is new.
    pub disposition: Disposition,
    command: PhantomData<fn() -> C>,
}

impl<C: HandledCommand> Accept<C, KeyFromCaller> {
    /// The client's key for this request, such as the value of its `Idempotency-Key` header.
    ///
    /// # Errors
    /// [`Invalid`] for a key that is blank, longer than 255 characters, or has control
    /// characters.
    pub fn idem_key(self, key: impl Into<String>) -> Result<Accept<C, KeyInCommand>, Invalid> {
        Ok(Accept {
            orchestrator: self.orchestrator,
            command: self.command,
            idem_key: Some(IdemKey::new(key)?),
            time_budget: self.time_budget,
            accepting: None,
            key: PhantomData,
        })
    }
}

impl<C: HandledCommand, K> Accept<C, K> {
    pub(super) fn new(orchestrator: Orchestrator, command: C) -> Self {
        Self {
            orchestrator,
            command,
            idem_key: None,
            time_budget: C::TIME_BUDGET,
            accepting: None,
            key: PhantomData,
        }
    }

    /// How long the operation may take from now to its end: 1 ms to a year. Defaults to the
    /// `time_budget` of the handler, or of the command that is bound by its derive; where there is
    /// none, to 5 min.
    ///
    /// It may be shorter than the handler's `attempt_timeout`. An attempt that is running when the
    /// budget ends is not cancelled, and its answer counts; no further attempt begins.
    pub fn time_budget(mut self, time_budget: Duration) -> Self {
        self.time_budget = time_budget;
        self
    }
}

impl<C: HandledCommand, K: KeyGiven> Accept<C, K> {
    /// Accepts inside your own transaction (the outbox): the operation exists if and only if the
    /// transaction commits. Workers find it by polling then, or at once after
    /// [`Orchestrator::wake`].
    ///
    /// # Errors
    /// [`AcceptError`]. After a store error, roll the transaction back: whether it is still usable
    /// depends on the database.
    pub async fn within<Connection: Send>(
        self,
        store: &impl AcceptIn<Connection>,
        connection: &mut Connection,
    ) -> Result<Accepted<C>, AcceptError> {
        let acceptance = self.acceptance()?;
        self.orchestrator.acceptor().check(&acceptance)?;
        let payload = acceptance.command.payload().clone();
        let meters = self.orchestrator.acceptor().meters_of(&acceptance);
        let admitted = admit_in(store, connection, acceptance).await;
        let compared = admitted.and_then(|it| disposition(it, &payload, &C::meaning()));
        count(&meters, &compared);
        Ok(Accepted::new(compared?))
    }

    fn acceptance(&self) -> Result<Acceptance, Invalid> {
        let payload = self.command.to_stored()?;
        let fingerprint = C::meaning().fingerprint(&payload);
        let idem_key = match &self.idem_key {
            Some(key) => key.clone(),
            None => IdemKey::new(self.command.idem_key().unwrap_or_default())?,
        };
        let biz_key = BizKey::new(self.command.biz_key())?;
        let command = Command::of(Kind::new(C::DOMAIN, C::EVENT)?, biz_key, idem_key, payload);
        let acceptance = self.orchestrator.acceptance(command, fingerprint, self.time_budget);
        let earlier = self.command.earlier_biz_keys().into_iter().map(BizKey::new);
        let earlier = earlier.collect::<Result<_, _>>()?;
        Ok(Acceptance { form: C::FORM, earlier, unique: C::UNIQUE, ..acceptance })
    }

    fn begin(&self) -> BoxFuture<'static, Result<Accepted<C>, AcceptError>> {
        let acceptance = self.acceptance();
        let orchestrator = self.orchestrator.clone();
        Box::pin(async move {
            let acceptor = orchestrator.acceptor();
            Ok(Accepted::new(acceptor.accept(acceptance?, &C::meaning()).await?))
        })
    }
}

/// What becomes of it inside the caller's transaction, once the form of its identity is stored.
async fn admit_in<Connection: Send>(
    store: &impl AcceptIn<Connection>,
    connection: &mut Connection,
    acceptance: Acceptance,
) -> Result<Admitted, AcceptError> {
    let admitted = store.accept_in(connection, acceptance.clone()).await?;
    let Some((kind, form)) = next_form(&acceptance, &admitted)? else { return Ok(admitted) };
    OtherForm::check(&kind, form, &store.identify_in(connection, &kind, form).await?)?;
    Ok(store.accept_in(connection, acceptance).await?)
}

/// A future, not `IntoFuture`: so rustc says what is missing where the key is, and not that this
/// is no future. Dropping it half-way leaves it open whether the command was accepted.
impl<C: HandledCommand, K: KeyGiven> Future for Accept<C, K> {
    type Output = Result<Accepted<C>, AcceptError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let accept = self.get_mut();
        let mut accepting = accept.accepting.take().unwrap_or_else(|| accept.begin());
        let polled = accepting.poll_unpin(context);
        accept.accepting = Some(accepting);
        polled
    }
}

/// Nothing in it is ever pinned in place: the command is only read.
impl<C, K> Unpin for Accept<C, K> {}

impl<C> Accepted<C> {
    fn new((op_id, disposition): (OpId, Disposition)) -> Self {
        Self { op_id, disposition, command: PhantomData }
    }
}

impl Orchestrator {
    pub(super) fn acceptance(
        &self,
        command: Command,
        fingerprint: Fingerprint,
        time_budget: Duration,
    ) -> Acceptance {
        Acceptance {
            op_id: OpId::generate(),
            key_seed: KeySeed::of(self.namespace(), self.owner(), &command),
            owner: self.owner().clone(),
            command,
            fingerprint,
            time_budget,
            form: None,
            earlier: Vec::new(),
            unique: false,
        }
    }
}

impl<C, K> fmt::Debug for Accept<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("time_budget", &self.time_budget).finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Accepted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("op_id", &self.op_id)
            .field("disposition", &self.disposition)
            .finish()
    }
}

impl<C> Clone for Accepted<C> {
    fn clone(&self) -> Self {
        Self { command: PhantomData, ..*self }
    }
}
