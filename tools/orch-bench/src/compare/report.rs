//! The rows with their figures, as a table and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::goal::Met;
use super::statistics::{Spread, median, ratios};
use super::workload::{Sides, Spec};

/// A row with what was found.
#[derive(Debug)]
pub(crate) struct Row {
    spec: Spec,
    /// The other binary's median; none in rows of this one alone.
    today: Option<f64>,
    new: Option<f64>,
    ratio: Option<Spread>,
    pairs: usize,
    met: Met,
    note: Option<String>,
}

impl Row {
    /// From the figures of each pair. Where nothing is compared, both figures of a pair are the same run's.
    pub(crate) fn of(spec: Spec, sides: Sides, pairs: &[(f64, f64)]) -> Self {
        // A figure that could not be taken is not a number.
        let known: Vec<_> =
            pairs.iter().copied().filter(|(one, other)| !one.is_nan() && !other.is_nan()).collect();
        let first = median(&known.iter().map(|pair| pair.0).collect::<Vec<_>>());
        let new = median(&known.iter().map(|pair| pair.1).collect::<Vec<_>>());
        let ratio = if sides == Sides::Alone { None } else { Spread::of(&ratios(&known)) };
        let note = match (sides, first) {
            (Sides::FewAndMany, Some(first)) => Some(format!("of {} per second", readable(first))),
            _ => None,
        };
        Self {
            spec,
            today: first.filter(|_| sides == Sides::Binaries),
            new,
            ratio,
            pairs: known.len(),
            met: spec.goal.met(new, ratio),
            note,
        }
    }

    /// A row for which nothing could be measured, and why.
    pub(crate) fn unknown(spec: Spec, why: &str) -> Self {
        let (today, new, ratio) = (None, None, None);
        let met = Met::Unknown(why.to_owned());
        Self { spec, today, new, ratio, pairs: 0, met, note: None }
    }

    /// Adds a remark.
    pub(crate) fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// Whether it has a goal that is not met, or not known to be.
    pub(crate) fn misses(&self) -> bool {
        matches!(self.met, Met::No | Met::Unknown(_))
    }

    /// For a program.
    pub(crate) fn json(&self) -> Value {
        let (low, high) = self.ratio.and_then(|ratio| ratio.interval).unzip();
        let met = match self.met {
            Met::Yes => Some(true),
            Met::No => Some(false),
            Met::NoGoal | Met::Unknown(_) => None,
        };
        let why = if let Met::Unknown(why) = &self.met { Some(why) } else { None };
        json!({
            "workload": self.spec.title.trim(), "today": self.today, "new": self.new,
            "ratio": self.ratio.map(|ratio| ratio.median), "low": low, "high": high,
            "pairs": self.pairs, "goal": self.spec.goal.text(), "met": met,
            "close": self.spec.goal.is_close(self.ratio), "unknown": why, "note": self.note,
        })
    }

    fn cells(&self) -> [String; 6] {
        let number = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), readable);
        let ratio = match self.ratio {
            Some(Spread { median, interval: Some((low, high)) }) => {
                format!("{median:.2} ({low:.2}–{high:.2})")
            }
            Some(Spread { median, interval: None }) => format!("{median:.2}"),
            None => "–".to_owned(),
        };
        let met = match &self.met {
            Met::Yes => "yes".to_owned(),
            Met::No => "no".to_owned(),
            Met::NoGoal => String::new(),
            Met::Unknown(why) => format!("unknown: {why}"),
        };
        let close = if self.spec.goal.is_close(self.ratio) { ", close" } else { "" };
        let title = self.spec.title.to_owned();
        let goal = self.spec.goal.text();
        [title, number(self.today), number(self.new), ratio, goal, format!("{met}{close}")]
    }
}

/// All rows for a person, in columns, and the remarks below. It is also a table of Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["workload", "today", "new", "ratio (90 %)", "goal", "met"].map(str::to_owned);
    let lines: Vec<[String; 6]> =
        std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (place, [title, today, new, ratio, goal, met]) in lines.iter().enumerate() {
        let [t, o, n, r, g, m] = widths;
        let _ = writeln!(
            text,
            "| {title:t$} | {today:>o$} | {new:>n$} | {ratio:>r$} | {goal:>g$} | {met:m$} |"
        );
        if place == 0 {
            let dashes = |width: usize, end| format!("{}{end}", "-".repeat(width + 1));
            let [t, o, n, r, g, m] = [(t, '-'), (o, ':'), (n, ':'), (r, ':'), (g, ':'), (m, '-')]
                .map(|(w, e)| dashes(w, e));
            let _ = writeln!(text, "|{t}|{o}|{n}|{r}|{g}|{m}|");
        }
    }
    for row in rows {
        if let Some(note) = &row.note {
            let _ = writeln!(text, "\n{}: {note}", row.spec.title.trim());
        }
    }
    text
}

/// Large numbers in groups of three, small ones with their digits.
fn readable(figure: f64) -> String {
    if figure.abs() >= 999.5 {
        let digits = format!("{figure:.0}");
        let groups: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        groups.join(",")
    } else if figure.abs() >= 99.5 {
        format!("{figure:.0}")
    } else {
        format!("{figure:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::goal::Goal;

    const FASTER: Spec = Spec { title: "drain", goal: Goal::RatioAtLeast(1.6) };
    const FEW: Spec = Spec { title: "connections", goal: Goal::AtMost(3.0) };

    #[test]
    fn a_row_has_medians_of_both_and_the_median_of_ratios() {
        let row = Row::of(FASTER, Sides::Binaries, &[(10.0, 20.0), (20.0, 30.0), (30.0, 60.0)]);
        assert_eq!((row.today, row.new), (Some(20.0), Some(30.0)));
        assert_eq!(row.ratio, Some(Spread { median: 2.0, interval: None }));
        assert_eq!((row.met.clone(), row.misses()), (Met::Yes, false));
        assert_eq!(row.json()["met"], true);
    }

    #[test]
    fn what_a_binary_does_not_know_is_not_met() {
        let row = Row::unknown(FASTER, "the other binary has no `drain`");
        assert!(row.misses() && row.json()["met"].is_null());
        assert!(table(&[row]).contains("unknown: the other binary has no `drain`"));
        let row = Row::of(FASTER, Sides::Binaries, &[(f64::NAN, 20.0)]);
        assert!(row.misses() && row.json()["new"].is_null());
    }

    #[test]
    fn a_row_without_another_binary_is_met_by_its_figure() {
        let row = Row::of(FEW, Sides::Alone, &[(4.0, 4.0)]);
        assert_eq!((row.today, row.ratio, row.misses()), (None, None, true));
        let row = Row::of(FASTER, Sides::FewAndMany, &[(1000.0, 1700.0)]);
        assert_eq!((row.today, row.misses()), (None, false));
        assert!(table(&[row]).contains("drain: of 1,000 per second"));
    }

    #[test]
    fn the_columns_of_the_table_are_aligned() {
        let row = Row::of(FASTER, Sides::Binaries, &[(1_234_567.0, 20.0)]);
        let table = table(&[row, Row::unknown(FEW, "why")]);
        let widths: Vec<_> = table.trim().lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
        assert!(table.contains("| 1,234,567 | 20.00 | "), "{table}");
    }
}
