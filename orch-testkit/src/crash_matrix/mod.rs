//! The crash matrix: your own handler, killed at every boundary.

mod books;
mod boundary;
mod cell;
mod database;
mod drive;
mod gate;
mod handler;
mod intercept;
mod judge;
mod process;
mod report;
mod request;
#[cfg(feature = "sqlite")]
mod sqlite_file;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::{Descriptor, HandledCommand, Reconciled, Registration};
use orch_core::provider::{KeyPlace, Provider};
use orch_core::runtime::RuntimeBuilder;

pub use books::ProviderBooks;
pub use boundary::Boundary;
pub use cell::Cell;
pub use database::Database;
pub use handler::OrchestratedFn;
pub use judge::CellFault;
pub use report::Report;
#[cfg(feature = "sqlite")]
pub use sqlite_file::SqliteFile;
pub use telling::Telling;

use request::Request;

/// Prepares the crash matrix of an orchestrated function: for each [`Boundary`] a process accepts
/// the command and is killed there; the client sends its request again to a second process, which
/// finishes the operation. Where that process runs the handler again, there is another cell, in
/// which it is killed there as well and a third one takes over.
///
/// The function is run as in production: registered by its attribute, by a separate runtime. Each
/// process is such a runtime on its own threads. To kill it is to drop it at that point: nothing
/// of it reaches the store any more, and its lease has to expire. The test does not sleep: it
/// advances a manual clock as soon as nothing else is to be done, so leases and backoffs cost no
/// time.
///
/// Your client has to be able to call the fake: it takes a base URL, or it is a trait that both
/// implement. Only the store's clock is advanced: sockets and the handler's `attempt_timeout` use
/// real time, so a fake behind a real socket works.
///
/// ```
/// # use std::sync::Arc;
/// # use orch_testkit::{ScriptedProvider, crash_matrix};
/// # async fn example<C, A, F>(charge: F, command: C)
/// # where C: orch_core::handler::HandledCommand, F: orch_testkit::OrchestratedFn<C, A> {
/// crash_matrix(charge, command)
///     .against(ScriptedProvider::default)
///     .state(Arc::clone)
///     .run()
///     .await
///     .assert_safe();
/// # }
/// ```
///
/// Against a provider that does with keys what its contract says, and answers the first call with a 502
/// behind the act:
///
/// ```
/// # use std::sync::Arc;
/// # use orch_core::provider::catalogue::CheckoutCom;
/// # use orch_testkit::{ScriptedProvider, Step, crash_matrix};
/// # async fn example<C, A, F>(charge: F, command: C)
/// # where C: orch_core::handler::HandledCommand, F: orch_testkit::OrchestratedFn<C, A> {
/// let gateway = || ScriptedProvider::of::<CheckoutCom>().script([Step::ChargeAndError(502)]);
/// crash_matrix(charge, command)
///     .against(gateway)
///     .state(Arc::clone)
///     .run()
///     .await
///     .assert_safe();
/// # }
/// ```
///
/// # Panics
/// If the function is not the one that is registered for the command, or the command's keys could
/// not be accepted.
#[must_use = "nothing runs before `.against(…)` and `.run()`"]
pub fn crash_matrix<C, Arguments, F>(handler: F, command: C) -> CrashMatrix
where
    C: HandledCommand,
    F: OrchestratedFn<C, Arguments>,
{
    let _ = handler;
    let registration = handler::registration::<C, F>();
    match Request::of(&command) {
        Ok(request) => CrashMatrix { registration, request, time_budget: C::TIME_BUDGET },
        Err(invalid) => panic!("the command of the crash matrix cannot be accepted: {invalid}"),
    }
}

/// What is to be tested; it lacks the provider.
#[derive(Debug)]
pub struct CrashMatrix {
    registration: Registration,
    request: Request,
    time_budget: Duration,
}

