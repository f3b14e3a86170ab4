use std::collections::BTreeMap;

use orch_lab::fleet::Fleet;
use orch_lab::process::{Process, Role, Spawner};

use crate::plan::Plan;

/// The worker and client processes. One that ends is replaced at once.
#[derive(Debug)]
pub(crate) struct Crew {
    plan: Plan,
    /// Whether new workers get a fate.
    pub(crate) fated: bool,
    pub(crate) fleet: Fleet,
    /// By lane; gone once all its orders are answered.
    pub(crate) clients: BTreeMap<u32, Process>,
}

impl Crew {
    pub(crate) fn start(spawner: Spawner, plan: Plan) -> crate::Result<Self> {
        let fleet = Fleet::new(spawner);
        let mut crew = Self { fated: true, fleet, clients: BTreeMap::new(), plan };
        for _ in 0..crew.plan.workers {
            crew.add_worker()?;
        }
        for lane in 0..crew.plan.lanes {
            crew.add_client(lane)?;
        }
        Ok(crew)
    }

    pub(crate) fn add_worker(&mut self) -> crate::Result<()> {
        let fate = |number| self.plan.fate(number).filter(|_| self.fated);
        self.fleet.add(|number| match fate(number) {
            Some(fate) => Ok(vec!["--fate".into(), serde_json::to_string(&fate)?]),
            None => Ok(Vec::new()),
        })
    }

    pub(crate) fn add_client(&mut self, lane: u32) -> crate::Result<()> {
        let process = self.fleet.spawner.spawn(Role::Client, lane, &[])?;
        self.clients.insert(lane, process);
        Ok(())
    }
}
