use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::invariants::{INVARIANTS, WITNESSES};
use crate::{Mistake, Rules, Step};

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Distinct states.
    pub states: usize,
    /// Steps taken, those into a state that was known already included.
    pub steps: usize,
    /// The longest way from the beginning.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The invariants that do not hold, with the shortest way found to such a state.
    pub broken: Vec<(&'static str, Vec<Step>)>,
    /// What was to be possible and is not.
    pub impossible: Vec<&'static str>,
}

/// Goes through every state that there is under these rules.
#[must_use]
pub fn explore(rules: Rules) -> Checked {
    run(rules, HasDiscoveries::AnyFailures)
}

/// Looks for the invariant that a mistake breaks, and goes no further once it is found.
#[must_use]
pub fn hunt(mistake: Mistake) -> Checked {
    run(mistake.rules(), HasDiscoveries::AnyOf(BTreeSet::from([mistake.breaks()])))
}

fn run(rules: Rules, until: HasDiscoveries) -> Checked {
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = rules.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let found = checker.discoveries();
    let broken = |name: &'static str| {
        let path = found.get(name)?.clone();
        Some((name, path.into_actions()))
    };
    Checked {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        took: started.elapsed(),
        broken: INVARIANTS.into_iter().filter_map(broken).collect(),
        impossible: WITNESSES.into_iter().filter(|name| !found.contains_key(name)).collect(),
    }
}
