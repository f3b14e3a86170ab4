//! The one writer of a process: a thread that owns a connection.
//!
//! A thread and not a task: a caller's runtime that is blocked or gone cannot hold a half-run
//! group, and a group is never cancelled half-way (sqlx ≤ 0.9 leaves a transaction open when
//! its future is dropped at the wrong place).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orch_core::store::{
    Acceptance, Admitted, ClaimParams, Claimed, Clock, ConfirmParams, Confirmed, EndedAttempt,
    Finalization, Finalized, Logged, Purged, PutOff, RedriveParams, Redriven, Release, Released,
    ResolveParams, Resolved, StoreError, SweepParams, Swept,
};
use orch_core::words::Incarnation;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::connect::{close, open_writing, store_error};
use crate::hook::{Hooks, Trouble};
use crate::same_file::{Birth, SameFile};
use crate::sql::Db;
use crate::wake::Wake;
use crate::{accept, claim, incarnation, lease, operator, purge, settle, sweep};

/// The most calls that one commit takes: a bound on how long a group holds the write lock.
const GROUP: usize = 256;
/// How many VM steps of SQLite pass between two looks at whether a hook was given up.
const INTERRUPT_EVERY: i32 = 10_000;

/// A call that waits for its answer.
pub(crate) struct Call<P, A> {
    params: P,
    reply: oneshot::Sender<Result<A, StoreError>>,
    answer: Option<Result<A, StoreError>>,
}

/// A call of a verb over a batch.
type Many<I, A> = Call<Vec<I>, Vec<A>>;

/// The verbs that write.
pub(crate) enum Piece {
    Accept(Many<Acceptance, Admitted>),
    Claim(Call<ClaimParams, Vec<Claimed>>),
    Log(Many<EndedAttempt, Logged>),
    Finalize(Many<Finalization, Finalized>),
    Settle(Many<EndedAttempt, Finalized>),
    Release(Many<Release, Released>),
    SweepExpired(Call<usize, Vec<Swept>>),
    SweepEarlier(Call<SweepParams, Vec<Swept>>),
    SweepOverBudget(Call<SweepParams, Vec<Swept>>),
    Incarnation(Call<Birth, Incarnation>),
    Confirm(Call<(ConfirmParams, Birth), Confirmed>),
    Resolve(Call<ResolveParams, Resolved>),
    Redrive(Call<RedriveParams, Redriven>),
    Purge(Call<usize, Purged>),
}

/// Runs the calls of one batch verb as a single batch, and deals out the answers.
macro_rules! merged {
    ($group:ident, $verb:ident, |$batch:ident| $run:expr) => {{
        let batch: Vec<_> = $group
            .iter()
            .filter_map(|piece| if let Piece::$verb(call) = piece { Some(call) } else { None })
            .flat_map(|call| &call.params)
            .collect();
        let calls = $group.iter().any(|piece| matches!(piece, Piece::$verb(_)));
        if calls {
            let $batch = &batch;
            let answers = $run.await?;
            let mut answers = answers.into_iter();
            for piece in $group.iter_mut() {
                if let Piece::$verb(call) = piece {
                    let own = answers.by_ref().take(call.params.len());
                    call.answer = Some(own.collect());
                }
            }
        }
    }};
}

/// The way to the writer. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub(crate) struct Writer {
    pieces: mpsc::UnboundedSender<Piece>,
}

impl Writer {
    /// Starts the thread; it opens its connection with the first call.
    pub(crate) fn start(
        options: SqliteConnectOptions,
        file: SameFile,
        clock: Arc<dyn Clock>,
        turn: Arc<Mutex<()>>,
        wake: Arc<Wake>,
    ) -> Result<Self, StoreError> {
        let (pieces, arriving) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StoreError::transient)?;
        let thread = Thread {
            options,
            file,
            connection: None,
            clock,
            turn,
            wake,
            hooks: Hooks::default(),
            put_off: PutOff::default(),
        };
        std::thread::Builder::new()
            .name("orch-sqlite-writer".to_owned())
            .spawn(move || runtime.block_on(thread.run(arriving)))
            .map_err(StoreError::transient)?;
        Ok(Self { pieces })
    }

    /// Hands a call to the writer and waits for its commit.
    pub(crate) async fn call<P, A>(
        &self,
        piece: impl FnOnce(Call<P, A>) -> Piece,
        params: P,
    ) -> Result<A, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::transient("the writer's thread has ended");
        self.pieces.send(piece(Call { params, reply, answer: None })).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// What the thread owns.
struct Thread {
    options: SqliteConnectOptions,
    file: SameFile,
    connection: Option<SqliteConnection>,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
    wake: Arc<Wake>,
    hooks: Hooks,
    /// What SQLite has refused to move in a sweep.
    put_off: PutOff,
}

