use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use orch::prelude::*;
use orch::{OpId, Orchestrator};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::behaviour::dice;
use crate::charge::Charge;
use crate::progress::Live;

/// Order ids of one run are a block of so many, so that runs on one database never mix.
pub(crate) const MAX_CHARGES: u64 = 1_000_000;

const TIME_BUDGET: Duration = Duration::from_secs(180);
/// How many requests are on their way to the store at once.
const AT_ONCE: usize = 16;
/// A repeat that does not come at once comes after so many other charges.
const LATER: u64 = 25;

/// The shop's side: sends every charge, and some of them twice.
pub(crate) struct Client {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) orders: Orders,
    pub(crate) seed: u64,
    pub(crate) repeats: u64,
    /// One permit per charge; the faults hand them out, so that they always meet traffic.
    pub(crate) pace: Arc<Semaphore>,
    pub(crate) live: Arc<Live>,
}

/// The order ids of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orders {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Orders {
    /// A block that no other run has.
    pub(crate) fn fresh(count: u64) -> Self {
        let block = fastrand::u64(1..1_000_000_000);
        Self { first: block * MAX_CHARGES, count }
    }

    pub(crate) fn contains(self, order_id: u64) -> bool {
        (self.first..self.first + self.count).contains(&order_id)
    }
}

/// What the clients were told.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// The operation of each order.
    pub(crate) operations: HashMap<u64, OpId>,
    created: u64,
    pub(crate) replayed: u64,
    /// Repeats that were answered with another operation.
    torn: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Never,
    AtOnce,
    Later,
}

impl Client {
    /// Sends everything; returns what was promised for each order.
    pub(crate) async fn send_all(&self) -> crate::Result<Promises> {
        let mut promises = Promises::default();
        let mut sending = JoinSet::new();
        let mut later = VecDeque::new();
        let repeats = self.choose_repeats();
        for (order_id, repeat) in (self.orders.first..).zip(repeats) {
            self.pace.acquire().await?.forget();
            sending.spawn(self.send(order_id));
            match repeat {
                Repeat::Never => {}
                Repeat::AtOnce => drop(sending.spawn(self.send(order_id))),
                Repeat::Later => later.push_back(order_id),
            }
            while let Some(due) = later.pop_front_if(|due| *due + LATER <= order_id) {
                sending.spawn(self.send(due));
            }
            while sending.len() >= AT_ONCE {
                promises.take(sending.join_next().await)?;
            }
        }
        for due in later {
            sending.spawn(self.send(due));
        }
        while !sending.is_empty() {
            promises.take(sending.join_next().await)?;
        }
        Ok(promises)
    }

    /// Which orders are sent twice: half of them at once, in parallel with the first request.
    fn choose_repeats(&self) -> Vec<Repeat> {
        let mut repeats: Vec<_> = (0..self.orders.count)
            .map(|n| match n {
                n if n >= self.repeats => Repeat::Never,
                n if n % 2 == 0 => Repeat::AtOnce,
                _ => Repeat::Later,
            })
            .collect();
        dice(&[self.seed, 1]).shuffle(&mut repeats);
        repeats
    }

    fn send(&self, order_id: u64) -> impl Future<Output = crate::Result<Sent>> + use<> {
        let (orchestrator, live) = (self.orchestrator.clone(), Arc::clone(&self.live));
        let amount = dice(&[self.seed, 2, order_id % MAX_CHARGES]).u64(10..=1_000) * 100;
        async move {
            let accepted = orchestrator
                .accept(Charge { order_id, amount, currency: "KRW".into() })
                .idem_key(format!("checkout-{order_id}"))?
                .time_budget(TIME_BUDGET)
                .await?;
            live.sent.add(1);
            Ok(Sent { order_id, op_id: accepted.op_id, disposition: accepted.disposition })
        }
    }
}

struct Sent {
    order_id: u64,
    op_id: OpId,
    disposition: Disposition,
}

impl Promises {
    /// True if each charge made one operation, and each repeat found it.
    pub(crate) fn are_as_sent(&self, charges: u64, repeats: u64) -> bool {
        self.created == charges && self.replayed == repeats && self.torn == 0
    }

    fn take(
        &mut self,
        sent: Option<Result<crate::Result<Sent>, tokio::task::JoinError>>,
    ) -> crate::Result<()> {
        let Some(sent) = sent else { return Ok(()) };
        let Sent { order_id, op_id, disposition } = sent??;
        match disposition {
            Disposition::Created => self.created += 1,
            _ => self.replayed += 1,
        }
        let first = *self.operations.entry(order_id).or_insert(op_id);
        self.torn += u64::from(first != op_id);
        Ok(())
    }
}
