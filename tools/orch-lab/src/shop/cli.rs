use std::path::PathBuf;

use clap::Parser;

use super::gateway::MAX_CHARGES;
use crate::process::Part;

/// Charges against a flaky payment gateway over real HTTP, through worker processes that are
/// killed and paused while their calls are in flight; then the gateway's ledger is compared with
/// the store. Exits non-zero unless none is lost, none is charged twice and all amounts are equal.
#[derive(Debug, Clone, Parser)]
#[command(name = "payment")]
pub struct Cli {
    /// Distinct charges to send
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(super) charges: u64,
    /// How many of them are sent a second time, with the same key [default: 100, or all]
    #[arg(long, value_name = "N")]
    repeats: Option<u64>,
    /// Worker processes on the one database
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) workers: usize,
    /// Workers to kill with SIGKILL while they have calls in flight
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(super) kills: u32,
    /// Workers to stop for longer than their lease, so that they wake up with stale answers
    /// [default: 3; 0 with one worker]
    #[arg(long, value_name = "N")]
    pauses: Option<u32>,
    /// Decides the amounts, the repeats and how the gateway behaves
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Where the operations are kept, such as sqlite://payment.db [default: an SQLite file in a temporary folder]
    #[arg(long, value_name = "URL")]
    pub(super) db: Option<String>,
    /// Print the figures as one JSON object on the last line
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) part: Part,
    /// The gateway's ledger file (role provider)
    #[arg(long, hide = true)]
    pub(super) ledger: Option<PathBuf>,
    /// The gateway's address (role worker)
    #[arg(long, hide = true)]
    pub(super) gateway: Option<String>,
}

/// More faults than these would take too long.
const MAX_FAULTS: u32 = 1000;

impl Cli {
    /// How many charges are sent a second time.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats.unwrap_or_else(|| self.charges.min(100))
    }

    /// How many workers are stopped for longer than their lease.
    pub(super) fn pauses(&self) -> u32 {
        self.pauses.unwrap_or(if self.workers == 1 { 0 } else { 3 })
    }

    /// Refuses what cannot be run, naming flag and bound.
    pub(super) fn validate(&self) -> crate::Result<()> {
        let (charges, repeats) = (self.charges, self.repeats());
        let refusal = if charges == 0 || charges > MAX_CHARGES {
            format!("--charges must be 1 to {MAX_CHARGES}, not {charges}")
        } else if repeats > charges {
            format!("--repeats ({repeats}) may not exceed --charges ({charges})")
        } else if self.workers == 0 {
            "--workers must be at least 1".into()
        } else if self.kills.saturating_add(self.pauses()) > MAX_FAULTS {
            format!("--kills and --pauses may be {MAX_FAULTS} together")
        } else if self.db.as_deref().is_some_and(|url| url.starts_with("memory:")) {
            "--db memory: cannot be shared by processes; give sqlite://FILE".into()
        } else if self.pauses() > 0 && self.workers < 2 {
            "--pauses needs --workers 2: another worker has to take over".into()
        } else {
            return Ok(());
        };
        Err(refusal.into())
    }
}
