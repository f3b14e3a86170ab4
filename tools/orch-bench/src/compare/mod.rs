//! This program beside that of an older commit: the same workloads in alternating pairs, each run on a new
//! database, what the server spends measured from outside, so that both are measured the same way.

mod alone;
mod binary;
pub(crate) mod goal;
mod processes;
pub(crate) mod report;
mod run;
pub(crate) mod server;
mod statistics;
pub(crate) mod workload;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::binary::Binary;
use self::report::Row;
use self::run::{Runs, Side, columns};
use self::server::Server;
use self::workload::{Sides, Sizes, Spec, Workload};
use crate::{Failed, On};

/// What is compared with what.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    on: On,
    /// The orch-bench of another commit, by which ratios are taken
    #[arg(long, value_name = "PATH")]
    with: PathBuf,
    /// Pairs of runs for each ratio; an interval of it needs five
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u64).range(1..=99))]
    pairs: u64,
    /// Fewer operations: for a look
    #[arg(long)]
    quick: bool,
    /// Only these
    #[arg(long, value_delimiter = ',', value_name = "WORKLOAD,…")]
    only: Vec<Workload>,
    /// Fail if a goal is missed, or not known to be met
    #[arg(long)]
    strict: bool,
    /// No more operations than this in a run: for tests
    #[arg(long, hide = true, default_value_t = u64::MAX)]
    at_most: u64,
}

impl Compare {
    /// Runs everything and prints the rows.
    ///
    /// # Errors
    /// A server or a program that cannot be used at all; with `--strict` a goal that is missed. A workload that
    /// fails is in its rows.
    pub(crate) async fn carry_out(self) -> Result<(), Failed> {
        let database = self.on.database()?;
        let server = match database.kind() {
            "postgres" => Some(Server::connect(&self.on.db).await?),
            "sqlite" => None,
            kind => return Err(format!("nothing is compared on {kind}").into()),
        };
        let folder = tempfile::tempdir()?;
        let sizes = if self.quick { Sizes::QUICK } else { Sizes::FULL };
        let mut runs = Runs {
            server,
            other: Binary::at(&self.with).await?,
            this: Binary::this()?,
            sizes: sizes.at_most(self.at_most),
            folder: folder.path(),
        };
        let load_before = load_average();
        let mut rows = Vec::new();
        for workload in self.workloads(runs.server.is_some()) {
            rows.extend(self.rows(workload, &mut runs).await?);
        }
        self.print(&rows, load_before);
        let missed = rows.iter().filter(|row| row.misses()).count();
        if self.strict && missed > 0 {
            return Err(format!("{missed} goals are missed, or not known to be met").into());
        }
        Ok(())
    }

    /// Those asked for, or all that the database allows.
    fn workloads(&self, with_server: bool) -> Vec<Workload> {
        let all = Workload::value_variants().iter().copied();
        all.filter(|workload| match self.only.is_empty() {
            true => with_server || workload.is_sqlite(),
            false => self.only.contains(workload),
        })
        .collect()
    }

    async fn rows(&self, workload: Workload, runs: &mut Runs<'_>) -> Result<Vec<Row>, Failed> {
        let specs = workload.rows();
        let unknown =
            |why: &str| specs.iter().map(|spec| Row::unknown(*spec, why)).collect::<Vec<_>>();
        let (subcommand, flags) = workload.needs();
        if workload.sides() == Sides::Binaries && !runs.other.knows(subcommand, flags).await? {
            let why = format!("the other binary has no `{}` as here", subcommand.join(" "));
            return Ok(unknown(&why));
        }
        let pairs = workload.pairs(usize::try_from(self.pairs)?);
        let found = match in_pairs(workload, pairs, runs).await {
            Ok(found) => found,
            Err(error) => return Ok(unknown(&error.to_string())),
        };
        let mut rows: Vec<Row> = specs
            .iter()
            .enumerate()
            .map(|(place, spec)| row(*spec, workload.sides(), place, &found))
            .collect();
        if workload == Workload::Rest
            && let Some(first) = rows.first_mut()
        {
            first.note(changed_columns(runs).await?);
        }
        Ok(rows)
    }

    fn print(&self, rows: &[Row], load_before: f64) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        print!("{}", report::table(rows));
        println!(
            "load average before: {load_before:.1} on {cores} cores. Beside other work, rates and latencies are \
             noise; CPU time and WAL per operation are less so."
        );
        if self.on.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            println!(
                "{}",
                json!({ "rows": rows, "quick": self.quick, "load_average": load_before,
                        "cores": cores })
            );
        }
    }
}

/// The figures of each pair. The two of a pair change places from one to the next, so that what drifts
/// meets both alike.
async fn in_pairs(
    workload: Workload,
    pairs: usize,
    runs: &mut Runs<'_>,
) -> Result<Vec<(Vec<f64>, Vec<f64>)>, Failed> {
    let mut found = Vec::new();
    for pair in 0..pairs {
        eprintln!("orch-bench: {workload:?}, {} of {pairs}", pair + 1);
        if workload.sides() == Sides::Alone {
            let alone = runs.once(workload, Side::Second).await?;
            found.push((alone.clone(), alone));
            continue;
        }
        found.push(if pair % 2 == 0 {
            let first = runs.once(workload, Side::First).await?;
            (first, runs.once(workload, Side::Second).await?)
        } else {
            let second = runs.once(workload, Side::Second).await?;
            (runs.once(workload, Side::First).await?, second)
        });
    }
    Ok(found)
}

fn row(spec: Spec, sides: Sides, place: usize, found: &[(Vec<f64>, Vec<f64>)]) -> Row {
    let figure = |figures: &Vec<f64>| figures.get(place).copied().unwrap_or(f64::NAN);
    let pairs: Vec<_> = found.iter().map(|(one, other)| (figure(one), figure(other))).collect();
    Row::of(spec, sides, &pairs)
}

/// What the schema of this binary has that the other one's has not, and the other way round.
async fn changed_columns(runs: &mut Runs<'_>) -> Result<String, Failed> {
    let server = runs.server.as_mut().ok_or("this workload needs a Postgres server")?;
    let before = columns(server, &runs.other).await?;
    let after = columns(server, &runs.this).await?;
    let only_in = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|column| !those.contains(column)).map(String::as_str);
        let only = only.collect::<Vec<_>>().join(", ");
        if only.is_empty() { "none".to_owned() } else { only }
    };
    Ok(format!("columns more: {}; gone: {}", only_in(&after, &before), only_in(&before, &after)))
}

/// Processes that run or wait for a core, over the last minute; 0 where there is no `/proc`.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}
