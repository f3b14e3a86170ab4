use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::kinds::KnownKinds;
use super::running::Worker;
use super::{Config, Orchestrator, Runtime, StartError};
use crate::flow::{Acceptor, Equipment, Handlers, Watch, report_unconfirmed};
use crate::handler::{Descriptor, Registration, States};
use crate::metrics::describe;
use crate::policies::{Backoff, Contradiction};
use crate::store::{OpenError, Store, look, monotonic, open};
use crate::words::{KeyNamespace, Kind, OtherForm};

/// The delay between two attempts to reach the database at start.
const RETRY: Backoff = Backoff::from_millis(100, 10_000);

/// A runtime about to start: its database, the state of its handlers, the handlers it runs.
#[must_use = "nothing runs until this is started"]
pub struct RuntimeBuilder {
    source: Source,
    config: Config,
    states: States,
    registered: Vec<Registration>,
    only: Option<Vec<(String, String)>>,
    required: Vec<(String, String)>,
    works: bool,
}

enum Source {
    Url(String),
    Store(Arc<dyn Store>),
}

impl Runtime {
    /// Names the database: `sqlite://FILE`, `postgres://…`, or `memory:` for tests. Nothing
    /// happens until [`RuntimeBuilder::start`].
    pub fn connect(url: impl Into<String>) -> RuntimeBuilder {
        RuntimeBuilder::new(Source::Url(url.into()))
    }

    /// Uses a store that is already open, so that the program can use it too, for the outbox.
    pub fn on(store: impl Store) -> RuntimeBuilder {
        Self::on_shared(Arc::new(store))
    }

    /// [`Runtime::on`] for a store behind an `Arc`.
    pub fn on_shared(store: Arc<dyn Store>) -> RuntimeBuilder {
        RuntimeBuilder::new(Source::Store(store))
    }
}

impl RuntimeBuilder {
    fn new(source: Source) -> Self {
        Self {
            source,
            config: Config::default(),
            states: States::default(),
            registered: inventory::iter::<Registration>.into_iter().copied().collect(),
            only: None,
            required: Vec::new(),
            works: true,
        }
    }

