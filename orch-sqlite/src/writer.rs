//! The one writer of a process: a thread that owns a connection.
//!
//! A thread and not a task: a caller's runtime that is blocked or gone cannot hold a half-run
//! group, and a group is never cancelled half-way (sqlx ≤ 0.9 leaves a transaction open when
//! its future is dropped at the wrong place).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orch_core::store::{Clock, Finalization, Finalized, Limits, PutOff, StoreError};
use orch_core::words::storable;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::connect::{close, commit_error, open_writing, store_error};
use crate::hook::{Hooks, Trouble};
use crate::page::{Limited, Taken};
use crate::piece::{Call, Many, Piece, single};
use crate::same_file::SameFile;
use crate::sql::Db;
use crate::wake::Wake;
use crate::{accept, lease, settle};

/// The most calls that one commit takes: a bound on how long a group holds the write lock.
const GROUP: usize = 256;
/// How many VM steps of SQLite pass between two looks at whether a hook was given up.
const INTERRUPT_EVERY: i32 = 10_000;

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

/// Serves a verb that takes as many operations as a limit allows.
macro_rules! limited {
    ($thread:ident, $call:ident, $verb:ident) => {{
        let unwrap = |piece| if let Piece::$verb(call) = piece { Some(call) } else { None };
        $thread.limit_by_limit($call, Piece::$verb, unwrap).await
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
        put_off: Arc<PutOff>,
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
            put_off,
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
    /// What SQLite has refused to move, to lease or to remove.
    put_off: Arc<PutOff>,
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
            Err(error) if error.is_transient() || alone && !group[0].is_divisible() => {
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
        let piece = match piece {
            Piece::Claim(call) => return limited!(self, call, Claim),
            Piece::SweepExpired(call) => return limited!(self, call, SweepExpired),
            Piece::Answer(call) => return limited!(self, call, Answer),
            Piece::SweepEarlier(call) => return limited!(self, call, SweepEarlier),
            Piece::SweepOverBudget(call) => return limited!(self, call, SweepOverBudget),
            Piece::Purge(call) => return limited!(self, call, Purge),
            piece => piece,
        };
        let mut group = vec![piece];
        match self.commit(&mut group).await {
            Ok(()) => self.answer(group),
            Err(error) if error.is_transient() || !group[0].is_divisible() => {
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

    /// A verb that takes what it finds. Fewer at once where SQLite refuses the whole only at the commit, as
    /// for a deferred foreign key, so that what it refuses is alone in the end: that is put off.
    async fn limit_by_limit<P: Limited, A: Taken>(
        &mut self,
        call: Call<P, Vec<A>>,
        wrap: fn(Call<P, Vec<A>>) -> Piece,
        unwrap: fn(Piece) -> Option<Call<P, Vec<A>>>,
    ) {
        let Call { mut params, reply: caller, .. } = call;
        let (mut taken, mut limits) = (Vec::new(), Limits::of(params.limit()));
        let mut failed = None;
        while let Some(limit) = limits.next() {
            params.set_limit(limit);
            let (reply, _) = oneshot::channel();
            let mut group = [wrap(Call { params: params.clone(), reply, answer: None })];
            let committed = self.commit(&mut group).await;
            let [piece] = group;
            if committed.is_ok() {
                self.note(&piece);
            }
            let found = unwrap(piece).and_then(|call| call.answer?.ok()).unwrap_or_default();
            let last = found.len() < limit;
            let (refused, moved): (Vec<A>, Vec<A>) = found.into_iter().partition(A::is_refused);
            taken.extend(refused);
            match committed {
                Ok(()) => {
                    taken.extend(moved);
                    if last {
                        break;
                    }
                }
                Err(error) if moved.is_empty() || !matches!(error, StoreError::Rejected(_)) => {
                    failed = Some(error);
                    break;
                }
                Err(error) => {
                    if limits.refused(moved.len()) {
                        let alone = moved.into_iter().next();
                        if let Some(alone) = alone {
                            self.put_off.refused(alone.op_id(), self.clock.now());
                            taken.extend(alone.refused(error.to_string()));
                        }
                    }
                }
            }
        }
        // What has been taken has to be told, whatever came after: it may be leased.
        let answer = match failed {
            Some(error) if taken.is_empty() => Err(error),
            _ => Ok(taken),
        };
        let _ = caller.send(answer);
    }

    fn answer(&self, group: Vec<Piece>) {
        group.iter().for_each(|piece| self.note(piece));
        group.into_iter().for_each(Piece::answer);
    }

    /// What this piece has written is durable.
    fn note(&self, piece: &Piece) {
        piece.note_moved(&self.put_off);
        if piece.makes_work() {
            self.wake.now();
        }
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
        if let Err(error) = transaction.commit().await {
            // The transaction is open still, and rolled back by having been dropped.
            return Err(self.trouble_at_commit(group, commit_error(error)));
        }
        if connection.is_in_transaction() {
            return Err(StoreError::transient("a hook left a savepoint open").into());
        }
        Ok(())
    }

    /// What SQLite refuses only at the commit is the hook's failure where one was the last to write: then
    /// the outcome is not to be finalized without an end.
    fn trouble_at_commit(&self, group: &[Piece], error: StoreError) -> Trouble {
        let [Piece::Finalize(call)] = group else { return error.into() };
        let [Finalization { claim, hook: Some(_) }] = &*call.params else { return error.into() };
        // What is refused without the hook as well is not the hook's.
        let is_hooks = self.hooks.has_ended(*claim) && !self.hooks.given_up.contains_key(claim);
        if error.is_transient() || !is_hooks {
            return error.into();
        }
        let reason = storable(&format!("finalize hook failed at its commit: {error}"));
        Trouble::Hook { claim: *claim, reason }
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
