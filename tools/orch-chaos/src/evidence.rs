//! What is there when all has healed: what the lab reads, and what triggers recorded.

use std::collections::{BTreeMap, HashMap, HashSet};

use orch::Runtime;
use orch_lab::check::plain;
use orch_lab::ledger::{self, Body};
use orch_lab::store::Words;
use sqlx::FromRow;

use crate::client::Line;
use crate::faults::Struck;
use crate::message::{Message, Noted, RECEIVERS};
use crate::order::redriven;
use crate::release::Release;
use crate::scene::Scene;
use crate::world::World;

pub(crate) mod belated;

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
    /// What the provider told, in the order in which it was written.
    pub(crate) messages: Vec<Message>,
    /// What their receivers noted.
    pub(crate) noted: Vec<Noted>,
    /// What the store keeps of them.
    pub(crate) kept: Vec<Kept>,
    /// Sources of those that the engine lists as waiting for an operation.
    pub(crate) unmatched: HashSet<String>,
    /// Operations that the engine lists as contradicted.
    pub(crate) divergent: HashSet<String>,
    /// Effects of belated calls, by order: see [`belated`].
    pub(crate) belated: HashMap<u64, u64>,
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

/// A message as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Kept {
    pub(crate) provider: String,
    pub(crate) account: String,
    pub(crate) reference: String,
    pub(crate) outcome: String,
    pub(crate) output: Option<String>,
    pub(crate) source: String,
    /// True if it is still to be looked at.
    pub(crate) waits: bool,
    /// The operation that its reference is about, if that is known.
    pub(crate) op_id: Option<String>,
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
        if !world.orders.rolling {
            evidence.messages = ledger::read(&world.messages())?;
            for receiver in 0..RECEIVERS {
                evidence.noted.extend(ledger::read::<Noted>(&world.noted(receiver))?);
            }
            evidence.kept = store.ask(&KEPT).await?;
            evidence.ask_the_engine(scene).await?;
        }
        evidence.tell_redrives_apart()?;
        evidence.belated = belated::set_apart(world.orders, &mut evidence.common);
        Ok(evidence)
    }

    /// What operators would be shown.
    async fn ask_the_engine(&mut self, scene: &Scene) -> crate::Result<()> {
        let runtime = Runtime::connect(scene.direct_url()).without_worker().start().await?;
        let orchestrator = runtime.orchestrator();
        let mut after = None;
        loop {
            let page = orchestrator.unmatched(after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            self.unmatched.extend(page.into_iter().map(|waiting| waiting.source));
        }
        let mut after = None;
        loop {
            let page = orchestrator.divergent(after).await?;
            let ids = page.items.iter().map(|item| plain(&item.op_id.to_string()));
            self.divergent.extend(ids);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// A redrive is an order of its own, as it is to the ledger: see [`redriven`]. Its client may have
    /// died before it heard of it; then it was told by what it asked for.
    fn tell_redrives_apart(&mut self) -> crate::Result<()> {
        let mut numbers = HashMap::new();
        for stored in self.common.stored.iter_mut().filter(|stored| stored.redrive > 0) {
            let body: Body = serde_json::from_str(&stored.body)?;
            let order_id = redriven(body.order_id, stored.redrive.unsigned_abs());
            stored.body = serde_json::to_string(&Body { order_id, ..body })?;
            numbers.insert(stored.op_id.clone(), order_id);
        }
        let mut told = Vec::new();
        let mut redriving = HashSet::new();
        for line in &self.lines {
            match line {
                Line::Told { order, op_id, .. } => {
                    let op_id = plain(op_id);
                    told.push((numbers.get(&op_id).copied().unwrap_or(*order), op_id));
                }
                Line::Redriving { order, op_id } => {
                    let failed = numbers.get(&plain(op_id)).copied().unwrap_or(*order);
                    redriving.insert(redriven(failed, 1));
                }
                _ => {}
            }
        }
        let heard: HashSet<u64> = told.iter().map(|(order, _)| *order).collect();
        let unheard = numbers.iter().filter(|(_, order)| !heard.contains(order));
        told.extend(
            unheard
                .filter(|(_, order)| redriving.contains(order))
                .map(|(op_id, order)| (*order, op_id.clone())),
        );
        self.common.told = told;
        Ok(())
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

const KEPT: Words = Words {
    postgres: "
SELECT a.provider, a.account, a.reference, a.outcome, convert_from(a.output, 'UTF8') AS output, a.source,
       a.due_at IS NOT NULL AS waits, replace(r.op_id::text, '-', '') AS op_id
FROM orch_answer a
LEFT JOIN orch_reference r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
ORDER BY a.number",
    sqlite: "
SELECT a.provider, a.account, a.reference, a.outcome, CAST(a.output AS TEXT) AS output, a.source,
       a.due_at IS NOT NULL AS waits, nullif(lower(hex(r.op_id)), '') AS op_id
FROM orch_answer a
LEFT JOIN orch_reference r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
ORDER BY a.number",
};