/// A crash matrix, ready to run.
#[must_use = "nothing runs before `.run()`"]
pub struct Matrix<P> {
    registration: Registration,
    /// The handler as the release has it that takes over, under the kind of the first.
    successor: Option<Registration>,
    request: Request,
    provider: Box<dyn Fn() -> P + Send + Sync>,
    states: Arc<Vec<GiveState<P>>>,
    database: Box<dyn Fn() -> Arc<dyn Database> + Send + Sync>,
    time_budget: Duration,
    boundaries: Vec<Boundary>,
    /// True if calls carry the reference of the command, and no key of ours.
    reference_in_command: bool,
    tells: Option<telling::Record<P>>,
}

type GiveState<P> = Box<dyn Fn(RuntimeBuilder, &Arc<P>) -> RuntimeBuilder + Send + Sync>;

impl CrashMatrix {
    /// The provider that the handler calls: a fake that keeps books. Each cell gets a new one.
    pub fn against<P: ProviderBooks>(
        self,
        provider: impl Fn() -> P + Send + Sync + 'static,
    ) -> Matrix<P> {
        let Self { registration, request, time_budget } = self;
        Matrix {
            registration,
            successor: None,
            request,
            provider: Box::new(provider),
            states: Arc::default(),
            database: Box::new(|| Arc::new(database::Memory::default())),
            time_budget,
            boundaries: Boundary::ALL.to_vec(),
            reference_in_command: false,
            tells: None,
        }
    }
}

