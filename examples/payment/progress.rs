use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What happens now, shared by those who make it happen.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Requests answered, repeats included.
    pub(crate) sent: Count,
    pub(crate) kills: Count,
    /// Kills after which the gateway still had a call of the dead worker open.
    pub(crate) kills_in_flight: Count,
    pub(crate) pauses: Count,
    /// Pauses during which another worker called for one of the paused worker's operations.
    pub(crate) overlaps: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One look at everything.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Snapshot {
    pub(crate) sent: u64,
    pub(crate) finished: u64,
    pub(crate) calls: u64,
    pub(crate) charges: u64,
    pub(crate) kills: u64,
    pub(crate) pauses: u64,
}

/// Bars on a terminal; elsewhere a line per second. Both on standard error.
pub(crate) enum Progress {
    Bars { sent: ProgressBar, finished: ProgressBar },
    Lines { next_at: Instant },
}

impl Progress {
    /// `requests` to send, for so many operations.
    pub(crate) fn new(requests: u64, operations: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { next_at: Instant::now() };
        }
        let bars = MultiProgress::new();
        let bar = |name: &'static str, length| {
            let bar = bars.add(ProgressBar::new(length)).with_prefix(name);
            bar.set_style(style());
            bar
        };
        Self::Bars { sent: bar("sent", requests), finished: bar("finished", operations) }
    }

    /// Shows the present figures.
    pub(crate) fn show(&mut self, now: Snapshot) {
        match self {
            Self::Bars { sent, finished } => {
                sent.set_position(now.sent);
                finished.set_position(now.finished);
                finished.set_message(now.to_string());
            }
            Self::Lines { next_at } => {
                if Instant::now() >= *next_at {
                    *next_at += Duration::from_secs(1);
                    eprintln!("sent {}, finished {}; {now}", now.sent, now.finished);
                }
            }
        }
    }

    /// Takes the bars away.
    pub(crate) fn end(self) {
        if let Self::Bars { sent, finished } = self {
            sent.finish_and_clear();
            finished.finish_and_clear();
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, charges, kills, pauses, .. } = self;
        write!(
            f,
            "gateway: {calls} calls, {charges} charges; workers: {kills} killed, {pauses} paused"
        )
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>9} {bar:40} {pos:>5}/{len}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
