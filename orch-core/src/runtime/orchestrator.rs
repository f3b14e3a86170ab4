use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::kinds::KnownKinds;
use super::{Accept, RedriveError, ResolveError};
use crate::flow::{AcceptError, Acceptor, Watch, divergence};
use crate::handler::HandledCommand;
use crate::store::{
    Acceptance, Finalized, ListParams, Page, RedriveParams, Redriven, Resolution, ResolveParams,
    Resolved, Store, StoreError, refuse_inside_hook,
};
use crate::words::{
    Command, DeadLetter, Fingerprint, Identity, Invalid, KeyNamespace, Meaning, OpId, Operation,
    Owner, storable,
};

/// The caller's side: accepts commands, waits for outcomes, reads operations, and carries out
/// operators' decisions. Cheap to clone. Needs no worker in the process.
///
/// It acts for one owner, the empty one unless [`Orchestrator::owned_by`] says otherwise, and
/// does not see other owners' operations. An operator's tool that acts for several owners takes
/// an orchestrator for each.
#[derive(Clone)]
pub struct Orchestrator {
    store: Arc<dyn Store>,
    acceptor: Arc<Acceptor>,
    watch: Watch,
    namespace: KeyNamespace,
    /// What this program knows of kinds.
    kinds: Arc<KnownKinds>,
    owner: Owner,
}

impl Orchestrator {
    pub(super) fn new(
        store: Arc<dyn Store>,
        acceptor: Acceptor,
        watch: Watch,
        namespace: KeyNamespace,
        kinds: KnownKinds,
    ) -> Self {
        Self {
            store,
            acceptor: Arc::new(acceptor),
            watch,
            namespace,
            kinds: Arc::new(kinds),
            owner: Owner::default(),
        }
    }

    pub(super) const fn namespace(&self) -> &KeyNamespace {
        &self.namespace
    }

    /// The same, acting for this owner.
    #[must_use]
    pub fn owned_by(&self, owner: Owner) -> Self {
        Self { owner, ..self.clone() }
    }

    /// Accepts a typed command: see [`Accept`]. When its future returns, the operation is
    /// durable.
    pub fn accept<C: HandledCommand>(&self, command: C) -> Accept<C, C::Key> {
        Accept::new(self.clone(), command)
    }

    /// Accepts an untyped command. The same command again returns the same operation.
    ///
    /// Whether it is to be the only one for its biz key (`unique`), and in which form its identity is made
    /// (`identity`), is known only if the handler of its kind is linked in. It is not looked for under biz keys
    /// of earlier forms.
    ///
    /// # Errors
    /// [`AcceptError`]; among them a conflict, when the identity was used for another payload.
    pub async fn start(
        &self,
        command: Command,
        time_budget: Duration,
    ) -> Result<OpId, AcceptError> {
        let fingerprint = Fingerprint::of(command.payload());
        let kind = command.kind();
        let (unique, form) = (self.kinds.is_unique(&kind), self.kinds.form(&kind));
        let acceptance = self.acceptance(command, fingerprint, time_budget);
        let acceptance = Acceptance { unique, form, ..acceptance };
        Ok(self.acceptor.accept(acceptance, &Meaning::WHOLE).await?.0)
    }

