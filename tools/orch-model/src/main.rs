//! Goes through the whole state space and prints how large it is, then the table of mistakes:
//!
//! ```sh
//! cargo run --release -p orch-model
//! ```

use std::process::ExitCode;

use orch_model::{Mistake, Rules, every_declaration, explore, hunt};
use orch_model::{answers, unique};

fn main() -> ExitCode {
    let held = hold() & hold_unique() & hold_answers();
    let found = find() & find_unique() & find_answers();
    if held && found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is explored: two operations and one fault, or one operation and two; then one operation in
/// a database that loses a claim, unnoticed and noticed, and one whose hook is given up.
fn worlds() -> impl Iterator<Item = Rules> {
    let declared = every_declaration();
    let [retry, park, fail, ..] = declared;
    let pairs = [[retry, retry], [retry, park], [retry, fail], [park, fail]];
    let pairs = pairs.into_iter().map(|pair| Rules::of(&pair, 1));
    let alone = declared.into_iter().chain([1, 2].map(|ticks| retry.forgotten_after(ticks)));
    let alone = alone.map(|operation| Rules::of(&[operation], 2));
    let losing = declared.map(|operation| Rules::of(&[operation], 1).losing_claims());
    let noticing = declared.map(|operation| Rules::of(&[operation], 1).noticing_losses());
    let hooked = declared.into_iter().filter(|operation| operation.hooked);
    let giving_up = hooked.map(|operation| Rules::of(&[operation], 2).giving_up_hooks());
    pairs.chain(alone).chain(losing).chain(noticing).chain(giving_up)
}

fn hold() -> bool {
    let (mut held, mut all) = (true, 0);
    println!("operations | faults | distinct states | steps | depth | took");
    for rules in worlds() {
        let names: Vec<_> = rules.operations.iter().map(ToString::to_string).collect();
        let loses = match (rules.faults.lost_claims, rules.notices_losses) {
            (0, _) => "",
            (_, false) => ", claims are lost",
            (_, true) => ", claims are lost and that is noticed",
        };
        let gives_up = if rules.hooks_give_up { ", failing hooks are given up" } else { "" };
        let (names, faults) = (names.join(" + ") + loses + gives_up, rules.faults.total);
        let checked = explore(rules);
        let took = checked.took;
        let (states, steps, depth) = (checked.states, checked.steps, checked.depth);
        println!("{names} | {faults} | {states} | {steps} | {depth} | {took:.1?}");
        for (invariant, path) in checked.broken {
            held = false;
            println!("BROKEN: {invariant}, after {} steps:", path.len());
            path.iter().for_each(|step| println!("  {step:?}"));
        }
        all += states;
    }
    println!("{all} distinct states in all\n");
    held
}

fn find() -> bool {
    let mut all_found = true;
    println!("mistake | broken invariant | steps to it | states looked at");
    for mistake in Mistake::ALL {
        let checked = hunt(mistake);
        let found = checked.broken.iter().find(|(name, _)| *name == mistake.breaks());
        let (name, steps) = found.map_or(("NOT FOUND", 0), |(name, path)| (*name, path.len()));
        all_found &= found.is_some();
        println!("{mistake:?} | {name} | {steps} | {}", checked.states);
    }
    all_found
}

/// One operation for an entity at a time: what is asked for, and after how many failures.
fn unique_worlds() -> [unique::Rules; 5] {
    [
        unique::Rules::of(&[0, 0, 1], 4, 1, 1),
        unique::Rules::of(&[0, 1, 2], 4, 1, 1),
        unique::Rules::of(&[0, 1], 5, 2, 2),
        unique::Rules::of(&[0, 0, 1], 4, 1, 2).after_failures(1),
        unique::Rules::of(&[0, 1, 2], 5, 1, 2).after_failures(2),
    ]
}

fn hold_unique() -> bool {
    let (mut held, mut all) = (true, 0);
    println!(
        "keys of the callers | failed before | calls | faults | purges | distinct states | steps"
    );
    for rules in unique_worlds() {
        let unique::Rules { keys, failed, calls, faults, purges, .. } = &rules;
        print!("{keys:?} | {failed} | {} | {faults} | {purges}", calls - failed);
        let checked = unique::explore(rules);
        println!(" | {} | {}", checked.states, checked.steps);
        for (invariant, path) in checked.broken {
            held = false;
            println!("BROKEN: {invariant}, after {} steps:", path.len());
            path.iter().for_each(|step| println!("  {step:?}"));
        }
        all += checked.states;
    }
    println!("{all} distinct states in all\n");
    held
}

fn find_unique() -> bool {
    let mut all_found = true;
    for mistake in unique::Mistake::ALL {
        let checked = unique::hunt(mistake);
        let found = checked.broken.iter().find(|(name, _)| *name == mistake.breaks());
        let (name, steps) = found.map_or(("NOT FOUND", 0), |(name, path)| (*name, path.len()));
        all_found &= found.is_some();
        println!("{mistake:?} | {name} | {steps} | {}", checked.states);
    }
    all_found
}

/// Answers that are neither yes nor no.
fn hold_answers() -> bool {
    let (mut held, mut all) = (true, 0);
    println!("in doubt | before | faults | distinct states | steps");
    for rules in answers::every_world(3) {
        print!("{} | {:?} | {}", rules.in_doubt, rules.before, rules.faults);
        let checked = answers::explore(rules);
        println!(" | {} | {}", checked.states, checked.steps);
        for (invariant, path) in checked.broken {
            held = false;
            println!("BROKEN: {invariant}, after {} steps:", path.len());
            path.iter().for_each(|step| println!("  {step:?}"));
        }
        all += checked.states;
    }
    println!("{all} distinct states in all\n");
    held
}

fn find_answers() -> bool {
    let mut all_found = true;
    for mistake in answers::Mistake::ALL {
        let checked = answers::hunt(mistake);
        let found = checked.broken.iter().find(|(name, _)| *name == mistake.breaks());
        let (name, steps) = found.map_or(("NOT FOUND", 0), |(name, path)| (*name, path.len()));
        all_found &= found.is_some();
        println!("{mistake:?} | {name} | {steps} | {}", checked.states);
    }
    all_found
}
