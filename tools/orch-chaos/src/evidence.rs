//! What is there when all has healed: what the lab reads, and what triggers recorded.

use std::collections::BTreeMap;

use orch_lab::check::plain;
use orch_lab::ledger;
use orch_lab::store::Words;
use sqlx::FromRow;

use crate::client::Line;
use crate::faults::Struck;
use crate::release::Release;
use crate::scene::Scene;
use crate::world::World;

/// All that the checker looks at.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Ledger, store, and which operation each order was accepted as.
    pub(crate) common: orch_lab::check::Evidence,
    /// All that clients noted.
    pub(crate) lines: Vec<Line>,
    /// In the order in which they were made.
    pub(crate) changes: Vec<Change>,
    /// Order and amount of each row that a finalize hook wrote.
    pub(crate) bookings: Vec<(i64, i64)>,
    /// Operation and fence of each lease that its owner asked to be moved on, as often as it did.
    pub(crate) renewals: Vec<(String, i64)>,
    /// The release of each worker, by number; empty in a run with one release.
    pub(crate) releases: BTreeMap<u32, Release>,
}

/// What the audit recorded; see [`crate::audit`].
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Change {
    pub(crate) at: i64,
    pub(crate) what: String,
    pub(crate) op_id: String,
    pub(crate) fence: Option<i64>,
    pub(crate) old_fence: Option<i64>,
    pub(crate) worker: Option<String>,
    pub(crate) detail: Option<String>,
}

impl Change {
    /// True if a worker took the operation.
    pub(crate) fn is_claim(&self) -> bool {
        self.what == "fence" && self.worker.is_some()
    }
}

impl Evidence {
    /// Reads everything.
    pub(crate) async fn collect(
        world: &World,
        scene: &Scene,
        struck: &Struck,
    ) -> crate::Result<Self> {
        let store = scene.store()?;
        let mut evidence = Self {
            changes: store.ask(&CHANGES).await?,
            bookings: store.ask(&BOOKINGS).await?,
            renewals: struck.renewals.clone(),
            releases: struck.releases.clone(),
            ..Self::default()
        };
        (evidence.common.stored, evidence.common.log) = store.read().await?;
        evidence.common.ledger = ledger::read(&world.ledger())?;
        for lane in 0..world.lanes {
            evidence.lines.extend(ledger::read::<Line>(&world.told(lane))?);
        }
        let told = |line: &Line| match line {
            Line::Told { order, op_id, .. } => Some((*order, plain(op_id))),
            _ => None,
        };
        evidence.common.told = evidence.lines.iter().filter_map(told).collect();
        Ok(evidence)
    }
}

const CHANGES: Words = Words {
    postgres: "
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at, what,
       replace(op_id::text, '-', '') AS op_id, fence, old_fence, worker, detail
FROM chaos_audit ORDER BY id",
    sqlite: "
SELECT at, what, lower(hex(op_id)) AS op_id, fence, old_fence, worker, detail
FROM chaos_audit ORDER BY id",
};

const BOOKINGS: Words = Words {
    postgres: "SELECT order_number, amount FROM chaos_booking",
    sqlite: "SELECT order_number, amount FROM chaos_booking",
};