    /// Gives handlers a value, for their `State<T>` arguments and those of their reconcile functions
    /// and finalize hooks. One per type; the last one counts.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states = self.states.with(value);
        self
    }

    /// Replaces the settings.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Restricts the worker to these (domain, event) pairs, of all that are linked in.
    pub fn only<D: Into<String>, E: Into<String>>(
        mut self,
        kinds: impl IntoIterator<Item = (D, E)>,
    ) -> Self {
        self.only = Some(kinds.into_iter().map(|(d, e)| (d.into(), e.into())).collect());
        self
    }

    /// Names (domain, event) pairs that must have a handler here: the start fails if one is missing. Not
    /// checked with `without_worker`. A crate of which the program names nothing is not linked, and its
    /// operations would wait.
    pub fn require<D: Into<String>, E: Into<String>>(
        mut self,
        kinds: impl IntoIterator<Item = (D, E)>,
    ) -> Self {
        self.required.extend(kinds.into_iter().map(|(d, e)| (d.into(), e.into())));
        self
    }

    /// Only accepts, waits, queries and resolves: no handler runs in this process, and no upkeep.
    /// So no `state` is needed. Another process on the same database has to run the worker.
    pub fn without_worker(mut self) -> Self {
        self.works = false;
        self
    }

    /// Adds a handler by hand. Handlers with `#[orchestrated]` are registered by the macro.
    #[doc(hidden)]
    pub fn register(mut self, registration: Registration) -> Self {
        self.registered.push(registration);
        self
    }

    /// Runs this in place of the registered handler of the same kind, for tests that observe an
    /// attempt.
    #[doc(hidden)]
    pub fn replace(mut self, registration: Registration) -> Self {
        let kind = |r: &Registration| (r.descriptor.domain, r.descriptor.event_type);
        self.registered.retain(|other| kind(other) != kind(&registration));
        self.register(registration)
    }

    /// Opens the store, waiting for a database that is down; checks that all fits together;
    /// starts the worker.
    ///
    /// # Errors
    /// [`StartError`], naming what does not fit. Nothing was claimed then.
    pub async fn start(self) -> Result<Runtime, StartError> {
        self.config.validate().map_err(StartError::Config)?;
        describe();
        let handlers = if self.works { self.handlers()? } else { Handlers::default() };
        let kinds = KnownKinds::of(&self.registered);
        let (store, namespace) = self.store(&kinds).await?;
        check_hooks(&handlers, &*store)?;

        let watch = Watch::default();
        let Config { payload_limit, accept_patience, .. } = self.config;
        let acceptor = Acceptor::start(Arc::clone(&store), payload_limit, accept_patience);
        let orchestrator =
            Orchestrator::new(Arc::clone(&store), acceptor, watch.clone(), namespace, kinds);
        let worker = if self.works {
            let equipment = Equipment { store, handlers, watch };
            Some(Worker::start(self.config, equipment, self.states)?)
        } else {
            None
        };
        Ok(Runtime::new(orchestrator, worker))
    }

    /// The handlers to run, each with all that it needs.
    fn handlers(&self) -> Result<Handlers, StartError> {
        let by_kind = self.registrations()?;
        for registration in by_kind.values() {
            for need in (registration.needs)() {
                if !self.states.has(&need) {
                    let handler = registration.descriptor.name;
                    return Err(StartError::MissingState { handler, state: need.name });
                }
            }
        }
        self.equipped(by_kind)
    }

    fn equipped(&self, by_kind: HashMap<Kind, Registration>) -> Result<Handlers, StartError> {
        let kept = self.config.retention();
        Handlers::new(by_kind.into_values(), &self.states, kept).map_err(StartError::Config)
    }

    /// The store as it is, and the handlers without their states: to look at operations.
    pub(super) async fn for_a_look(&self) -> Result<(Arc<dyn Store>, Handlers), StartError> {
        self.config.validate().map_err(StartError::Config)?;
        let handlers = self.equipped(self.registrations()?)?;
        let store = match &self.source {
            Source::Url(url) => look(url).await?,
            Source::Store(store) => Arc::clone(store),
        };
        check_hooks(&handlers, &*store)?;
        KnownKinds::of(&self.registered).check_forms(&store.forms().await?)?;
        Ok((store, handlers))
    }

    /// The handlers of this program: distinct, restricted by `only`, without contradictions.
    fn registrations(&self) -> Result<HashMap<Kind, Registration>, StartError> {
        let mut by_kind: HashMap<Kind, Registration> = HashMap::new();
        for registration in &self.registered {
            let handler = registration.descriptor.name;
            let kind = registration
                .policy(self.config.retention())
                .map_err(|source| StartError::Handler { handler, source })?
                .kind;
            if let Some(first) = by_kind.insert(kind.clone(), *registration) {
                return Err(StartError::TwoHandlers {
                    kind: kind.to_string(),
                    first: place(&first),
                    second: place(registration),
                });
            }
        }
        for (domain, event) in &self.required {
            let kind = Kind::new(domain, event).map_err(StartError::Config)?;
            if !by_kind.contains_key(&kind) {
                return Err(StartError::NoHandler { kind: kind.to_string() });
            }
        }
        if let Some(only) = &self.only {
            by_kind = restricted(by_kind, only)?;
        }
        for registration in by_kind.values() {
            check_declarations(registration)?;
        }
        Ok(by_kind)
    }

    /// The store, open and up to date, and the namespace of new keys. The database may be away for as long
    /// as it likes.
    async fn store(
        &self,
        kinds: &KnownKinds,
    ) -> Result<(Arc<dyn Store>, KeyNamespace), StartError> {
        let mut tries = 0;
        loop {
            let error = match self.open(kinds).await {
                Err(StartError::Store(error) | StartError::Open(OpenError::Store(error)))
                    if error.is_transient() =>
                {
                    error
                }
                done => return done,
            };
            tries += 1;
            let delay: Duration = RETRY.delay(tries, fastrand::f64());
            tracing::warn!(error = ?error, ?delay, "waiting for the database");
            monotonic::sleep(delay).await;
        }
    }

    async fn open(&self, kinds: &KnownKinds) -> Result<(Arc<dyn Store>, KeyNamespace), StartError> {
        let store = match &self.source {
            Source::Url(url) => open(url).await?,
            Source::Store(store) => {
                store.migrate().await?;
                Arc::clone(store)
            }
        };
        let namespace = store.key_namespace(self.config.key_namespace).await?;
        report_unconfirmed(&store.incarnation().await?);
        self.identify(&*store, kinds).await?;
        Ok((store, namespace))
    }

    /// Compares the forms in which identities are made here with those that are stored. A worker stores
    /// those that are the next; who only accepts may not be allowed to write that, and an accept does it.
    async fn identify(&self, store: &dyn Store, kinds: &KnownKinds) -> Result<(), StartError> {
        let stored = store.forms().await?;
        kinds.check_forms(&stored)?;
        for (kind, form) in kinds.next_forms(&stored).filter(|_| self.works) {
            OtherForm::check(kind, form, &store.identify(kind, form).await?)?;
            if form.number > 1 {
                tracing::info!(%kind, form = form.number, "accepts in a new form of the identity");
            }
        }
        Ok(())
    }
}

/// Checks what a handler declares against itself.
fn check_declarations(registration: &Registration) -> Result<(), StartError> {
    let Descriptor { effect, in_doubt, key_lifetime, .. } = registration.descriptor;
    Contradiction::check(effect, in_doubt, key_lifetime)
        .map_err(|rule| StartError::Contradiction { handler: place(registration), rule })
}

fn restricted(
    mut by_kind: HashMap<Kind, Registration>,
    only: &[(String, String)],
) -> Result<HashMap<Kind, Registration>, StartError> {
    only.iter()
        .map(|(domain, event)| {
            let kind = Kind::new(domain, event).map_err(StartError::Config)?;
            let registration = by_kind
                .remove(&kind)
                .ok_or_else(|| StartError::NoHandler { kind: kind.to_string() })?;
            Ok((kind, registration))
        })
        .collect()
}

fn check_hooks(handlers: &Handlers, store: &dyn Store) -> Result<(), StartError> {
    let given = store.connection_type();
    for registration in handlers.registrations() {
        let Some(hook) = registration.finalize else { continue };
        let taken = (hook.connection)();
        if taken != given {
            return Err(StartError::HookConnection {
                handler: registration.descriptor.name,
                hook: taken.name(),
                store: given.name(),
                library: given.library(),
            });
        }
    }
    Ok(())
}

fn place(registration: &Registration) -> String {
    let descriptor = &registration.descriptor;
    format!("{} ({}:{})", descriptor.name, descriptor.file, descriptor.line)
}

impl fmt::Debug for RuntimeBuilder {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
