//! Accept, run, end and purge together at a constant rate, for so long that what grows or slows down shows.

mod load;
mod minute;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use orch::Config;
use serde_json::json;

use self::load::Load;
use self::minute::{Minute, look};
use crate::compare::goal::Goal;
use crate::compare::report::{Row, table};
use crate::compare::workload::{Sides, Spec};
use crate::noop::Tally;
use crate::{Failed, On};

/// How long what is left at the end may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a database is kept busy.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    on: On,
    /// Operations per second
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// Minutes, each with a line
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// How long a completed operation is kept: `90s`, `2m` or `1h`
    #[arg(long, default_value = "2m", value_parser = span)]
    retention: Duration,
    /// Fail if a goal is missed
    #[arg(long)]
    strict: bool,
    /// Seconds of a minute: for tests
    #[arg(long, hide = true, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minute_s: u64,
}

impl Soak {
    /// Runs it, with a line a minute.
    ///
    /// # Errors
    /// The database's, or orch's; accepts that do not keep up with the rate; with `--strict` a goal that is
    /// missed.
    pub(crate) async fn carry_out(self) -> Result<(), Failed> {
        let database = self.on.database()?;
        if database.kind() != "postgres" {
            return Err(format!("a soak runs on postgres, not on {}", database.kind()).into());
        }
        database.prepare().await?;
        let before = look(&self.on.db).await?;
        let tally = Tally::of(0);
        let minute = Duration::from_secs(self.minute_s);
        // By default the Pruner comes once a minute, which is as late as the goal allows.
        let config = Config::default()
            .completed_retention(self.retention)
            .failed_retention(self.retention)
            .prune_every(minute / 2);
        let builder = database.runtime().config(config).state(Arc::clone(&tally));
        let runtime = builder.start().await?;
        let load = Load::start(runtime.orchestrator().clone(), self.rate);
        println!("{}", Minute::HEAD);
        let mut minutes = Vec::new();
        let mut tick = tokio::time::interval(minute);
        tick.tick().await;
        for number in 1..=self.minutes {
            tick.tick().await;
            let (ended, (accepted, calls_ms)) = (tally.runs(), load.taken()?);
            let state = look(&self.on.db).await?;
            let minute = Minute::of(number, accepted, calls_ms, ended, before, state);
            println!("{}", minute.line());
            minutes.push(minute);
        }
        let accepted = load.end().await?;
        database.all_finished(PATIENCE).await?;
        let unstored = runtime.shutdown().await.unstored;
        if unstored > 0 {
            return Err(format!("{unstored} outcomes could not be stored").into());
        }
        database.verify_all_finished().await?;
        let again = tally.runs().saturating_sub(accepted);
        if again > 0 {
            println!("{again} handlers ran once more: their leases were lost");
        }
        self.judge(&minutes)
    }

    fn judge(&self, minutes: &[Minute]) -> Result<(), Failed> {
        let rows = rows(minutes);
        print!("{}", table(&rows));
        if self.on.json {
            let minutes: Vec<_> = minutes.iter().map(Minute::json).collect();
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            println!("{}", json!({ "minutes": minutes, "rows": rows, "rate": self.rate }));
        }
        let missed = rows.iter().filter(|row| row.misses()).count();
        if self.strict && missed > 0 {
            return Err(format!("{missed} goals are missed").into());
        }
        Ok(())
    }
}

/// What the soak is to reach: the disk does not grow, accepts do not slow down, the purge keeps up.
fn rows(minutes: &[Minute]) -> Vec<Row> {
    const DISK: Spec =
        Spec { title: "disk at the end, by that after a third", goal: Goal::AtMost(1.2) };
    const SLOWER: Spec =
        Spec { title: "p99 of accept at the end, by that at a sixth", goal: Goal::AtMost(1.5) };
    const OVERDUE: Spec =
        Spec { title: "operations expired for over a minute", goal: Goal::AtMost(0.0) };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let disk = |minute: &Minute| minute.state.disk_bytes as f64;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let overdue = minutes.last().map_or(f64::NAN, |minute| minute.state.overdue as f64);
    [
        (DISK, last_by(minutes, 3, disk)),
        (SLOWER, last_by(minutes, 6, |minute| minute.p99_ms)),
        (OVERDUE, overdue),
    ]
    .into_iter()
    .map(|(spec, figure)| Row::of(spec, Sides::Alone, &[(figure, figure)]))
    .collect()
}

/// A figure of the last minute, by that of the minute at this share of all.
fn last_by(minutes: &[Minute], share: usize, figure: impl Fn(&Minute) -> f64) -> f64 {
    let early = minutes.len().div_ceil(share).checked_sub(1).and_then(|place| minutes.get(place));
    match (minutes.last(), early) {
        (Some(last), Some(early)) => figure(last) / figure(early),
        _ => f64::NAN,
    }
}

/// A number with `s`, `m` or `h` behind it.
fn span(text: &str) -> Result<Duration, String> {
    let of = |unit: char, seconds: u64| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).map(Duration::from_secs)
    };
    of('s', 1)
        .or_else(|| of('m', 60))
        .or_else(|| of('h', 60 * 60))
        .filter(|span| !span.is_zero())
        .ok_or_else(|| format!("{text} is no span; write it as 90s, 2m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::minute::State;

    fn minute(disk_bytes: i64, p99_ms: f64, overdue: i64) -> Minute {
        let before = State { present: 0, overdue: 0, disk_bytes: 0 };
        let state = State { present: 0, overdue, disk_bytes };
        Minute::of(1, 0, vec![p99_ms], 0, before, state)
    }

    #[test]
    fn the_end_is_compared_with_a_third_and_a_sixth() {
        let mut minutes: Vec<Minute> = (0..6).map(|_| minute(100, 1.0, 0)).collect();
        minutes[0] = minute(1, 2.0, 0);
        minutes[1] = minute(100, 9.0, 5);
        minutes[5] = minute(120, 3.0, 0);
        let found: Vec<_> = rows(&minutes).iter().map(|row| row.json()["new"].clone()).collect();
        assert_eq!(found, [json!(1.2), json!(1.5), json!(0.0)]);
        assert!(!rows(&minutes).iter().any(Row::misses));
        minutes[5] = minute(121, 3.1, 1);
        assert!(rows(&minutes).iter().all(Row::misses));
    }

    #[test]
    fn a_run_without_a_minute_meets_nothing() {
        assert!(rows(&[]).iter().all(Row::misses));
    }

    #[test]
    fn a_span_has_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(span("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "2", "m", "0s", "-1m", "2 m", "99999999999999999999s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
