use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Charges against a flaky payment gateway over real HTTP, through worker processes that are
/// killed and paused while their calls are in flight; then the gateway's ledger is compared with
/// the store. Exits non-zero unless none is lost, none is charged twice and all amounts are equal.
#[derive(Debug, Clone, Parser)]
#[command(name = "payment")]
pub(crate) struct Cli {
    /// Distinct charges to send
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) charges: u64,
    /// How many of them are sent a second time, with the same key [default: 100, or all]
    #[arg(long, value_name = "N")]
    repeats: Option<u64>,
    /// Worker processes on the one database
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) workers: usize,
    /// Workers to kill with SIGKILL while they have calls in flight
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) kills: u32,
    /// Workers to stop for longer than their lease, so that they wake up with stale answers
    /// [default: 3; 0 with one worker]
    #[arg(long, value_name = "N")]
    pauses: Option<u32>,
    /// Decides the amounts, the repeats and how the gateway behaves
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the operations are kept, such as sqlite://payment.db [default: an SQLite file in a temporary folder]
    #[arg(long, value_name = "URL")]
    pub(crate) db: Option<String>,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    pub(crate) json: bool,

    /// Which of the processes this one is
    #[arg(long, hide = true, value_enum, default_value_t = Role::Supervisor)]
    pub(crate) role: Role,
    /// The gateway's ledger file (role gateway)
    #[arg(long, hide = true)]
    pub(crate) ledger: Option<PathBuf>,
    /// The gateway's address (role worker)
    #[arg(long, hide = true)]
    pub(crate) gateway: Option<String>,
}

/// The parts that the one binary plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Starts the others, sends the charges, injects the faults, checks the result.
    Supervisor,
    /// The payment provider.
    Gateway,
    /// Runs the handler.
    Worker,
}

/// More faults than these would take longer than anybody waits.
const MAX_FAULTS: u32 = 1000;

impl Cli {
    /// How many charges are sent a second time.
    pub(crate) fn repeats(&self) -> u64 {
        self.repeats.unwrap_or_else(|| self.charges.min(100))
    }

    /// How many workers are stopped for longer than their lease.
    pub(crate) fn pauses(&self) -> u32 {
        self.pauses.unwrap_or(if self.workers == 1 { 0 } else { 3 })
    }

    /// Refuses what cannot be run, naming flag and bound.
    pub(crate) fn validate(&self) -> crate::Result<()> {
        if self.charges == 0 || self.charges > crate::client::MAX_CHARGES {
            let max = crate::client::MAX_CHARGES;
            return Err(format!("--charges must be 1 to {max}, not {}", self.charges).into());
        }
        if self.repeats() > self.charges {
            let (repeats, charges) = (self.repeats(), self.charges);
            return Err(
                format!("--repeats ({repeats}) may not exceed --charges ({charges})").into()
            );
        }
        if self.db.as_deref().is_some_and(|db| db.starts_with("memory:")) {
            return Err("--db memory: cannot be shared by processes; give sqlite://FILE".into());
        }
        if self.workers == 0 {
            return Err("--workers must be at least 1".into());
        }
        if self.kills.saturating_add(self.pauses()) > MAX_FAULTS {
            return Err(format!("--kills and --pauses may be {MAX_FAULTS} together").into());
        }
        if self.db.as_deref().is_some_and(|url| url.starts_with("memory:")) {
            return Err("--db memory: cannot be shared by processes; name a file".into());
        }
        if self.pauses() > 0 && self.workers < 2 {
            return Err("--pauses needs --workers 2: another worker has to take over".into());
        }
        Ok(())
    }
}
