//! The protocol holds in small worlds; the binary goes through the large ones.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use orch_model::{Checked, Declared, Rules, WITNESSES, every_declaration, explore};

fn holds(operations: &[Declared], faults: u8) -> Checked {
    hold_under(Rules::of(operations, faults))
}

fn hold_under(rules: Rules) -> Checked {
    let checked = explore(rules.clone());
    assert_eq!(checked.broken, [], "{rules:?}");
    println!("{rules:?}: {} states in {:?}", checked.states, checked.took);
    checked
}

#[test]
fn one_operation_of_every_declaration_holds_whatever_fails_once() {
    let mut states = 0;
    let mut impossible: Vec<_> = WITNESSES.into();
    for operation in every_declaration() {
        let checked = holds(&[operation], 1);
        states += checked.states;
        impossible.retain(|witness| checked.impossible.contains(witness));
    }
    let losing = Rules::of(&[every_declaration()[0]], 1).losing_claims();
    let checked = hold_under(losing);
    impossible.retain(|witness| checked.impossible.contains(witness));
    for operation in every_declaration().into_iter().filter(|declared| declared.hooked) {
        let checked = hold_under(Rules::of(&[operation], 1).giving_up_hooks());
        impossible.retain(|witness| checked.impossible.contains(witness));
    }
    println!("{states} states");
    assert!(states > 1_000_000, "{states} states");
    assert_eq!(impossible, [""; 0], "the model holds because nothing happens in it");
}

#[test]
fn one_operation_holds_in_a_database_that_notices_what_it_has_lost() {
    // Retry, park and fail; the binary goes through the others.
    for operation in every_declaration().into_iter().take(3) {
        hold_under(Rules::of(&[operation], 1).noticing_losses());
    }
}

#[test]
fn an_operation_whose_key_is_forgotten_acts_once() {
    for ticks in [1, 2, 3] {
        let operation = every_declaration()[0].forgotten_after(ticks);
        let checked = holds(&[operation], 2);
        assert!(!checked.impossible.contains(&WITNESSES[2]), "it is parked and resolved");
    }
}

#[test]
fn two_operations_hold() {
    let declared = every_declaration();
    let plain: Vec<_> = declared.into_iter().filter(|declared| !declared.hooked).collect();
    for second in &plain {
        holds(&[plain[0], *second], 0);
    }
}
