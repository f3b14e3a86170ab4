use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::policies::Backoff;
use orch_core::store::{
    AcceptIn, Acceptance, Admitted, AnswerParams, Backend, ClaimParams, Claimed, Clock,
    ConfirmParams, Confirmed, ConnectionType, EndedAttempt, Finalization, Finalized, LateParams,
    ListParams, Logged, Page, Purged, RecordParams, RecordedAnswer, RedriveParams, Redriven,
    Release, Released, RenewParams, Renewed, ResolveParams, Resolved, Store, StoreError,
    SweepParams, Swept, Unfinalized, Unfinished, UnfinishedParams, Unmatched, UnmatchedParams,
    monotonic,
};
use orch_core::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Reference, StoredForm, Timestamp,
};
use sqlx::postgres::PgConnection;

use crate::connect::Target;
use crate::db::Db;
use crate::errors::in_transaction;
use crate::incarnation::Seen;
use crate::installation::Own;
use crate::pool::Pool;
use crate::server::Server;
use crate::wake::Wake;
use crate::{
    accept, answer, checks, claim, finalize, form, incarnation, lease, migrate, operator, purge,
    read, settle, sweep,
};

/// Between two tries to reach the server at the start.
const RETRY: Backoff = Backoff::from_millis(100, 5000);

/// Batches of accepts at the same time, if there are connections for them. On two cores, 256
/// callers: one 94,000 operations a second, two 112,000, three 140,000, since the third works while
/// the others wait for the disk. (Two batches of outcomes made a drain slower: 86,000 and 79,000.)
const ACCEPT_LANES: usize = 3;

/// Keeps operations in a Postgres database. A clone is another handle on the same connections.
///
/// Opened by a URL such as `postgres://user@host/database`, with Postgres's own parameters and
/// these:
///
/// | parameter | meaning |
/// |---|---|
/// | `orch_connections=N` | the engine's connections, from 1; defaults to 4. Two more are opened by workers, to renew leases and to listen |
/// | `orch_answer_ms=N` | how long the engine waits for an answer before it gives the connection up, from 100; defaults to 30,000. A renewal waits a third of its lease |
/// | `orch_pooled=true` | the URL leads to a transaction pooler, such as pgbouncer: no LISTEN, no named prepared statements, nothing that outlives a transaction |
/// | `orch_allow_unsafe=true` | start although the server is set to lose, in a crash, what it has committed |
/// | `orch_require_sync=true` | start only beside a synchronous standby |
/// | `orch_on_failover=continue` | take a promoted standby for the same database, without an operator's confirmation; only with `orch_require_sync=true`. Defaults to `confirm` |
/// | `target_session_attrs=…` | of several servers, `HOST:PORT,HOST:PORT`: `read-write` (the default) one that takes writes, `primary` one that is no standby, `any` the first that answers. For one server the default is `any` |
///
/// All of orch's tables stand in the first schema of the `search_path`.
///
/// TLS is compiled in by your own crate, which chooses its kind: `sqlx` 0.9 with its feature
/// `tls-rustls` or `tls-native-tls`. Without one nothing is encrypted, and `sslmode=require` is
/// refused at the start.
#[derive(Clone)]
pub struct PostgresStore {
    db: Db,
    /// A separate connection, so that no exhausted pool keeps a lease from being renewed. It
    /// is made by the first renewal, in the runtime that renews.
    renewals: Db,
    wake: Arc<Wake>,
    own: Own,
}

inventory::submit! {
    Backend {
        scheme: "postgres",
        open: |url| Box::pin(async move { Ok(Arc::new(PostgresStore::open(&url).await?) as Arc<dyn Store>) }),
        look: |url| Box::pin(async move { Ok(Arc::new(PostgresStore::look(&url).await?) as Arc<dyn Store>) }),
    }
}

inventory::submit! {
    Backend {
        scheme: "postgresql",
        open: |url| Box::pin(async move { Ok(Arc::new(PostgresStore::open(&url).await?) as Arc<dyn Store>) }),
        look: |url| Box::pin(async move { Ok(Arc::new(PostgresStore::look(&url).await?) as Arc<dyn Store>) }),
    }
}

