use std::path::PathBuf;

use clap::Parser;
use clap::builder::ArgPredicate;
use orch_lab::process::Part;
use orch_lab::store::Backend;

use crate::fate::Fate;
use crate::release::Release;
use crate::topology::{Flaw, Scenario};

/// Sends operations through worker processes that are killed, paused and cut off from their
/// database by the hundred; then compares the provider's ledger, the store and what clients were
/// told. Exits with 1 on any violation, and also if the faults did not strike where they had to.
#[derive(Debug, Clone, Parser)]
#[command(name = "orch-chaos")]
pub(crate) struct Cli {
    /// The database: a throw-away Postgres cluster, or a SQLite file
    #[arg(long, value_enum, default_value_t = Backend::Postgres)]
    pub(crate) db: Backend,
    /// Distinct operations to send
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2_000,
        default_value_if("topology", ArgPredicate::IsPresent, "20000")
    )]
    pub(crate) operations: u64,
    /// Workers to kill with SIGKILL; the other faults come in proportion
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) kills: u32,
    /// How often the workers are replaced by those of another release, one after the other: to the
    /// new one, back to the old one, and so on; in the end all are new. 0 is a run with one release
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rolls: u32,
    /// Decides orders, faults and how the provider behaves
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the folder of the run: database, ledger, logs
    #[arg(long)]
    pub(crate) keep: bool,

    /// Runs these scenarios with a primary and a standby instead; without a name all of them
    #[arg(long, value_name = "SCENARIO", value_enum, num_args = 0..)]
    pub(crate) topology: Option<Vec<Scenario>>,
    /// With --topology: how often the primary is killed and the standby promoted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) promotions: u32,
    /// With --topology: a mistake in the set-up, which the run has to find
    #[arg(long, value_enum)]
    pub(crate) flaw: Option<Flaw>,

    #[command(flatten)]
    pub(crate) part: Part,
    /// The folder of the run
    #[arg(long, hide = true)]
    pub(crate) world: Option<PathBuf>,
    /// Where this worker dies or is stopped
    #[arg(long, hide = true, value_parser = |text: &str| serde_json::from_str::<Fate>(text))]
    pub(crate) fate: Option<Fate>,
    /// The release of this worker
    #[arg(long, hide = true, value_enum)]
    pub(crate) release: Option<Release>,
    /// The database of this worker or client, where it is not that of the run
    #[arg(long, hide = true)]
    pub(crate) url: Option<String>,
}

/// A worker that is killed has to have had something to do.
const OPERATIONS_PER_KILL: u64 = 40;
/// The same for a release between two rolls.
const OPERATIONS_PER_ROLL: u64 = 200;

impl Cli {
    /// Refuses what cannot be run, naming flag and bound.
    pub(crate) fn validate(&self) -> crate::Result<()> {
        if !(200..=1_000_000).contains(&self.operations) {
            return Err(format!(
                "--operations is {}; it must be 200 to 1,000,000",
                self.operations
            )
            .into());
        }
        let most = self.operations / OPERATIONS_PER_KILL;
        if !(5..=most).contains(&self.kills.into()) {
            return Err(format!(
                "--kills is {}; with {} operations it must be 5 to {most}, so that each meets work",
                self.kills, self.operations
            )
            .into());
        }
        let most = self.operations / OPERATIONS_PER_ROLL;
        if u64::from(self.rolls) > most {
            return Err(format!(
                "--rolls is {}; with {} operations it must be 0 to {most}, so that each release \
                 meets work",
                self.rolls, self.operations
            )
            .into());
        }
        Ok(())
    }
}
