use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::store::{
    AcceptIn, Acceptance, Admitted, AnswerParams, Backend, ClaimParams, Claimed, Clock,
    ConfirmParams, Confirmed, ConnectionType, EndedAttempt, Finalization, Finalized, LateParams,
    ListParams, Logged, Page, Purged, PutOff, RecordParams, RecordedAnswer, RedriveParams,
    Redriven, Release, Released, RenewParams, Renewed, ResolveParams, Resolved, Store, StoreError,
    SweepParams, Swept, SystemClock, Unfinalized, Unfinished, UnfinishedParams, Unmatched,
    UnmatchedParams, monotonic,
};
use orch_core::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Reference, StoredForm, Timestamp,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::Mutex;

use crate::connect::{Readers, cannot_open, in_transaction, open_writing, options, store_error};
use crate::page::purged;
use crate::piece::Piece;
use crate::same_file::SameFile;
use crate::sql::Db;
use crate::wake::Wake;
use crate::writer::{Writer, refused};
use crate::{accept, claim, form, lease, migrate, read};

/// How often, and with what pause, a file that cannot be opened is tried at start.
const OPEN_TRIES: u32 = 10;
const OPEN_PAUSE: Duration = Duration::from_millis(50);
const CANNOT_OPEN: &str = "SQLite cannot open the file; the URL has to name a file, not a folder, \
                           without mode=ro, and this process must be allowed to write the file \
                           and its folder";

inventory::submit! {
    Backend {
        scheme: "sqlite",
        open: |url| Box::pin(async move {
            Ok(Arc::new(SqliteStore::open(&url).await?) as Arc<dyn Store>)
        }),
        look: |url| Box::pin(async move {
            Ok(Arc::new(SqliteStore::look(&url).await?) as Arc<dyn Store>)
        }),
    }
}

/// A store in one SQLite file. Cloning shares it: keep a clone for
/// [`accept_in`](AcceptIn::accept_in) while a runtime has the store.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    options: SqliteConnectOptions,
    file: SameFile,
    clock: Arc<dyn Clock>,
    writer: Writer,
    /// Whose turn it is to write, inside this process: first come, first served. SQLite's own
    /// lock is not fair, so a long queue at the writer could starve the leases.
    turn: Arc<Mutex<()>>,
    renewing: Mutex<Option<SqliteConnection>>,
    readers: Readers,
    wake: Arc<Wake>,
    /// What SQLite has refused to move, to lease or to remove.
    put_off: Arc<PutOff>,
}