impl PostgresStore {
    /// Opens a database and brings its schema up to date. While the server is away this waits,
    /// with backoff and a log line for each try.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] for a URL that cannot be read, a server that refuses, or one that
    /// is set to lose what it has committed; [`StoreError::SchemaTooNew`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, None).await
    }

    /// The same on another clock, for tests.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    #[doc(hidden)]
    pub async fn open_with(url: &str, clock: Option<Arc<dyn Clock>>) -> Result<Self, StoreError> {
        let target = Target::parse(url)?;
        let mut tries = 0;
        loop {
            match Self::try_open(target.clone(), clock.clone()).await {
                Err(error) if error.is_transient() => {
                    tries += 1;
                    let delay = RETRY.delay(tries, fastrand::f64());
                    tracing::warn!(error = ?error, ?delay, "the database does not answer; retrying");
                    monotonic::sleep(delay).await;
                }
                done => return done,
            }
        }
    }

    async fn try_open(target: Target, clock: Option<Arc<dyn Clock>>) -> Result<Self, StoreError> {
        let target = checks::check(target).await?;
        let pool = Pool::new(target.clone(), target.connections);
        migrate::migrate(&pool).await?;
        let store = Self::on(pool, target, clock);
        incarnation::look(&store.db).await?;
        Ok(store)
    }

    /// Opens a database to read from it, and changes nothing: its schema stays as it is. It does not wait
    /// for a server that is away. What would be refused before something is entrusted to the server is
    /// not looked at, so a standby will do.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooOld`], and those of [`PostgresStore::open`].
    pub(crate) async fn look(url: &str) -> Result<Self, StoreError> {
        let target = Target::parse(url)?;
        let pool = Pool::new(target.clone(), target.connections);
        migrate::is_up_to_date(&pool).await?;
        Ok(Self::on(pool, target, None))
    }

    fn on(pool: Pool, target: Target, clock: Option<Arc<dyn Clock>>) -> Self {
        let seen = Seen::default();
        let db = Db { pool, clock, seen, put_off: Arc::default(), unleased: Arc::default() };
        Self {
            renewals: Db { pool: Pool::new(target, 1), ..db.clone() },
            db,
            wake: Arc::new(Wake::new()),
            own: Own::default(),
        }
    }

    fn announce(&self) {
        self.wake.announce(&self.db.pool);
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({:?})", self.db.pool)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        migrate::migrate(&self.db.pool).await
    }

    fn connection_type(&self) -> ConnectionType {
        ConnectionType::of_sqlx::<PgConnection>()
    }

    /// One connection is left for the other verbs.
    fn accept_batches(&self) -> usize {
        self.db.pool.target().connections.saturating_sub(1).clamp(1, ACCEPT_LANES)
    }

    async fn key_namespace(&self, given: Option<KeyNamespace>) -> Result<KeyNamespace, StoreError> {
        read::key_namespace(&self.db, given).await
    }

    async fn incarnation(&self) -> Result<Incarnation, StoreError> {
        incarnation::look(&self.db).await
    }

    async fn confirm(&self, params: ConfirmParams) -> Result<Confirmed, StoreError> {
        let confirmed = incarnation::confirm(&self.db, &params).await?;
        self.announce();
        Ok(confirmed)
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        read::now(&self.db).await
    }

    async fn forms(&self) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
        form::forms(&self.db).await
    }

    async fn identify(&self, kind: &Kind, form: IdentityForm) -> Result<StoredForm, StoreError> {
        form::identify(Server::Pool(&self.db), kind, form).await
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        let admitted = accept::accept(&self.db, batch).await?;
        if admitted.iter().any(|one| matches!(one, Admitted::Created { .. })) {
            self.announce();
        }
        Ok(admitted)
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        claim::claim(&self.db, params).await
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        lease::renew(&self.renewals, params).await
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        settle::log(&self.db, batch).await
    }

    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError> {
        finalize::finalize(&self.db, batch).await
    }

    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError> {
        let delays: Vec<Duration> = batch.iter().map(|ended| ended.delay).collect();
        let finalized = settle::settle(&self.db, batch).await?;
        for (to, delay) in finalized.iter().zip(delays) {
            if matches!(to, Finalized::Waiting { .. } | Finalized::InDoubt { .. }) {
                self.wake.announce_later(delay);
            }
        }
        Ok(finalized)
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        let released = lease::release(&self.db, batch).await?;
        self.announce();
        Ok(released)
    }

    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError> {
        sweep::expired(&self.db, limit).await
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        sweep::over_budget(&self.db, params).await
    }

    async fn sweep_earlier(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        sweep::earlier(&self.db, params).await
    }

    async fn unfinalized(
        &self,
        kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError> {
        read::unfinalized(&self.db, kinds, limit).await
    }

    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        read::get(&self.db, owner, op_id).await
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        read::find(&self.db, identity).await
    }

    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError> {
        read::history(&self.db, owner, op_id).await
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        read::dead_letter(&self.db, owner, op_id).await
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        read::list(&self.db, params).await
    }

    async fn unfinished(&self, params: UnfinishedParams) -> Result<Page<Unfinished>, StoreError> {
        read::unfinished(&self.db, params).await
    }

    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
        read::late(&self.db, &params).await
    }

    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError> {
        let resolved = operator::resolve(&self.db, params).await?;
        self.announce();
        Ok(resolved)
    }

    async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), StoreError> {
        answer::refer(&self.db, of, op_id).await
    }

    async fn record(&self, params: RecordParams) -> Result<RecordedAnswer, StoreError> {
        answer::record(&self.db, params).await
    }

    async fn answer(&self, params: AnswerParams) -> Result<Vec<Swept>, StoreError> {
        let swept = answer::answer(&self.db, params).await?;
        if !swept.is_empty() {
            self.announce();
        }
        Ok(swept)
    }

    async fn unmatched(&self, params: UnmatchedParams) -> Result<Vec<Unmatched>, StoreError> {
        answer::unmatched(&self.db, params).await
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        let redriven = operator::redrive(&self.db, params).await?;
        self.announce();
        Ok(redriven)
    }

    async fn purge(&self, limit: usize) -> Result<Purged, StoreError> {
        purge::purge(&self.db, limit).await
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        read::unknown_kinds(&self.db, known).await
    }

    async fn wait_for_work(&self, timeout: Duration) {
        self.wake.wait(self.db.pool.target(), timeout).await;
    }

    fn wake(&self) {
        self.announce();
    }
}

