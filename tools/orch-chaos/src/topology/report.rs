use std::time::Duration;

use orch_lab::process::word;
use serde_json::{Value, json};

use super::judge::Figures;
use super::scenario::Scenario;

/// A figure, and the most that it may be or the least that it has to be.
pub(crate) type Limit = (&'static str, u64);

/// Orders that are named when there are many.
const NAMED: usize = 10;

/// The columns of the table: what is printed above a figure, and its name.
const COLUMNS: [(&str, &str); 14] = [
    ("operations", "operations"),
    ("promoted", "promotions"),
    ("calls", "calls"),
    ("lost", "lost"),
    ("paid twice", "paid_twice"),
    ("beyond bound", "calls_beyond_bound"),
    ("called again", "called_again"),
    ("… accept lost", "called_again_after_a_lost_accept"),
    ("parked", "parked"),
    ("certain, wrong", "certainly_failed"),
    ("accept ms", "accept_median_ms"),
    ("worst", "accept_worst_ms"),
    ("claim ms", "claim_median_ms"),
    ("worst", "claim_worst_ms"),
];

/// What came of a scenario.
pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    pub(crate) figures: Figures,
    pub(crate) limits: Vec<Limit>,
    pub(crate) minima: Vec<Limit>,
    pub(crate) took: Duration,
}

impl Report {
    pub(crate) fn print_head() {
        let columns = COLUMNS.map(|(title, _)| title).join(" | ");
        println!("| scenario | {columns} | s | holds |");
        println!("|---|{}---:|---|", "---:|".repeat(COLUMNS.len()));
    }

    /// Figures that exceed their limit. One that is missing was not measured, which is no success.
    fn exceeded(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter(|(name, limit)| {
            self.figures.counts.get(name).is_none_or(|figure| figure > limit)
        })
    }

    fn unmet(&self) -> impl Iterator<Item = &Limit> {
        self.minima.iter().filter(|(name, least)| {
            self.figures.counts.get(name).is_none_or(|figure| figure < least)
        })
    }

    pub(crate) fn holds(&self) -> bool {
        self.exceeded().next().is_none() && self.unmet().next().is_none()
    }

    pub(crate) fn print(&self, as_json: bool) {
        let figure = |name: &str| self.figures.counts.get(name).map_or("–".into(), u64::to_string);
        let columns = COLUMNS.map(|(_, name)| figure(name)).join(" | ");
        let (scenario, seconds) = (word(&self.scenario), self.took.as_secs());
        let holds = if self.holds() { "yes" } else { "no" };
        println!("| {scenario} | {columns} | {seconds} | {holds} |");
        for (name, limit) in self.exceeded() {
            println!("  EXCEEDED {name}: {}, at most {limit}", figure(name));
        }
        for (name, least) in self.unmet() {
            println!("  UNMET {name}: {}, at least {least}", figure(name));
        }
        for (name, numbers) in &self.figures.named {
            let some: Vec<String> = numbers.iter().take(NAMED).map(u64::to_string).collect();
            let more = if numbers.len() > NAMED { ", …" } else { "" };
            println!("  {name}: orders {}{more} ({})", some.join(", "), numbers.len());
        }
        if as_json {
            println!("{}", self.json());
        }
    }

    fn json(&self) -> Value {
        let mut all = json!({
            "scenario": word(&self.scenario),
            "seed": self.seed,
            "seconds": self.took.as_secs(),
            "named": self.figures.named,
            "exceeded": self.exceeded().map(|(name, _)| name).collect::<Vec<_>>(),
            "unmet": self.unmet().map(|(name, _)| name).collect::<Vec<_>>(),
            "holds": self.holds(),
        });
        if let Some(all) = all.as_object_mut() {
            all.extend(self.figures.counts.iter().map(|(name, n)| ((*name).into(), (*n).into())));
        }
        all
    }
}
