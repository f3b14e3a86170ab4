//! A model that finds no mistake where there is one would say nothing.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use orch_model::{INVARIANTS, Mistake, explore, hunt};

#[test]
fn every_mistake_is_found_by_the_invariant_that_it_breaks() {
    for mistake in Mistake::ALL {
        let checked = hunt(mistake);
        let found = checked.broken.iter().find(|(name, _)| *name == mistake.breaks());
        let Some((name, path)) = found else { panic!("{mistake:?} is not found: {checked:#?}") };
        println!("{mistake:?}: {name}, {} steps, {} states", path.len(), checked.states);
    }
}

#[test]
fn the_worlds_of_the_mistakes_hold_without_them() {
    for mistake in Mistake::ALL {
        let mut rules = mistake.rules();
        rules.mistake = None;
        rules.faults.total = 1;
        assert_eq!(explore(rules).broken, [], "{mistake:?}");
    }
}

#[test]
fn every_invariant_has_a_mistake_that_breaks_it() {
    let broken: Vec<_> = Mistake::ALL.into_iter().map(Mistake::breaks).collect();
    for invariant in &INVARIANTS {
        assert!(broken.contains(invariant), "{invariant}");
    }
}
