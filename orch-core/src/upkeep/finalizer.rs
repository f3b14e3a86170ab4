use std::time::Instant;

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::{Equipment, divergence};
use crate::store::{Claim, Finalization, Finalized, PutOff, StoreError, Unfinalized, monotonic};
use crate::words::Timestamp;

/// Outcomes per pass.
const LIMIT: usize = 100;

/// Finalizes outcomes that are in the log and whose status has not followed: after a crash in
/// between, or a hook that failed. The provider is not called again. One whose hook nobody has had for
/// long it parks.
#[derive(Debug)]
pub struct Finalizer {
    equipment: Equipment,
    /// What the database refuses to finalize, by the time since `started`.
    put_off: PutOff,
    started: Instant,
}

impl Finalizer {
    /// A finalizer with the hooks of these handlers, and for all that needs none.
    #[must_use]
    pub fn new(equipment: Equipment) -> Self {
        Self { equipment, put_off: PutOff::default(), started: monotonic::now() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).plus(self.started.elapsed())
    }

    /// The outcomes that are due, those left out that are put off.
    async fn due(&self) -> Result<Vec<Unfinalized>, StoreError> {
        let (now, room) = (self.now(), self.put_off.room(LIMIT));
        let Equipment { store, handlers, .. } = &self.equipment;
        let due = store.unfinalized(&handlers.hooked_kinds(), room).await?;
        let due = due.into_iter().filter(|it| !self.put_off.is_off(it.claim.op_id, now));
        Ok(due.take(LIMIT).collect())
    }
}

#[async_trait]
impl Upkeep for Finalizer {
    const NAME: &'static str = "finalizer";

    async fn run_once(&self) -> Result<Report, StoreError> {
        let due = self.due().await?;
        if due.is_empty() {
            return Ok(Report::default());
        }
        let Equipment { store, handlers, watch } = &self.equipment;
        let mut report = Report { more: due.len() >= LIMIT, ..Report::default() };
        let batch = due
            .iter()
            .map(|row| Finalization { claim: row.claim, hook: handlers.hook(&row.kind) })
            .collect();
        let mut ended = Vec::new();
        for (row, finalized) in due.iter().zip(store.finalize(batch).await?) {
            let (Claim { op_id, fence }, kind) = (row.claim, &row.kind);
            handlers.meters(kind).moved(&finalized);
            if let Finalized::Refused { reason } = finalized {
                self.put_off.refused(op_id, self.now());
                report.failed += 1;
                tracing::error!(%op_id, %kind, reason,
                    "the database refuses to finalize an outcome; it is put off");
                continue;
            }
            self.put_off.moved(op_id);
            watch.moved(op_id);
            if let Finalized::HookFailed { reason, due_at } = finalized {
                report.failed += 1;
                tracing::warn!(%op_id, %kind, reason, %due_at, "the finalize hook failed again");
                continue;
            }
            report.moved += usize::from(!matches!(finalized, Finalized::AlreadyFinal(_)));
            match finalized {
                Finalized::Parked => {
                    tracing::warn!(%op_id, %kind, "parked: an operator must resolve it");
                }
                Finalized::Finished(_) => {
                    tracing::info!(%op_id, %kind, %fence, to = %finalized, "ended");
                    ended.push(op_id);
                }
                _ => {}
            }
        }
        divergence::after_end(&**store, ended).await;
        Ok(report)
    }
}
