//! A layer around a store: a fault, a gate or a count, in front of the store that does the work.
//! The table at the end lists the verbs once for all layers.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::store::{
    Acceptance, Admitted, AnswerParams, ClaimParams, Claimed, ConfirmParams, Confirmed,
    ConnectionType, EndedAttempt, Finalization, Finalized, LateParams, ListParams, Logged, Page,
    Purged, RecordParams, RecordedAnswer, RedriveParams, Redriven, Release, Released, RenewParams,
    Renewed, ResolveParams, Resolved, Store, StoreError, SweepParams, Swept, Unfinalized,
    Unfinished, UnfinishedParams, Unmatched, UnmatchedParams,
};
use orch_core::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Reference, StoredForm, Timestamp,
};

/// A store behind a [`StoreLayer`]. It is a [`Store`] itself, so layers can be stacked; the
/// methods of the layer are called on it as they are.
pub struct Layered<L> {
    inner: Arc<dyn Store>,
    layer: L,
}

impl<L: StoreLayer> Layered<L> {
    /// This layer around this store.
    #[must_use]
    pub fn over(inner: Arc<dyn Store>, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<L> Deref for Layered<L> {
    type Target = L;

    fn deref(&self) -> &L {
        &self.layer
    }
}

impl<L: fmt::Debug> fmt::Debug for Layered<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").field("layer", &self.layer).finish_non_exhaustive()
    }
}

// The enum, its list, the layer's methods and the store that calls them come from one table: a
// verb that `Store` gets is added there, in one line, and no wrapper can forget to pass it on.
macro_rules! verbs {
    ($($name:ident = $verb:ident($($input:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A verb of the store that can fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is the method of the same name")]
        pub enum Verb {
            $($name,)*
        }

        impl Verb {
            /// All of them, roughly in the order of an operation's life.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }

        /// What happens around the verbs of a store, by [`Layered`].
        ///
        /// A layer needs only one of two things, or both:
        ///
        /// - [`StoreLayer::around`] is for what holds whatever is asked: it may wait before or
        ///   after the call, never make it, or answer with another error.
        /// - The method of one verb is for what depends on its input or its answer. It gets the
        ///   store behind the layer as `next`, and may change both.
        ///
        /// ```
        /// # use async_trait::async_trait;
        /// # use orch_core::store::{ClaimParams, Claimed, Store, StoreError};
        /// # use orch_testkit::{StoreLayer, Verb};
        /// /// Claims one operation at a time, and takes its time over everything.
        /// struct Slow;
        ///
        /// #[async_trait]
        /// impl StoreLayer for Slow {
        ///     async fn around<T: Send>(
        ///         &self,
        ///         _verb: Verb,
        ///         call: impl Future<Output = Result<T, StoreError>> + Send,
        ///     ) -> Result<T, StoreError> {
        ///         tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        ///         call.await
        ///     }
        ///
        ///     async fn claim(
        ///         &self,
        ///         next: &dyn Store,
        ///         params: ClaimParams,
        ///     ) -> Result<Vec<Claimed>, StoreError> {
        ///         let one = ClaimParams { limit: 1, ..params };
        ///         self.around(Verb::Claim, next.claim(one)).await
        ///     }
        /// }
        /// ```
        #[async_trait]
        pub trait StoreLayer: Send + Sync + 'static {
            /// Around each verb whose method the layer does not have. Defaults to the call alone.
            async fn around<T: Send>(
                &self,
                verb: Verb,
                call: impl Future<Output = Result<T, StoreError>> + Send,
            ) -> Result<T, StoreError> {
                let _ = verb;
                call.await
            }

            $(
                #[doc = concat!("Around [`Store::", stringify!($verb), "`]. Defaults to ")]
                #[doc = "[`StoreLayer::around`]."]
                async fn $verb(
                    &self,
                    next: &dyn Store,
                    $($input: $type,)*
                ) -> Result<$answer, StoreError> {
                    self.around(Verb::$name, next.$verb($($input),*)).await
                }
            )*
        }

        #[async_trait]
        impl<L: StoreLayer> Store for Layered<L> {
            $(
                async fn $verb(&self, $($input: $type),*) -> Result<$answer, StoreError> {
                    self.layer.$verb(&*self.inner, $($input),*).await
                }
            )*

            fn connection_type(&self) -> ConnectionType {
                self.inner.connection_type()
            }

            fn accept_batches(&self) -> usize {
                self.inner.accept_batches()
            }

            async fn wait_for_work(&self, timeout: Duration) {
                self.inner.wait_for_work(timeout).await;
            }

            fn wake(&self) {
                self.inner.wake();
            }
        }
    };
}

verbs! {
    Migrate = migrate() -> ();
    KeyNamespace = key_namespace(given: Option<KeyNamespace>) -> KeyNamespace;
    Incarnation = incarnation() -> Incarnation;
    Confirm = confirm(params: ConfirmParams) -> Confirmed;
    Now = now() -> Timestamp;
    Forms = forms() -> Vec<(Kind, StoredForm)>;
    Identify = identify(kind: &Kind, form: IdentityForm) -> StoredForm;
    Accept = accept(batch: Vec<Acceptance>) -> Vec<Admitted>;
    Claim = claim(params: ClaimParams) -> Vec<Claimed>;
    Renew = renew(params: RenewParams) -> Vec<Renewed>;
    Log = log(batch: Vec<EndedAttempt>) -> Vec<Logged>;
    Finalize = finalize(batch: Vec<Finalization>) -> Vec<Finalized>;
    Settle = settle(batch: Vec<EndedAttempt>) -> Vec<Finalized>;
    Release = release(batch: Vec<Release>) -> Vec<Released>;
    SweepExpired = sweep_expired(limit: usize) -> Vec<Swept>;
    SweepOverBudget = sweep_over_budget(params: SweepParams) -> Vec<Swept>;
    SweepEarlier = sweep_earlier(params: SweepParams) -> Vec<Swept>;
    Unfinalized = unfinalized(kinds: &[Kind], limit: usize) -> Vec<Unfinalized>;
    Get = get(owner: &Owner, op_id: OpId) -> Option<Operation>;
    Find = find(identity: &Identity) -> Option<Operation>;
    History = history(owner: &Owner, op_id: OpId) -> Vec<LogEntry>;
    DeadLetter = dead_letter(owner: &Owner, op_id: OpId) -> Option<DeadLetter>;
    List = list(params: ListParams) -> Page;
    Unfinished = unfinished(params: UnfinishedParams) -> Page<Unfinished>;
    Late = late(params: LateParams) -> Vec<(OpId, Owner)>;
    Resolve = resolve(params: ResolveParams) -> Resolved;
    Refer = refer(of: Reference, op_id: OpId) -> ();
    Record = record(params: RecordParams) -> RecordedAnswer;
    Answer = answer(params: AnswerParams) -> Vec<Swept>;
    Unmatched = unmatched(params: UnmatchedParams) -> Vec<Unmatched>;
    Redrive = redrive(params: RedriveParams) -> Redriven;
    Purge = purge(limit: usize) -> Purged;
    UnknownKinds = unknown_kinds(known: &[Kind]) -> Vec<(Kind, u64)>;
}
