use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::{Divergences, Equipment, Handlers, Watch};
use crate::store::{Finalized, Store, StoreError, Swept, monotonic};

/// Takes back expired leases and ends operations whose time budget is spent; also reports due
/// operations of kinds that this worker does not know.
pub struct Reaper {
    config: ReaperConfig,
    store: Arc<dyn Store>,
    handlers: Handlers,
    watch: Watch,
    reported_at: Mutex<Option<Instant>>,
    database: Mutex<Database>,
    divergences: Divergences,
}

/// How the database has answered lately.
#[derive(Debug, Clone, Copy, Default)]
enum Database {
    #[default]
    Answers,
    Away,
    BackSince(Instant),
}

/// After an outage every lease may have expired, also of attempts whose outcome waits in its
/// worker's memory. So the owners come first: this is longer than the longest pause between two
/// tries to store an outcome.
const OWNERS_FIRST: Duration = Duration::from_secs(3);
/// How often waiting kinds without a handler are reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How the [`Reaper`] runs.
#[derive(Debug, Clone, Copy)]
pub struct ReaperConfig {
    /// Between two passes: a lost attempt is noticed within its lease and this. Defaults to 1 s.
    pub every: Duration,
    /// Operations per sweep. Defaults to 500.
    pub limit: usize,
}

impl Default for ReaperConfig {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), limit: 500 }
    }
}

impl Reaper {
    /// A reaper in a worker with these handlers.
    pub fn new(config: ReaperConfig, equipment: Equipment) -> Self {
        let Equipment { store, handlers, watch } = equipment;
        Self {
            divergences: Divergences::new(&store),
            config,
            store,
            handlers,
            watch,
            reported_at: Mutex::default(),
            database: Mutex::default(),
        }
    }

    async fn note(&self, swept: &[Swept], why: &str) {
        let mut ended = Vec::new();
        for row in swept {
            let to = row.to.as_ref().map(tracing::field::display);
            tracing::warn!(op_id = %row.op_id, kind = %row.kind, to, why, "swept");
            self.watch.moved(row.op_id);
            if let Some(to) = &row.to {
                self.handlers.meters(&row.kind).moved(to);
            }
            if matches!(row.to, Some(Finalized::Finished(_))) {
                ended.push(row.op_id);
            }
        }
        self.divergences.after_end(ended).await;
    }

    async fn report_unknown_kinds(&self) -> Result<(), StoreError> {
        if !self.report_is_due() {
            return Ok(());
        }
        for (kind, due) in self.store.unknown_kinds(&self.handlers.kinds()).await? {
            tracing::warn!(%kind, due, "operations wait for a worker with this handler");
        }
        Ok(())
    }

    fn owners_come_first(&self) -> bool {
        match *self.database.lock().unwrap_or_else(PoisonError::into_inner) {
            Database::Answers => false,
            Database::Away => true,
            Database::BackSince(at) => at.elapsed() < OWNERS_FIRST,
        }
    }

    /// Notes whether the database has answered.
    fn noted<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        match (&answer, *database) {
            (Err(error), _) if error.is_transient() => *database = Database::Away,
            (Ok(_), Database::Away) => *database = Database::BackSince(monotonic::now()),
            _ => {}
        }
        answer
    }

    fn report_is_due(&self) -> bool {
        let mut reported_at = self.reported_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = reported_at.is_none_or(|at| at.elapsed() >= REPORT_EVERY);
        if due {
            *reported_at = Some(monotonic::now());
        }
        due
    }
}

#[async_trait]
impl Upkeep for Reaper {
    const NAME: &'static str = "reaper";

    fn every(&self) -> Duration {
        self.config.every
    }

    async fn run_once(&self) -> Result<Report, StoreError> {
        let limit = self.config.limit;
        let expired = if self.owners_come_first() {
            Vec::new()
        } else {
            self.noted(self.store.sweep_expired(limit).await)?
        };
        for row in &expired {
            self.handlers.meters(&row.kind).lease_lost();
        }
        self.note(&expired, "the lease expired").await;
        let spent = self.noted(self.store.sweep_over_budget(self.handlers.sweep(limit)).await)?;
        self.note(&spent, "the time budget is spent").await;
        self.report_unknown_kinds().await?;
        Ok(Report {
            moved: expired.len() + spent.len(),
            failed: 0,
            more: expired.len() >= limit || spent.len() >= limit,
        })
    }
}

impl fmt::Debug for Reaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaper").field("config", &self.config).finish_non_exhaustive()
    }
}