#[async_trait]
impl AcceptIn<PgConnection> for PostgresStore {
    /// On the caller's connection no worker is woken: the caller has not committed yet. After the
    /// commit [`Store::wake`] does it; else workers find the operation by polling.
    ///
    /// A `NOTIFY` inside the transaction would wake them by itself. It is not sent: the server lets
    /// one transaction with messages commit at a time, across all its databases, so that the
    /// caller's commits would wait for one another. On Postgres 15, 16 connections that inserted a row
    /// each made 1,080 transactions a second without it and 350 with it; one connection made as many
    /// with it as without.
    ///
    /// A connection that leads to other tables than the store's, of another database or by another
    /// `search_path`, is refused: [`StoreError::Fatal`]. Each call asks for that, one round trip more.
    ///
    /// A transaction that is stricter than READ COMMITTED fails with [`StoreError::Outdated`] where another one has
    /// accepted the same request since it began: all of it is to be run again.
    async fn accept_in(
        &self,
        connection: &mut PgConnection,
        acceptance: Acceptance,
    ) -> Result<Admitted, StoreError> {
        let is_strict = self.own.check(&self.db, connection).await?;
        let named = !self.db.pool.target().pooled;
        if is_strict {
            form::unchanged(connection, &acceptance, named).await.map_err(in_transaction)?;
        }
        accept::accept_in(connection, acceptance, self.db.now(), named)
            .await
            .map_err(in_transaction)
    }

    async fn identify_in(
        &self,
        connection: &mut PgConnection,
        kind: &Kind,
        form: IdentityForm,
    ) -> Result<StoredForm, StoreError> {
        self.own.check(&self.db, connection).await?;
        let named = !self.db.pool.target().pooled;
        let server = Server::Caller { connection, named };
        form::identify(server, kind, form).await.map_err(in_transaction)
    }
}
