use serde_json::{Map, Value};

use super::{Cli, Ended};

/// Prints everything that the run says at its end. True if everything is as promised.
pub(super) fn report(cli: &Cli, ended: &Ended) -> bool {
    let Ended { verdict: found, live, told, .. } = ended;
    found.findings.iter().for_each(|finding| println!("  {finding}"));
    println!("\nstore and gateway after {:.1} s", ended.took.as_secs_f64());
    let mut table = Table(Map::new());
    let codes: Vec<_> = found.failed.iter().map(|(code, n)| format!("{code} {n}")).collect();
    let uncertain = format!("{} of them with a charge", found.uncertain_done);
    let amounts = format!("store {}, ledger {}", found.money_in_store, found.money_in_ledger);
    let replayed = told.iter().filter(|told| told.replayed).count() as u64;
    table.figure("accepted", found.accepted, "operations");
    table.figure("replayed", replayed, "repeats answered with the operation that was there");
    table.figure("completed", found.completed, "");
    table.figure("failed", found.failed.values().sum(), &codes.join(", "));
    table.figure("uncertain", found.uncertain, &uncertain);
    table.figure("calls", found.calls, "received by the gateway");
    table.figure(
        "repeated calls",
        found.repeated_calls,
        "answered from the first charge, or again",
    );
    table.figure("retries", found.retries, "attempts that asked for another");
    table.figure("lost attempts", found.lost_attempts, "attempts whose end nobody knew");
    table.figure("late answers", found.late_entries, "kept, and without effect");
    table.figure("kills", live.kills.get(), "");
    table.figure("kills in flight", ended.kills_in_flight, "while a call of the worker was open");
    table.figure("pauses", live.pauses.get(), "");
    table.figure(
        "overlaps",
        live.overlaps.get(),
        "woken in the middle of another worker's attempt",
    );
    table.figure("amount stored", found.money_in_store, "");
    table.figure("amount charged", found.money_in_ledger, "");
    println!();
    table.none("lost", found.lost);
    table.none("charged twice", found.charged_twice);
    table.none("calls beyond bound", found.calls_beyond_bound);
    let equal = found.money_in_store == found.money_in_ledger;
    let as_sent = (live.begun.get(), replayed) == (cli.charges, cli.repeats());
    verdict("store against ledger", found.violations(), found.holds(), "differences");
    verdict("amounts equal", yes(equal), equal, &amounts);
    verdict("replays as sent", yes(as_sent), as_sent, "");
    verdict("workers drained", yes(ended.drained), ended.drained, "");
    verdict("run finished", yes(ended.finished), ended.finished, "");

    let holds = found.holds() && as_sent && ended.drained && ended.finished;
    let Table(mut figures) = table;
    figures.insert("failed_by_code".into(), found.failed.clone().into_iter().collect());
    figures.insert("ledger_matches".into(), found.holds().into());
    figures.insert("holds".into(), holds.into());
    figures.insert("seconds".into(), ((ended.took.as_secs_f64() * 10.0).round() / 10.0).into());
    if cli.json {
        println!("{}", Value::Object(figures));
    }
    holds
}

/// Rows for people, keys for machines.
struct Table(Map<String, Value>);

impl Table {
    fn figure(&mut self, name: &str, value: u64, note: &str) {
        self.0.insert(name.replace(' ', "_"), value.into());
        println!("{}", format!("  {name:<22} {value:>8}   {note}").trim_end());
    }

    /// What there must be none of.
    fn none(&mut self, name: &str, value: u64) {
        self.0.insert(name.replace(' ', "_"), value.into());
        verdict(name, value, value == 0, "");
    }
}

fn verdict(name: &str, value: impl ToString, holds: bool, note: &str) {
    let (value, mark) = (value.to_string(), if holds { "ok" } else { "WRONG" });
    println!("{}", format!("  {name:<22} {value:>8}   {mark:<6} {note}").trim_end());
}

const fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}
