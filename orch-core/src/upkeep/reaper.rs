use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::{Equipment, announce_told, divergence, report_unconfirmed};
use crate::store::{AnswerParams, Finalized, StoreError, Swept, lock, monotonic};

/// Operations per sweep.
const LIMIT: usize = 500;

/// Takes back expired leases, puts in doubt what may lack a part of its history, and ends operations
/// whose time budget is spent; and applies what providers have told, where its operation was not known at
/// once. Also logs an unconfirmed incarnation, and due operations of kinds
/// that this worker does not know.
#[derive(Debug)]
pub struct Reaper {
    equipment: Equipment,
    reported_at: Mutex<Option<Instant>>,
    database: Mutex<Database>,
}

/// How the database has answered lately.
#[derive(Debug, Clone, Copy, Default)]
enum Database {
    #[default]
    Answers,
    Away,
    BackSince(Instant),
}

/// After an outage every lease may have expired, even of attempts whose outcome waits in its
/// worker's memory. So the owners come first: this is longer than the longest delay between two
/// retries to store an outcome.
const OWNERS_FIRST: Duration = Duration::from_secs(3);
/// How often an unconfirmed incarnation and waiting kinds without a handler are reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Reaper {
    /// A reaper in a worker with these handlers.
    #[must_use]
    pub fn new(equipment: Equipment) -> Self {
        Self { equipment, reported_at: Mutex::default(), database: Mutex::default() }
    }

    async fn note(&self, swept: &[Swept], why: &str) {
        let mut ended = Vec::new();
        for row in swept {
            if let Some(refused @ Finalized::Refused { reason }) = &row.to {
                self.equipment.handlers.meters(&row.kind).moved(refused);
                tracing::error!(op_id = %row.op_id, kind = %row.kind, why, reason,
                    "the database refuses to move an operation; it is put off");
                continue;
            }
            let to = row.to.as_ref().map(tracing::field::display);
            tracing::warn!(op_id = %row.op_id, kind = %row.kind, to, why,
                "the Reaper moved an operation");
            self.equipment.watch.moved(row.op_id);
            if let Some(to) = &row.to {
                self.equipment.handlers.meters(&row.kind).moved(to);
            }
            if matches!(row.to, Some(Finalized::Finished(_))) {
                ended.push(row.op_id);
            }
        }
        divergence::after_end(&*self.equipment.store, ended).await;
    }

    fn answers(&self) -> AnswerParams {
        let hooked_kinds = self.equipment.handlers.hooked_kinds();
        AnswerParams { of: None, hooked_kinds, limit: LIMIT }
    }

    /// What providers have told and whoever recorded it could not apply.
    async fn note_told(&self, told: &[Swept]) {
        let Equipment { store, handlers, watch } = &self.equipment;
        announce_told(&**store, watch, told, |kind, to| handlers.meters(kind).moved(to)).await;
    }

    async fn report(&self) -> Result<(), StoreError> {
        if !self.report_is_due() {
            return Ok(());
        }
        let Equipment { store, handlers, .. } = &self.equipment;
        report_unconfirmed(&store.incarnation().await?);
        for (kind, due) in store.unknown_kinds(&handlers.kinds()).await? {
            tracing::warn!(%kind, due, "operations wait for a worker with this handler");
        }
        Ok(())
    }

    fn owners_come_first(&self) -> bool {
        match *lock(&self.database) {
            Database::Answers => false,
            Database::Away => true,
            Database::BackSince(at) => at.elapsed() < OWNERS_FIRST,
        }
    }

    /// Notes whether the database has answered.
    fn noted<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut database = lock(&self.database);
        match (&answer, *database) {
            (Err(error), _) if error.is_transient() => *database = Database::Away,
            (Ok(_), Database::Away) => *database = Database::BackSince(monotonic::now()),
            _ => {}
        }
        answer
    }

    fn report_is_due(&self) -> bool {
        let mut reported_at = lock(&self.reported_at);
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

    async fn run_once(&self) -> Result<Report, StoreError> {
        let Equipment { store, handlers, .. } = &self.equipment;
        let expired = if self.owners_come_first() {
            Vec::new()
        } else {
            self.noted(store.sweep_expired(LIMIT).await)?
        };
        for row in expired.iter().filter(|row| !row.is_refused()) {
            handlers.meters(&row.kind).lease_lost();
        }
        self.note(&expired, "the lease expired").await;
        let earlier = self.noted(store.sweep_earlier(handlers.sweep(LIMIT)).await)?;
        self.note(&earlier, "an attempt may be missing from its history").await;
        let spent = self.noted(store.sweep_over_budget(handlers.sweep(LIMIT)).await)?;
        self.note(&spent, "the time budget is spent").await;
        // Whether these can be applied says nothing about leases, so it is not noted.
        let told = store.answer(self.answers()).await?;
        self.note_told(&told).await;
        self.report().await?;
        let passes = [expired, earlier, spent, told];
        let (refused, moved): (Vec<&Swept>, Vec<&Swept>) =
            passes.iter().flatten().partition(|row| row.is_refused());
        Ok(Report {
            moved: moved.len(),
            failed: refused.len(),
            more: passes.iter().any(|pass| pass.len() >= LIMIT),
        })
    }
}
