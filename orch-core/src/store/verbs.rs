use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Acceptance, Admitted, AnswerParams, ClaimParams, Claimed, ConfirmParams, Confirmed,
    ConnectionType, EndedAttempt, Finalization, Finalized, LateParams, ListParams, Logged, Page,
    Purged, RecordParams, RecordedAnswer, RedriveParams, Redriven, Release, Released, RenewParams,
    Renewed, ResolveParams, Resolved, SweepParams, Swept, Unfinalized, Unfinished,
    UnfinishedParams, Unmatched, UnmatchedParams,
};
use crate::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Reference, StoredForm, Timestamp,
};

/// A database that keeps operations, their log and their dead letters.
///
/// A verb per step of the flow. What holds for all of them:
///
/// - **Answers in order.** A verb over a batch answers item by item, in the order of the batch.
/// - **Atomic.** Each item takes effect wholly or not at all; a verb that returns an error may
///   still have taken effect, since the reply can be lost.
/// - **Safe to call again**, so a caller that got [`StoreError::Transient`] repeats the call. What
///   that does depends on the verb:
///
///   | verb | the same call again |
///   |---|---|
///   | `accept`, `identify`, `log`, `finalize`, `settle`, `release` | changes nothing; the answer is the one of the first call (of an end `AlreadyFinal`), or `Stale` once another claim or the end of the operation has come between |
///   | `redrive` | changes nothing: `Created` again for the same `new_op_id`, for another one `AlreadyRedriven`, with the first |
///   | `resolve` | `NotParked`, unless the operation was parked again since |
///   | `confirm`, `refer` | changes nothing; the answer is the one of the first call |
///   | `record` | changes nothing: `Known` |
///   | `renew` | moves the lease again, from the later instant |
///   | `claim`, the sweeps, `answer`, `purge` | takes the next operations; a claim whose answer was lost ends with its lease |
///
/// - **Guarded.** Each write after a claim holds only while `op_id`, `fence` and the old status
///   match. Zero rows is the answer `Stale`, not an error.
/// - **Batches lock in one order** (by `op_id`), so that two of them never deadlock.
/// - **One bad row does not stop the others.** What cannot be decoded is parked. What the database
///   refuses to move in a sweep, or to finalize, is answered as [`Finalized::Refused`], what it refuses
///   to lease as [`Claimed::Refused`], and what it refuses to remove is in [`Purged::refused`]; a sweep, a
///   claim and a purge then pass it over for a while.
/// - **Time is the store's**, read inside the verb.
///
/// A backend is done when the conformance suite of `orch-testkit` passes.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Brings the schema up to date. Many processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooNew`] if a newer release has been here.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// The type of the connection that finalize hooks get.
    fn connection_type(&self) -> ConnectionType;

    /// How many concurrent batches of [`Store::accept`] are faster than one after the other. One
    /// where a single writer serves all. A wrapper of a store passes on the answer of that store.
    fn accept_batches(&self) -> usize;

    /// The namespace of the provider keys of new operations: the one that is given, which is
    /// kept, or else the newest of those that are kept. The first is made with the schema, so that
    /// every replica and back-up has it.
    async fn key_namespace(&self, given: Option<KeyNamespace>) -> Result<KeyNamespace, StoreError>;

    /// The newest incarnation. Checks whether this is still the same database as before; one that is
    /// not gets a new incarnation, unconfirmed.
    async fn incarnation(&self) -> Result<Incarnation, StoreError>;

    /// Keeps what an operator says has happened to the database. As [`Confirmation::Copied`] it
    /// makes a new namespace of provider keys in the same transaction.
    ///
    /// [`Confirmation::Copied`]: crate::words::Confirmation::Copied
    async fn confirm(&self, params: ConfirmParams) -> Result<Confirmed, StoreError>;

    /// The store's clock.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// The forms in which identities are made, of every kind of which one is stored.
    async fn forms(&self) -> Result<Vec<(Kind, StoredForm)>, StoreError>;

    /// Stores the form in which a kind's identity is made, if it is the first or its number the highest
    /// so far, and returns the one that is stored then: another one if this is refused. Once it is
    /// stored, nothing is accepted in an earlier form any more, and what was accepted in one is to be
    /// seen.
    async fn identify(&self, kind: &Kind, form: IdentityForm) -> Result<StoredForm, StoreError>;

    /// **S1.** Stores operation and queue entry, PENDING, due at once, in one transaction per
    /// item. The identity decides: a second item with it is `Replayed` or `Conflict`, also
    /// within one batch. The same `op_id` again is `Created` again. An operation that is there under an
    /// earlier biz key is the same one. In another form than the stored one nothing is accepted; where
    /// none is stored, [`Store::identify`] comes first.
    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError>;

    /// **S2.** Leases at most `limit` due operations of the kinds given, oldest due first
    /// within a kind: PENDING and waiting ones for an attempt (attempt + 1), those in doubt for an
    /// attempt or a reconcile ([`Purpose::of`](super::Purpose::of)). The fence goes up, the lease starts, the
    /// kind's policy is written into the row, all before this returns. Operations past their
    /// deadline are left to the sweep, except those to reconcile; those of an earlier incarnation
    /// that has lost history to [`Store::sweep_earlier`]. No two claims get one operation.
    ///
    /// Where a proxy can change the server under a live connection, the statement itself checks that
    /// this is still the same database; other stores check when they are opened. While it is not,
    /// nothing is claimed. While the incarnation is unconfirmed nothing is accepted under it, so only
    /// what [`Store::sweep_earlier`] has put in doubt is claimed.
    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError>;

    /// Moves the end of leases to `lease` from now. Guard: the fence, and a lease that no sweep
    /// has taken back (an expired one still counts until then).
    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError>;

    /// **S3, first half.** Appends ends to the log as PENDING and drops the lease, so that no
    /// sweep takes the operation for lost. The status does not change.
    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError>;

    /// **S3, second half.** Moves each operation as its logged end and its row say
    /// ([`step`](crate::machine::step)); no status is passed in. In the same
    /// transaction: the entry becomes COMPLETED, a failure writes its dead letter, and if the
    /// operation becomes terminal its hook runs. A failing hook rolls back its own operation
    /// only; after [`MAX_HOOK_FAILURES`] of them the operation is parked for its hook. Where the row owes a
    /// hook and none is given, a terminal end waits, and is parked once it has waited for
    /// [`UNHANDLED_PARKED_AFTER`]. Repeated, it answers `AlreadyFinal` as long as this claim's entry is what
    /// finished it.
    ///
    /// [`MAX_HOOK_FAILURES`]: crate::policies::MAX_HOOK_FAILURES
    /// [`UNHANDLED_PARKED_AFTER`]: crate::policies::UNHANDLED_PARKED_AFTER
    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError>;

    /// **S3 as a whole**, for kinds without a hook: `log` and `finalize` in one transaction.
    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError>;

    /// Gives back claims whose handler was not run: the attempt is not counted, the fence stays.
    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError>;

    /// Takes back at most `limit` expired leases, of every kind. A running attempt is lost: logged
    /// in doubt under its fence, counted, moved as the row declares. A reconcile is only due
    /// again, or parked if it was the last one allowed. The fence goes up, so the former owner is
    /// stale from here on. Where the move is terminal and the kind has a hook, the end is logged
    /// PENDING for the Finalizer. Rows that cannot be decoded are parked and do not block the
    /// others.
    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError>;

    /// Ends operations whose deadline has passed and that no worker holds: PENDING, waiting, or
    /// in doubt with `retry` declared
    /// ([`Row::is_over_budget`](crate::machine::Row::is_over_budget)). PENDING
    /// passes through IN_PROGRESS within the transaction. Hooks as in `sweep_expired`.
    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError>;

    /// Puts in doubt at most `limit` operations whose history may lack an attempt, since they were
    /// accepted under an earlier incarnation than the one since which histories are whole: due
    /// ones of these kinds, the oldest due first within a kind. They move as an attempt in doubt
    /// does; those of a copy are parked. Hooks as in `sweep_expired`.
    async fn sweep_earlier(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError>;

    /// Logged outcomes that are due to be finalized and need no hook, or a hook of these kinds; and those
    /// that have waited for a hook for so long that they are to be parked. An outcome is due one second
    /// after it was logged, so that its own worker comes first.
    async fn unfinalized(
        &self,
        hooked_kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError>;

    /// One operation of this owner. `None` even if it exists but is another owner's.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its row cannot be decoded.
    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError>;

    /// The operation with this identity; of a redriven one, the first.
    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError>;

    /// The log of one operation of this owner, oldest first; empty if there is none.
    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError>;

    /// The dead letter of one operation of this owner.
    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError>;

    /// A page of operations. A row that cannot be decoded is listed as such.
    async fn list(&self, params: ListParams) -> Result<Page, StoreError>;

    /// A page of the operations that are not finished, of every owner and kind, each with the end that is
    /// logged under its fence and PENDING. One that cannot be decoded is named, and so is one whose
    /// logged end cannot. For a look at all of them, page by page: each page is one state of the
    /// database, and an operation that ends between two pages may be left out.
    async fn unfinished(&self, params: UnfinishedParams) -> Result<Page<Unfinished>, StoreError>;

    /// The operations whose log holds an answer that came too late to have an effect, with their
    /// owners, in the order of their ids. Cheap where there is none: it is asked after ends.
    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError>;

    /// Carries out an operator's decision about a parked operation: the fence goes up, the decision
    /// is logged with who and why, the operation moves. One transaction; hooks as in
    /// `sweep_expired`.
    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError>;

    /// Keeps that this reference is about this operation. Another operation's is replaced: the latest call
    /// that carried it is the one that a message is about. Nothing is kept about an operation that is not
    /// there.
    async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), StoreError>;

    /// Keeps what a provider tells in a message of its own, whether or not an operation is known for it.
    /// The same answer about the same reference is kept once. It changes no operation:
    /// [`Store::answer`] does.
    async fn record(&self, params: RecordParams) -> Result<RecordedAnswer, StoreError>;

    /// Applies at most `limit` kept answers to the operations that they are about: those about one reference in
    /// the order in which they came, the others longest due first. Each in a transaction with the note that
    /// it is applied: the fence goes up, what is said is logged with its source, the operation moves. Hooks as
    /// in `sweep_expired`. An answer that has to wait, for an operation or for the end of an attempt, is looked
    /// at again later. What moved is returned, and as [`Finalized::AlreadyFinal`] what was kept beside an
    /// outcome; what waits or moves nothing is not.
    async fn answer(&self, params: AnswerParams) -> Result<Vec<Swept>, StoreError>;

    /// The kept answers that wait for an operation, or that are about one of another kind, in the order in
    /// which they came.
    async fn unmatched(&self, params: UnmatchedParams) -> Result<Vec<Unmatched>, StoreError>;

    /// Makes a new operation of a failed one and links the two, in one transaction.
    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError>;

    /// Removes at most so many terminal operations that have expired, with their log and dead letters:
    /// of every kind, as each row says, the longest expired first; and answers that were recorded
    /// [`ANSWER_RETENTION`](super::ANSWER_RETENTION) ago. One of which the row does not
    /// say it was ended by an earlier release, and is kept for [`UNDATED_RETENTION`]. One that was
    /// redriven is kept as long as the new one exists: its key is not free before.
    ///
    /// [`UNDATED_RETENTION`]: crate::policies::UNDATED_RETENTION
    async fn purge(&self, limit: usize) -> Result<Purged, StoreError>;

    /// The kinds that have due operations but are not among these, with how many (counted up to
    /// a limit of the store's): the backlog of kinds without a worker here.
    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError>;

    /// Returns when there may be work to claim, at the latest after `timeout`. A hint: it may
    /// return early, and polling must not depend on it.
    async fn wait_for_work(&self, timeout: Duration);

    /// There may be work that this store has not seen: a transaction of the caller's, with
    /// [`AcceptIn::accept_in`] in it, has committed. Ends [`Store::wait_for_work`] as an accept does,
    /// in this process and, as the store can, in others. A hint as well, so it returns at once and
    /// cannot fail. Defaults to nothing: polling finds the work. A wrapper of a store passes it on.
    fn wake(&self) {}
}

