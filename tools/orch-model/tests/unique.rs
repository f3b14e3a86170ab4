//! One operation for an entity at a time: the model holds, and finds each mistake.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use orch_model::unique::{Checked, INVARIANTS, Mistake, Rules, WITNESSES, explore, hunt};

fn holds(rules: &Rules) -> Checked {
    let checked = explore(rules.clone());
    println!("{rules:?}: {} states, {} steps", checked.states, checked.steps);
    assert_eq!(checked.broken, [], "{rules:?}");
    checked
}

#[test]
fn one_at_a_time_holds_whatever_fails_once() {
    let mut impossible: Vec<_> = WITNESSES.into();
    let worlds = [
        Rules::of(&[0, 0, 1], 3, 1, 1),
        Rules::of(&[0, 1], 4, 1, 1),
        Rules::of(&[0, 1, 2], 4, 1, 1).after_failures(2),
    ];
    for rules in worlds {
        let checked = holds(&rules);
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
