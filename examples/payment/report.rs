use std::time::Duration;

use serde_json::json;

use crate::check::Verdict;

/// How many findings are shown.
const FINDINGS: usize = 20;

/// Everything that the run says at its end.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    /// Repeats that were answered with the operation of the first request.
    pub(crate) replayed: u64,
    /// True if each charge made one operation and each repeat found it.
    pub(crate) as_sent: bool,
    pub(crate) kills: u64,
    pub(crate) kills_in_flight: u64,
    pub(crate) pauses: u64,
    pub(crate) overlaps: u64,
    /// True if every worker finished its work and ended well after SIGTERM.
    pub(crate) drained: bool,
    /// True if the run did not have to be given up.
    pub(crate) finished: bool,
    pub(crate) took: Duration,
}

impl Report {
    /// True if everything is as promised.
    pub(crate) fn holds(&self) -> bool {
        self.verdict.ledger_matches() && self.as_sent && self.drained && self.finished
    }

    pub(crate) fn print(&self, as_json: bool) -> crate::Result<()> {
        self.print_findings();
        self.print_table();
        if as_json {
            println!("{}", self.figures());
        }
        Ok(())
    }

    fn print_findings(&self) {
        let findings = &self.verdict.findings;
        for finding in findings.iter().take(FINDINGS) {
            println!("  {finding}");
        }
        if findings.len() > FINDINGS {
            println!("  … and {} more", findings.len() - FINDINGS);
        }
    }

    fn print_table(&self) {
        let found = &self.verdict;
        let codes: Vec<_> = found.failed.iter().map(|(code, n)| format!("{code} {n}")).collect();
        let amounts = format!("store {}, ledger {}", found.amount_stored, found.amount_charged);
        let uncertain = format!("{} of them with a charge", found.uncertain_charged);
        let overlaps = format!("{} woken in the middle of another worker's attempt", self.overlaps);
        println!("\nstore and gateway after {:.1} s", self.took.as_secs_f64());
        row("accepted", found.accepted, "operations");
        row("replayed", self.replayed, "repeats answered with the operation that was there");
        row("completed", found.completed, "");
        row("failed", found.failed_total(), &codes.join(", "));
        row("  uncertain", found.uncertain, &uncertain);
        row("calls", found.calls, "received by the gateway");
        row(
            "  with a repeated key",
            found.repeated_calls,
            "answered from the first charge, or anew",
        );
        row("retries", found.retries, "attempts that asked for another");
        row("lost attempts", found.lost_attempts, "attempts whose end nobody knew");
        row("late answers", found.late_answers, "kept, and without effect");
        row("kills", self.kills, &format!("{} with calls in flight", self.kills_in_flight));
        row("pauses", self.pauses, &overlaps);
        println!();
        verdict("lost", found.lost, found.lost == 0, "");
        verdict("charged twice", found.charged_twice, found.charged_twice == 0, "");
        verdict("calls beyond bound", found.beyond_bound, found.beyond_bound == 0, "");
        verdict("store against ledger", found.mismatches, found.mismatches == 0, "differences");
        verdict("amounts equal", yes(found.amounts_equal()), found.amounts_equal(), &amounts);
        verdict("replays as sent", yes(self.as_sent), self.as_sent, "");
        verdict("workers drained", yes(self.drained), self.drained, "");
        verdict("run finished", yes(self.finished), self.finished, "");
    }

    fn figures(&self) -> serde_json::Value {
        let found = &self.verdict;
        json!({
            "accepted": found.accepted,
            "replayed": self.replayed,
            "completed": found.completed,
            "failed": found.failed_total(),
            "failed_by_code": found.failed,
            "uncertain": found.uncertain,
            "calls": found.calls,
            "repeated_calls": found.repeated_calls,
            "retries": found.retries,
            "lost_attempts": found.lost_attempts,
            "late_answers": found.late_answers,
            "lost": found.lost,
            "charged_twice": found.charged_twice,
            "calls_beyond_bound": found.beyond_bound,
            "amount_stored": found.amount_stored,
            "amount_charged": found.amount_charged,
            "kills": self.kills,
            "kills_in_flight": self.kills_in_flight,
            "pauses": self.pauses,
            "overlaps": self.overlaps,
            "ledger_matches": found.ledger_matches(),
            "holds": self.holds(),
            "seconds": (self.took.as_secs_f64() * 10.0).round() / 10.0,
        })
    }
}

fn row(name: &str, value: u64, note: &str) {
    println!("{}", format!("  {name:<22} {value:>8}   {note}").trim_end());
}

fn verdict(name: &str, value: impl ToString, holds: bool, note: &str) {
    let (value, mark) = (value.to_string(), if holds { "ok" } else { "WRONG" });
    println!("{}", format!("  {name:<22} {value:>8}   {mark:<6} {note}").trim_end());
}

const fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}