/// Accepting inside the caller's own transaction (the outbox): the operation is stored if and
/// only if that transaction commits, together with the caller's own rows. Each SQL backend
/// implements it for its connection type. Nobody is woken, as nothing is committed yet: after the
/// commit, [`Store::wake`] does that.
#[async_trait]
pub trait AcceptIn<Connection: Send>: Store {
    /// [`Store::accept`] for one command, on this connection, which is in a transaction.
    async fn accept_in(
        &self,
        connection: &mut Connection,
        acceptance: Acceptance,
    ) -> Result<Admitted, StoreError>;

    /// [`Store::identify`] on this connection, which is in a transaction: what that transaction holds would
    /// be in the way of another one. A store may refuse a later form there ([`StoreError::Fatal`]).
    async fn identify_in(
        &self,
        connection: &mut Connection,
        kind: &Kind,
        form: IdentityForm,
    ) -> Result<StoredForm, StoreError>;
}

/// Why a store could not carry out a call. The text includes the database's own message, so there
/// is no `source` that would repeat it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is unreachable, busy or restarting. Whether the call took effect is unknown;
    /// the same call again is safe.
    #[error("the database did not answer; the same call again is safe: {0}")]
    Transient(Arc<dyn std::error::Error + Send + Sync>),
    /// The database refused the call, for a reason that waiting alone does not take away: a login
    /// that is refused, a table that is missing. Says nothing about the values of the call.
    #[error("the database refused the call: {0}")]
    Fatal(Arc<dyn std::error::Error + Send + Sync>),
    /// The database refused a value of the call, and would refuse it again: it breaks a constraint,
    /// or cannot be kept at all.
    #[error("the database refused a value: {0}")]
    Rejected(Arc<dyn std::error::Error + Send + Sync>),
    /// A stored row cannot be decoded.
    #[error("the row of operation {op_id} cannot be decoded: {reason}")]
    Corrupt {
        /// The operation.
        op_id: OpId,
        /// What is wrong, without the content.
        reason: String,
    },
    /// Another transaction has come before the caller's own one, which looks at the database as it was when
    /// it began. Nothing was accepted, and the same call in it would fail again.
    #[error(
        "another transaction has come before this one; nothing was accepted: roll it back, and run all \
         of it again: {0}"
    )]
    Outdated(Arc<dyn std::error::Error + Send + Sync>),
    /// The tokio runtime in which the orch runtime was started has ended, and that with it. The call was
    /// not made, and the same call again never is.
    #[error(
        "this orch runtime has ended with the tokio runtime in which it was started; start one in \
         each tokio runtime, so in each test"
    )]
    Ended,
    /// The call was made inside a finalize hook, and would have waited for a transaction of its own, which
    /// would have waited for the hook. It was not made.
    #[error(
        "this was called inside a finalize hook, whose transaction it would wait for; accept with \
         `.within(&store, connection)`, on the connection that the hook is given, and decide about other \
         operations after the hook"
    )]
    InsideHook,
    /// The schema was made by an earlier release, and what was asked for does not change it.
    #[error(
        "the database has schema version {found}, this binary needs {known}; nothing was changed: \
         start one process of this release, which migrates it, or ask a copy that was migrated"
    )]
    SchemaTooOld {
        /// The version in the database; 0 if there is none.
        found: i64,
        /// The version that this binary needs.
        known: i64,
    },
    /// The schema was made by a newer release.
    #[error(
        "the database has schema version {found}, this binary knows up to {known}; \
         deploy the newer release, or use another database"
    )]
    SchemaTooNew {
        /// The version in the database.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
}

impl StoreError {
    /// A transient error: retrying the same call may succeed.
    pub fn transient(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Transient(Arc::from(error.into()))
    }

    /// A permanent error.
    pub fn fatal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Fatal(Arc::from(error.into()))
    }

    /// A value that the database cannot keep.
    pub fn rejected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Rejected(Arc::from(error.into()))
    }

    /// True if an item of the call is the cause, and not the database.
    #[must_use]
    pub const fn is_about_an_item(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Corrupt { .. })
    }

    /// True if the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_the_database_said() {
        for error in [StoreError::transient("disk is full"), StoreError::fatal("disk is full")] {
            assert!(error.to_string().ends_with(": disk is full"), "{error}");
            assert!(std::error::Error::source(&error).is_none(), "{error:?}");
        }
    }
}