    /// Has workers look for work at once. Call it after the commit of a transaction in which
    /// [`Accept::within`] has accepted something: the commit is the caller's, so no store sees it, and a
    /// worker would find the operation at its next poll ([`Config::poll_every`](super::Config::poll_every)).
    /// Any other accept wakes workers by itself.
    ///
    /// It returns at once and cannot fail: it is a hint, and what it misses, polling finds. A waiting
    /// worker of this process is woken. On Postgres, if none waits here, those of other processes are
    /// notified, at most once in 10 ms and not behind a pooler. On SQLite a worker notices any commit
    /// within 30 ms.
    ///
    /// ```
    /// # use orch_core::{handler::HandledCommand, handler::KeyInCommand, runtime::Orchestrator};
    /// # use orch_core::store::AcceptIn;
    /// # struct Transaction;
    /// # impl Transaction { async fn commit(self) -> Result<(), std::io::Error> { Ok(()) } }
    /// # async fn check_out<Charge: HandledCommand<Key = KeyInCommand>>(
    /// #     orchestrator: Orchestrator, store: impl AcceptIn<Transaction>, charge: Charge,
    /// #     mut transaction: Transaction,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let accepted = orchestrator.accept(charge).within(&store, &mut transaction).await?;
    /// transaction.commit().await?;
    /// orchestrator.wake();
    /// # let _ = accepted;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wake(&self) {
        self.store.wake();
    }

    /// The operation as it is now; `None` if there is none, or it is another owner's.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        self.store.get(&self.owner, op_id).await
    }

    /// The operation that a command with these words would find. The identity's owner must be
    /// this orchestrator's; another one's is not found.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        if identity.owner != self.owner {
            return Ok(None);
        }
        self.store.find(identity).await
    }

    /// The dead letter of a failed operation.
    ///
    /// # Errors
    /// The store's.
    pub async fn dead_letter(&self, op_id: OpId) -> Result<Option<DeadLetter>, StoreError> {
        self.store.dead_letter(&self.owner, op_id).await
    }

    /// A page of this owner's operations, oldest first; [`ListParams::owner`] is overwritten. The
    /// next page is the one `after` [`Page::next`]. See [`Orchestrator::parked`] for those that
    /// wait for an operator.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        self.store.list(params.owner(self.owner.clone())).await
    }

    /// Runs a failed operation again, as a new, linked operation with a new provider key. Called
    /// twice, it returns the same new operation.
    ///
    /// # Errors
    /// [`RedriveError`]; [`RedriveError::Uncertain`] if the provider may have acted.
    pub async fn redrive(&self, op_id: OpId) -> Result<OpId, RedriveError> {
        self.redrive_as(op_id, false).await
    }

    /// [`Orchestrator::redrive`], even where the provider may have acted. Call it only after you
    /// have found out that it has not: the provider does not know the new operation's key, and
    /// would act again.
    ///
    /// # Errors
    /// [`RedriveError`].
    pub async fn redrive_uncertain(&self, op_id: OpId) -> Result<OpId, RedriveError> {
        self.redrive_as(op_id, true).await
    }

    async fn redrive_as(&self, op_id: OpId, even_if_uncertain: bool) -> Result<OpId, RedriveError> {
        refuse_inside_hook()?;
        let params = RedriveParams {
            op_id,
            owner: self.owner.clone(),
            new_op_id: OpId::generate(),
            even_if_uncertain,
        };
        match self.store.redrive(params).await? {
            Redriven::Created { op_id } | Redriven::AlreadyRedriven { op_id } => Ok(op_id),
            Redriven::Uncertain => Err(RedriveError::Uncertain { op_id }),
            Redriven::Taken { by } => Err(RedriveError::Taken { op_id, by }),
            Redriven::NotFailed { status } => Err(RedriveError::NotFailed { op_id, status }),
            Redriven::NotFound => Err(RedriveError::NotFound { op_id }),
        }
    }

    /// Resolves a parked operation as an operator decided; `who` and `why` go into its history.
    ///
    /// ```
    /// # use orch_core::runtime::Orchestrator;
    /// # use orch_core::{store as orch, words::OpId};
    /// use orch::Resolution;
    ///
    /// # async fn desk(orchestrator: &Orchestrator, one: OpId, two: OpId, three: OpId)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// // The result, as the handler returns it.
    /// orchestrator.resolve(one, Resolution::ok("ch_42")?, "kim", "seen on their pages").await?;
    /// let refused = Resolution::fail("NOT_CHARGED", "the provider has no such charge");
    /// orchestrator.resolve(two, refused, "kim", "asked their support").await?;
    /// orchestrator.resolve(three, Resolution::RunAgain, "kim", "they were down all day").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With a `finalize` hook a decision that ends the operation is stored at once, and the end
    /// follows when a worker has run the hook, as a rule within
    /// [`Config::finalize_every`](super::Config::finalize_every); until then it is IN_PROGRESS. If the
    /// hook has failed for good, the operation is parked for it: then [`Resolution::RunHook`] and
    /// [`Resolution::SkipHook`] are decisions too.
    ///
    /// # Errors
    /// [`ResolveError`]; a blank `who` or `why` is refused, since later only the history has
    /// them. An output is checked against what the handler returns.
    pub async fn resolve(
        &self,
        op_id: OpId,
        resolution: Resolution,
        who: &str,
        why: &str,
    ) -> Result<(), ResolveError> {
        if let Resolution::Ok(output) = &resolution
            && let Some(operation) = self.get(op_id).await?
        {
            self.kinds.check_output(operation.identity.kind(), output)?;
        }
        self.decide(op_id, resolution, who, why).await
    }

    /// [`Orchestrator::resolve`], whatever the output is: for a program without the handler. The
    /// history says that it was not checked. A finalize hook that cannot read it fails, and whoever waits
    /// gets an error instead of it.
    ///
    /// # Errors
    /// As [`Orchestrator::resolve`].
    pub async fn resolve_unchecked(
        &self,
        op_id: OpId,
        resolution: Resolution,
        who: &str,
        why: &str,
    ) -> Result<(), ResolveError> {
        let unchecked = format!("{why} (output not checked)");
        let has_output = matches!(resolution, Resolution::Ok(_));
        let why = if has_output && !why.trim().is_empty() { &unchecked } else { why };
        self.decide(op_id, resolution, who, why).await
    }

    async fn decide(
        &self,
        op_id: OpId,
        resolution: Resolution,
        who: &str,
        why: &str,
    ) -> Result<(), ResolveError> {
        refuse_inside_hook()?;
        for (field, text) in [("who", who), ("why", why)] {
            if text.trim().is_empty() {
                return Err(Invalid::Blank { field }.into());
            }
        }
        let params = ResolveParams {
            op_id,
            owner: self.owner.clone(),
            resolution,
            who: storable(who),
            why: storable(why),
            hooked_kinds: self.kinds.hooked().to_vec(),
        };
        match self.store.resolve(params).await? {
            Resolved::Resolved(to) => {
                let now = to.as_ref().map(tracing::field::display);
                tracing::info!(%op_id, to = now, "resolved by an operator");
                self.watch.moved(op_id);
                if let Some(to @ Finalized::Finished(_)) = to {
                    self.finished(op_id, &to).await;
                }
                Ok(())
            }
            Resolved::NotParked { status, phase } => {
                Err(ResolveError::NotParked { op_id, status, phase })
            }
            Resolved::Unfit { for_hook } => Err(ResolveError::Unfit { op_id, for_hook }),
            Resolved::NotFound => Err(ResolveError::NotFound { op_id }),
        }
    }

    /// An operator has ended an operation: that is counted, and compared with the other answers.
    async fn finished(&self, op_id: OpId, to: &Finalized) {
        if let Ok(Some(operation)) = self.get(op_id).await {
            let Identity { domain, event_type, .. } = &operation.identity;
            self.acceptor.meters().of(domain, event_type).moved(to);
        }
        divergence::after_end(self.store(), vec![op_id]).await;
    }

    /// The owner that this orchestrator acts for.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(super) fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    pub(super) fn kinds(&self) -> &KnownKinds {
        &self.kinds
    }

    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator").field("owner", &self.owner).finish_non_exhaustive()
    }
}