impl Thread {
    async fn run(mut self, mut arriving: mpsc::UnboundedReceiver<Piece>) {
        while let Some(first) = arriving.recv().await {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(piece) = arriving.try_recv()
            {
                group.push(piece);
            }
            self.serve(group).await;
        }
        if let Some(connection) = self.connection.take() {
            close(connection).await;
        }
    }

    /// Commits a group, then answers. What the database refuses for good is run again piece by
    /// piece, so that a bad one fails alone.
    async fn serve(&mut self, mut group: Vec<Piece>) {
        self.hooks.next_group();
        let alone = group.len() == 1;
        match self.commit(&mut group).await {
            Ok(()) => self.answer(group),
            Err(error) if error.is_transient() || (alone && group[0].items() <= 1) => {
                group.into_iter().for_each(|piece| piece.fail(&error));
            }
            Err(_) => {
                for piece in group {
                    self.serve_alone(piece).await;
                }
            }
        }
    }

    /// One piece, in a separate transaction; a batch that still fails, item by item.
    async fn serve_alone(&mut self, piece: Piece) {
        let mut group = vec![piece];
        match self.commit(&mut group).await {
            Ok(()) => self.answer(group),
            Err(error) if error.is_transient() || group[0].items() <= 1 => {
                group.into_iter().for_each(|piece| piece.fail(&error));
            }
            Err(_) => {
                for piece in group {
                    match piece {
                        Piece::Accept(call) => self.item_by_item(call, Piece::Accept, Err).await,
                        Piece::Log(call) => self.item_by_item(call, Piece::Log, Err).await,
                        Piece::Finalize(call) => {
                            self.item_by_item(call, Piece::Finalize, refused).await;
                        }
                        Piece::Settle(call) => self.item_by_item(call, Piece::Settle, Err).await,
                        Piece::Release(call) => self.item_by_item(call, Piece::Release, Err).await,
                        single => self.answer(vec![single]),
                    }
                }
            }
        }
    }

    /// The others succeed; the call as a whole answers the first error for which there is no answer.
    async fn item_by_item<I, A>(
        &mut self,
        call: Many<I, A>,
        piece: impl Fn(Many<I, A>) -> Piece,
        answer_to: fn(StoreError) -> Result<A, StoreError>,
    ) {
        let mut answers = Vec::with_capacity(call.params.len());
        for item in call.params {
            let (reply, answer) = oneshot::channel();
            let mut group = vec![piece(Call { params: vec![item], reply, answer: None })];
            match self.commit(&mut group).await {
                Ok(()) => self.answer(group),
                Err(error) => group.into_iter().for_each(|piece| piece.fail(&error)),
            }
            let lost = || Err(StoreError::transient("the writer lost an answer"));
            let answer = answer.await.unwrap_or_else(|_| lost());
            answers.push(answer.or_else(|error| answer_to(error).map(|answer| vec![answer])));
        }
        let answers: Result<Vec<Vec<A>>, StoreError> = answers.into_iter().collect();
        let _ = call.reply.send(answers.map(|answers| answers.into_iter().flatten().collect()));
    }

    fn answer(&self, group: Vec<Piece>) {
        if group.iter().any(Piece::makes_work) {
            self.wake.now();
        }
        group.into_iter().for_each(Piece::answer);
    }

    /// One transaction for the whole group. After a hook that had to be given up, once more
    /// without that hook.
    async fn commit(&mut self, group: &mut [Piece]) -> Result<(), StoreError> {
        loop {
            match self.attempt(group).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Store(error)) => return Err(error),
                Err(Trouble::Hook { claim, reason }) => {
                    tracing::warn!(op_id = %claim.op_id, reason, "a finalize hook was given up");
                    self.hooks.given_up.insert(claim, reason);
                }
            }
        }
    }

    async fn attempt(&mut self, group: &mut [Piece]) -> Result<(), Trouble> {
        let mut connection = self.connect().await?;
        let turn = Arc::clone(&self.turn);
        let _turn = turn.lock().await;
        // After the commit, so that nothing is answered that is in no file.
        let done = self.transaction(&mut connection, group).await;
        let done = done.and_then(|()| self.file.check().map_err(Trouble::from));
        match &done {
            // A refusal that rolled back cleanly leaves the connection as good as new.
            Ok(()) => self.connection = Some(connection),
            Err(Trouble::Store(error)) if !error.is_transient() => {
                self.connection = Some(connection);
            }
            Err(_) => close(connection).await,
        }
        done
    }

    async fn transaction(
        &self,
        connection: &mut SqliteConnection,
        group: &mut [Piece],
    ) -> Result<(), Trouble> {
        let mut transaction =
            connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
        let db = &mut Db { connection: &mut transaction, now: self.clock.now() };
        if let Err(trouble) = self.run_group(db, group).await {
            if let Trouble::Store(_) = trouble
                && let Err(error) = transaction.rollback().await
            {
                return Err(StoreError::transient(error).into());
            }
            return Err(trouble);
        }
        transaction.commit().await.map_err(StoreError::transient)?;
        if connection.is_in_transaction() {
            return Err(StoreError::transient("a hook left a savepoint open").into());
        }
        Ok(())
    }

    /// The connection of the last group, or a new one.
    async fn connect(&mut self) -> Result<SqliteConnection, StoreError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let mut connection = open_writing(&self.options).await.map_err(StoreError::transient)?;
        self.hooks.interrupt.store(false, Ordering::SeqCst);
        let interrupt = Arc::clone(&self.hooks.interrupt);
        connection
            .lock_handle()
            .await
            .map_err(StoreError::transient)?
            .set_progress_handler(INTERRUPT_EVERY, move || !interrupt.load(Ordering::SeqCst));
        Ok(connection)
    }

    /// Ends first, then beginnings, then claims: so one group hands out what it has freed.
    async fn run_group(&self, db: &mut Db<'_>, group: &mut [Piece]) -> Result<(), Trouble> {
        merged!(group, Settle, |batch| settle::settle(db, batch));
        merged!(group, Log, |batch| settle::log(db, batch));
        merged!(group, Finalize, |batch| settle::finalize(db, batch, &self.hooks));
        merged!(group, Release, |batch| lease::release(db, batch));
        merged!(group, Accept, |batch| accept::accept(db, batch));
        for piece in group {
            single(db, piece, &self.put_off).await?;
        }
        Ok(())
    }
}