impl SqliteStore {
    /// Opens the file of a `sqlite://FILE` or `sqlite:FILE` URL, creates it if it is missing,
    /// and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] for a URL that names no file (a store in memory has the URL
    /// `memory:`) and for a file that cannot be opened, [`StoreError::SchemaTooNew`], [`StoreError::Transient`] if others keep the
    /// file locked.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with_clock(url, Arc::new(SystemClock)).await
    }

    /// [`SqliteStore::open`] with another clock than the host's; for tests.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open_with_clock(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let options = options(url)?;
        // A folder that is not there does not appear by itself: said at once, not retried.
        let file = options.get_filename();
        if file.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(StoreError::fatal("the folder of the SQLite file does not exist"));
        }
        let connection = open_migrated(&options).await?;
        let store = Self::on(&options, Some(connection), clock)?;
        store.incarnation().await?;
        Ok(store)
    }

    /// Opens the file to read from it, and changes nothing: it is neither created nor migrated.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooOld`], [`StoreError::SchemaTooNew`]; for a file that is not there or cannot
    /// be opened, [`StoreError::Fatal`].
    pub(crate) async fn look(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        if !options.get_filename().is_file() {
            return Err(StoreError::fatal("there is no such SQLite file"));
        }
        let store = Self::on(&options, None, Arc::new(SystemClock))?;
        let mut reader = store.inner.readers.take().await?;
        migrate::is_up_to_date(&mut reader.connection).await?;
        reader.done();
        Ok(store)
    }

    /// A store whose file is there. Nothing is opened before a verb needs it.
    fn on(
        options: &SqliteConnectOptions,
        renewing: Option<SqliteConnection>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        // From here on it is there, or it is gone: a new, empty one would hide that.
        let options = options.clone().create_if_missing(false);
        let turn = Arc::new(Mutex::new(()));
        let wake = Arc::new(Wake::new(&options));
        let put_off = Arc::<PutOff>::default();
        let file = SameFile::of(&options);
        let writer = Writer::start(
            options.clone(),
            file.clone(),
            Arc::clone(&clock),
            Arc::clone(&turn),
            Arc::clone(&wake),
            Arc::clone(&put_off),
        )?;
        let readers = Readers::new(&options, file.clone());
        let renewing = Mutex::new(renewing);
        let inner = Inner { options, file, clock, writer, turn, renewing, readers, wake, put_off };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Opens at start. SQLite may be unable to open a file for a moment, while another process closes
/// it; where it stays so, the path or a permission is wrong, and waiting would never end.
async fn open_migrated(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut tries = 0;
    loop {
        let error = match open_writing(options).await {
            Ok(mut connection) => match migrate::run(&mut connection).await {
                Ok(()) => return Ok(connection),
                Err(error) => error,
            },
            Err(error) => store_error(error),
        };
        if !cannot_open(&error) {
            return Err(error);
        }
        tries += 1;
        if tries == OPEN_TRIES {
            return Err(StoreError::fatal(CANNOT_OPEN));
        }
        monotonic::sleep(OPEN_PAUSE).await;
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.inner.options.get_filename())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = open_writing(&self.inner.options).await.map_err(store_error)?;
        migrate::run(&mut connection).await
    }

    fn connection_type(&self) -> ConnectionType {
        ConnectionType::of_sqlx::<SqliteConnection>()
    }

    /// The file has one writer.
    fn accept_batches(&self) -> usize {
        1
    }

    async fn key_namespace(&self, given: Option<KeyNamespace>) -> Result<KeyNamespace, StoreError> {
        if let Some(given) = given {
            let _turn = self.inner.turn.lock().await;
            let mut connection = open_writing(&self.inner.options).await.map_err(store_error)?;
            read::keep_namespace(&mut connection, &given, self.inner.clock.now()).await?;
            return Ok(given);
        }
        read::key_namespace(&self.inner.readers).await
    }

    async fn incarnation(&self) -> Result<Incarnation, StoreError> {
        self.inner.writer.call(Piece::Incarnation, self.inner.file.birth()).await
    }

    async fn confirm(&self, params: ConfirmParams) -> Result<Confirmed, StoreError> {
        self.inner.writer.call(Piece::Confirm, (params, self.inner.file.birth())).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.inner.clock.now())
    }

    async fn forms(&self) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
        let mut reader = self.inner.readers.take().await?;
        let forms = form::forms(&mut reader.connection).await?;
        reader.done();
        Ok(forms)
    }

    async fn identify(&self, kind: &Kind, form: IdentityForm) -> Result<StoredForm, StoreError> {
        let _turn = self.inner.turn.lock().await;
        let mut connection = open_writing(&self.inner.options).await.map_err(store_error)?;
        self.inner.file.check()?;
        form::identify(&mut connection, kind, form).await
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        self.inner.writer.call(Piece::Accept, batch).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        let mut reader = self.inner.readers.take().await?;
        let db = &mut Db { connection: &mut reader.connection, now: self.inner.clock.now() };
        let due = claim::is_due(db, &params, &self.inner.put_off).await?;
        reader.done();
        if !due {
            return Ok(Vec::new());
        }
        self.inner.writer.call(Piece::Claim, params).await
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        let mut slot = self.inner.renewing.lock().await;
        // Taken out while it is used: if this future is dropped half-way, so is the connection.
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => open_writing(&self.inner.options).await.map_err(store_error)?,
        };
        let _turn = self.inner.turn.lock().await;
        let db = &mut Db { connection: &mut connection, now: self.inner.clock.now() };
        let renewed = lease::renew(db, &params).await?;
        self.inner.file.check()?;
        *slot = Some(connection);
        Ok(renewed)
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        self.inner.writer.call(Piece::Log, batch).await
    }

    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError> {
        let alone = batch.len() == 1;
        match self.inner.writer.call(Piece::Finalize, batch).await {
            Err(error) if alone => refused(error).map(|answer| vec![answer]),
            answers => answers,
        }
    }

    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError> {
        self.inner.writer.call(Piece::Settle, batch).await
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        self.inner.writer.call(Piece::Release, batch).await
    }

    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError> {
        self.inner.writer.call(Piece::SweepExpired, limit).await
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        self.inner.writer.call(Piece::SweepOverBudget, params).await
    }

    async fn sweep_earlier(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        self.inner.writer.call(Piece::SweepEarlier, params).await
    }

    async fn unfinalized(
        &self,
        kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError> {
        read::unfinalized(&self.inner.readers, kinds, limit, self.inner.clock.now()).await
    }

    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        read::get(&self.inner.readers, owner, op_id).await
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        read::find(&self.inner.readers, identity).await
    }

    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError> {
        read::history(&self.inner.readers, owner, op_id).await
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        read::dead_letter(&self.inner.readers, owner, op_id).await
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        read::list(&self.inner.readers, &params).await
    }

    async fn unfinished(&self, params: UnfinishedParams) -> Result<Page<Unfinished>, StoreError> {
        read::unfinished(&self.inner.readers, params).await
    }

    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
        read::late(&self.inner.readers, &params).await
    }

    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError> {
        self.inner.writer.call(Piece::Resolve, params).await
    }

    async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), StoreError> {
        self.inner.writer.call(Piece::Refer, (of, op_id)).await
    }

    async fn record(&self, params: RecordParams) -> Result<RecordedAnswer, StoreError> {
        self.inner.writer.call(Piece::Record, params).await
    }

    async fn answer(&self, params: AnswerParams) -> Result<Vec<Swept>, StoreError> {
        // A look that finds nothing takes no lock.
        if params.of.is_none()
            && !read::answers_are_due(&self.inner.readers, self.inner.clock.now()).await?
        {
            return Ok(Vec::new());
        }
        self.inner.writer.call(Piece::Answer, params).await
    }

    async fn unmatched(&self, params: UnmatchedParams) -> Result<Vec<Unmatched>, StoreError> {
        read::unmatched(&self.inner.readers, params).await
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        self.inner.writer.call(Piece::Redrive, params).await
    }

    async fn purge(&self, limit: usize) -> Result<Purged, StoreError> {
        self.inner.writer.call(Piece::Purge, limit).await.map(purged)
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        read::unknown_kinds(&self.inner.readers, known, self.inner.clock.now()).await
    }

    async fn wait_for_work(&self, timeout: Duration) {
        self.inner.wake.wait(timeout).await;
    }

    fn wake(&self) {
        self.inner.wake.now();
    }
}

#[async_trait]
impl AcceptIn<SqliteConnection> for SqliteStore {
    async fn accept_in(
        &self,
        connection: &mut SqliteConnection,
        acceptance: Acceptance,
    ) -> Result<Admitted, StoreError> {
        let db = &mut Db { connection, now: self.inner.clock.now() };
        let answers = accept::accept(db, &[&acceptance]).await.map_err(in_transaction)?;
        let lost = || Err(StoreError::fatal("accept gave no answer"));
        answers.into_iter().next().unwrap_or_else(lost)
    }

    async fn identify_in(
        &self,
        connection: &mut SqliteConnection,
        kind: &Kind,
        form: IdentityForm,
    ) -> Result<StoredForm, StoreError> {
        form::identify(connection, kind, form).await.map_err(in_transaction)
    }
}
