use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orch_lab::plan::now_us;
use orch_lab::process::{say, word};
use serde::{Deserialize, Serialize};

/// Where a worker is to die or to be stopped: at the `nth` passage of a point. JSON as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fate {
    pub(crate) point: Point,
    pub(crate) nth: u32,
    pub(crate) end: End,
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// SIGKILL.
    Kill,
    /// SIGSTOP for longer than the lease.
    Stop,
}

/// The named points on the way of an operation, in the order in which it passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Point {
    /// Before a claim is sent.
    Claiming,
    /// Between the claim and its handlers.
    Claimed,
    /// In the handler, before the call.
    Calling,
    /// The call is sent, its answer is not read.
    Called,
    /// The answer is in the handler.
    Answered,
    /// The outcome is on its way to the store: between answer and log.
    Logging,
    /// Logged, and not finalized.
    Logged,
    /// In the finalizing transaction, before the hook's own rows.
    Hooking,
    /// The same, after them.
    Hooked,
    /// Finalized, and the worker does not know yet.
    Finalized,
    /// Before the leases are renewed.
    Renewing,
}

/// The fate of this process, and how far it has come.
#[derive(Debug)]
pub(crate) struct Fates {
    fate: Option<Fate>,
    passed: AtomicU32,
    averted: AtomicBool,
}

impl Fates {
    pub(crate) const fn new(fate: Option<Fate>) -> Self {
        Self { fate, passed: AtomicU32::new(0), averted: AtomicBool::new(false) }
    }

    /// Nothing happens any more: the worker is asked to end in order.
    pub(crate) fn avert(&self) {
        self.averted.store(true, Ordering::Relaxed);
    }

    fn averted(&self) -> bool {
        self.averted.load(Ordering::Relaxed)
    }

    /// To be awaited at the point: returns, later, or never.
    pub(crate) async fn pass(&self, point: Point) {
        let Some(fate) = self.fate.filter(|fate| fate.point == point) else { return };
        if self.passed.fetch_add(1, Ordering::Relaxed) + 1 != fate.nth || self.averted() {
            return;
        }
        match fate.end {
            End::Kill => die(point),
            End::Stop => self.be_stopped(point).await,
        }
    }

    /// Asks the supervisor for SIGSTOP and stays here until it has come and gone: the clock
    /// jumps.
    async fn be_stopped(&self, point: Point) {
        const STEP: Duration = Duration::from_millis(5);
        const JUMP: Duration = Duration::from_millis(1_500);
        const PATIENCE: Duration = Duration::from_secs(10);
        say(&format!("stop {}", word(&point)));
        let asked_at = Instant::now();
        while asked_at.elapsed() < PATIENCE && !self.averted() {
            let before = Instant::now();
            tokio::time::sleep(STEP).await;
            if before.elapsed() > JUMP {
                return;
            }
        }
    }
}

/// Says where and when, and is gone: what is said lies in the pipe by then.
fn die(point: Point) -> ! {
    say(&format!("dying {} {}", word(&point), now_us()));
    let _ = kill(Pid::this(), Signal::SIGKILL);
    loop {
        std::thread::park();
    }
}