impl<P: ProviderBooks> Matrix<P> {
    /// Gives the handler a state, as `Runtime::state` does, made for each process from the
    /// provider of its cell: a client that talks to it. `Arc::clone` gives the provider itself.
    pub fn state<T: Send + Sync + 'static>(
        mut self,
        state: impl Fn(&Arc<P>) -> T + Send + Sync + 'static,
    ) -> Self {
        let states = Arc::get_mut(&mut self.states).expect("not shared before the run");
        states.push(Box::new(move |builder, provider| builder.state(state(provider))));
        self
    }

    /// Where operations are stored: an empty database for each cell, or, if the command has no
    /// idempotency key field, one that the cells share. Defaults to memory. A handler with
    /// a finalize hook needs the database that its hook takes a connection of: for SQLite that
    /// is `SqliteFile`, with the feature `sqlite` of this crate.
    pub fn on<D: Database>(mut self, database: impl Fn() -> D + Send + Sync + 'static) -> Self {
        self.database = Box::new(move || Arc::new(database()));
        self
    }

    /// Has a process of another release take over from the one that died: `handler` is the handler as
    /// that release has it. Two handlers of one kind do not link, so declare it for another event type;
    /// here it runs under the kind of the first. Where it leaves the operation, since it lacks a part (a
    /// field of the command, the finalize hook, the reconcile), a third process, of the first release,
    /// ends it, as in a deploy in which both are at work. Two deaths in a row are not tried then.
    ///
    /// # Panics
    /// If the function is not the one that is registered for its command.
    pub fn taken_over_by<C, Arguments, F>(mut self, handler: F) -> Self
    where
        C: HandledCommand,
        F: OrchestratedFn<C, Arguments>,
    {
        let _ = handler;
        let other = handler::registration::<C, F>();
        let Descriptor { domain, event_type, .. } = self.registration.descriptor;
        let descriptor = Descriptor { domain, event_type, ..other.descriptor };
        self.successor = Some(Registration { descriptor, ..other });
        self
    }

    /// The contract that the handler names. Say it where `KEY_PLACE` is
    /// [`KeyPlace::Command`]: a call then carries the reference of the command. The matrix asks no call for a key of
    /// ours, takes it as it is that the same command has the same reference in every cell, and finds calls of one
    /// operation with different references. A fake that sees none may record an empty text.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use orch_core::provider::catalogue::TossConfirm;
    /// # use orch_testkit::{ScriptedProvider, crash_matrix};
    /// # async fn example<C, A, F>(confirm: F, command: C)
    /// # where C: orch_core::handler::HandledCommand, F: orch_testkit::OrchestratedFn<C, A> {
    /// crash_matrix(confirm, command)
    ///     .against(ScriptedProvider::of::<TossConfirm>)
    ///     .contract::<TossConfirm>()
    ///     .state(Arc::clone)
    ///     .run()
    ///     .await
    ///     .assert_safe();
    /// # }
    /// ```
    pub fn contract<Named: Provider>(mut self) -> Self {
        self.reference_in_command = matches!(Named::KEY_PLACE, KeyPlace::Command);
        self
    }

    /// Has the provider tell by itself how an operation stands, in a message that a process of its own records
    /// ([`Orchestrator::record_answer`](orch_core::runtime::Orchestrator::record_answer)) once the one that had the
    /// operation is dead. `says` makes the message of the provider's books. To the cells there come four for each
    /// boundary behind which there is an operation, one for each [`Telling`]: in two of them the process that
    /// records dies too.
    ///
    /// No message may be lost: one that says [`Reconciled::Happened`] is in the history in the end, and completes
    /// the operation if it is recorded at once.
    ///
    /// # Panics
    /// If `C` is not the command of the handler.
    pub fn tells<C: HandledCommand>(
        mut self,
        says: impl Fn(&P) -> Reconciled<C::Output> + Send + Sync + 'static,
    ) -> Self
    where
        C::Output: Send,
    {
        let Descriptor { domain, event_type, .. } = self.registration.descriptor;
        assert!(
            (domain, event_type) == (C::DOMAIN, C::EVENT),
            "the crash matrix is of {domain}/{event_type}, and its provider tells of {}/{}; give \
             `.tells` the command of the handler",
            C::DOMAIN,
            C::EVENT
        );
        self.tells = Some(telling::record::<P, C>(says));
        self
    }

    /// The operation's time budget, of the store's clock. Defaults to the handler's `time_budget`.
    pub fn time_budget(mut self, time_budget: Duration) -> Self {
        self.time_budget = time_budget;
        self
    }

    /// Only these boundaries, to look closer at one, whether one process dies there or two. All of
    /// them unless said.
    pub fn killed_at(mut self, boundaries: impl IntoIterator<Item = Boundary>) -> Self {
        self.boundaries = boundaries.into_iter().collect();
        self
    }

    /// Runs it: once without a kill, then once for each boundary that the handler has, then, with
    /// `max_attempts` of 3 or more, once for each of those behind which the handler ran again: two
    /// processes in a row die there. What a handler does from its fourth attempt on is not seen.
    ///
    /// # Panics
    /// If the runtime cannot start or the command is not accepted, with the reason.
    pub async fn run(self) -> Report {
        let hooked = self.registration.finalize.is_some();
        let mut cells = vec![self.cell(None, 0, None).await];
        for &boundary in &self.boundaries {
            if hooked || !boundary.needs_hook() {
                cells.push(self.cell(Some(boundary), 1, None).await);
            }
        }
        for boundary in self.again(&cells) {
            let cell = self.cell(Some(boundary), 2, None).await;
            // Else the second process has not come there: the cell of one death has told that.
            cells.extend((cell.deaths == 2).then_some(cell));
        }
        if self.tells.is_some() {
            for &boundary in &self.boundaries {
                // Before the command is stored there is no operation to tell of.
                if boundary != Boundary::Accepting && (hooked || !boundary.needs_hook()) {
                    for telling in Telling::ALL {
                        cells.push(self.cell(Some(boundary), 1, Some(telling)).await);
                    }
                }
            }
        }
        Report::new(&self.registration, cells, self.reference_in_command)
    }

    /// Where a second death in a row leads to a third run.
    fn again(&self, cells: &[Cell]) -> Vec<Boundary> {
        if self.registration.descriptor.max_attempts < 3 || self.successor.is_some() {
            return Vec::new();
        }
        cells.iter().filter(|cell| cell.ran_again()).filter_map(|cell| cell.boundary).collect()
    }

    /// The longest that one attempt may take.
    fn patience(&self) -> Duration {
        self.registration.descriptor.attempt_timeout
    }
}

impl<P> std::fmt::Debug for Matrix<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matrix").field("registration", &self.registration).finish_non_exhaustive()
    }
}
