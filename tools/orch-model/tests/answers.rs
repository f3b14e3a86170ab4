//! Answers that are neither yes nor no: the model holds, and finds each mistake.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use orch_model::answers::{INVARIANTS, Mistake, WITNESSES, every_world, explore, hunt};

#[test]
fn these_answers_hold_whatever_is_declared_and_was_before() {
    let mut impossible: Vec<_> = WITNESSES.into();
    for rules in every_world(2) {
        let checked = explore(rules.clone());
        println!("{rules:?}: {} states, {} steps", checked.states, checked.steps);
        assert_eq!(checked.broken, [], "{rules:?}");
        impossible.retain(|witness| checked.impossible.contains(witness));
    }
    assert_eq!(impossible, [""; 0], "the model holds because nothing happens in it");
}

#[test]
fn every_mistake_is_found_by_the_invariant_that_it_breaks() {
    for mistake in Mistake::ALL {
        let checked = hunt(mistake);
        let found = checked.broken.iter().find(|(name, _)| *name == mistake.breaks());
        let Some((name, path)) = found else { panic!("{mistake:?} is not found: {checked:#?}") };
        println!("{mistake:?}: {name}, {} steps, {} states", path.len(), checked.states);
    }
    let broken = Mistake::ALL.map(Mistake::breaks);
    assert!(INVARIANTS.iter().all(|invariant| broken.contains(invariant)));
}