/// What is logged stays so: the Finalizer tries again.
pub(crate) fn refused(error: StoreError) -> Result<Finalized, StoreError> {
    if error.is_transient() {
        return Err(error);
    }
    Ok(Finalized::Refused { reason: error.to_string() })
}

/// The verbs that are no batch, one after the other.
async fn single(db: &mut Db<'_>, piece: &mut Piece, put_off: &PutOff) -> Result<(), StoreError> {
    match piece {
        Piece::Claim(call) => call.answer = Some(Ok(claim::claim(db, &call.params).await?)),
        Piece::SweepExpired(call) => {
            call.answer = Some(Ok(sweep::expired(db, call.params, put_off).await?));
        }
        Piece::SweepOverBudget(call) => {
            call.answer = Some(Ok(sweep::over_budget(db, &call.params, put_off).await?));
        }
        Piece::SweepEarlier(call) => {
            call.answer = Some(Ok(sweep::earlier(db, &call.params, put_off).await?));
        }
        Piece::Incarnation(call) => {
            call.answer = Some(Ok(incarnation::look(db, call.params).await?));
        }
        Piece::Confirm(call) => {
            let (params, birth) = &call.params;
            call.answer = Some(Ok(incarnation::confirm(db, params, *birth).await?));
        }
        Piece::Resolve(call) => call.answer = Some(Ok(operator::resolve(db, &call.params).await?)),
        Piece::Redrive(call) => call.answer = Some(Ok(operator::redrive(db, &call.params).await?)),
        Piece::Purge(call) => call.answer = Some(Ok(purge::purge(db, call.params).await?)),
        Piece::Accept(_)
        | Piece::Log(_)
        | Piece::Finalize(_)
        | Piece::Settle(_)
        | Piece::Release(_) => {}
    }
    Ok(())
}

/// Does the same to the call inside, whatever verb it is of.
macro_rules! each {
    ($piece:expr, $call:ident => $act:expr) => {
        match $piece {
            Piece::Accept($call) => $act,
            Piece::Claim($call) => $act,
            Piece::Log($call) => $act,
            Piece::Finalize($call) => $act,
            Piece::Settle($call) => $act,
            Piece::Release($call) => $act,
            Piece::SweepExpired($call) => $act,
            Piece::SweepEarlier($call) => $act,
            Piece::SweepOverBudget($call) => $act,
            Piece::Incarnation($call) => $act,
            Piece::Confirm($call) => $act,
            Piece::Resolve($call) => $act,
            Piece::Redrive($call) => $act,
            Piece::Purge($call) => $act,
        }
    };
}

impl Piece {
    /// Sends the answer, now that it is durable. A caller that no longer listens is no error.
    fn answer(self) {
        each!(self, call => {
            let lost = || Err(StoreError::transient("the writer has no answer"));
            let _ = call.reply.send(call.answer.unwrap_or_else(lost));
        });
    }

    fn fail(self, error: &StoreError) {
        each!(self, call => { let _ = call.reply.send(Err(error.clone())); });
    }

    /// Items that can fail apart from each other.
    fn items(&self) -> usize {
        match self {
            Self::Accept(call) => call.params.len(),
            Self::Log(call) => call.params.len(),
            Self::Settle(call) => call.params.len(),
            Self::Finalize(call) => call.params.len(),
            Self::Release(call) => call.params.len(),
            _ => 1,
        }
    }

    /// True for the verbs after which there may be work to claim.
    fn makes_work(&self) -> bool {
        !matches!(self, Self::Claim(_) | Self::Log(_) | Self::Purge(_) | Self::Incarnation(_))
    }
}
