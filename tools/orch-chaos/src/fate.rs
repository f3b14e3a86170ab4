use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::now_us;

/// Where a worker is to die or to be stopped: at the `nth` passage of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) point: Point,
    pub(crate) nth: u32,
    pub(crate) end: End,
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGKILL.
    Kill,
    /// SIGSTOP for longer than the lease.
    Stop,
}

/// The named points on the way of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl Point {
    /// All, in the order in which an operation passes them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Claiming,
        Self::Claimed,
        Self::Calling,
        Self::Called,
        Self::Answered,
        Self::Logging,
        Self::Logged,
        Self::Hooking,
        Self::Hooked,
        Self::Finalized,
        Self::Renewing,
    ];

    /// The word by which worker and supervisor speak of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Claiming => "claiming",
            Self::Claimed => "claimed",
            Self::Calling => "calling",
            Self::Called => "called",
            Self::Answered => "answered",
            Self::Logging => "logging",
            Self::Logged => "logged",
            Self::Hooking => "hooking",
            Self::Hooked => "hooked",
            Self::Finalized => "finalized",
            Self::Renewing => "renewing",
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|point| point.name() == text);
        found.ok_or_else(|| format!("{text} is no point"))
    }
}

/// Written as `point:nth:kill` or `point:nth:stop`.
impl FromStr for Fate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or_else(|| format!("{text} is no fate"));
        let (point, nth, end) = (part()?.parse()?, part()?, part()?);
        let nth = nth.parse().map_err(|_| format!("{nth} is no count"))?;
        let end = match end {
            "kill" => End::Kill,
            "stop" => End::Stop,
            _ => return Err(format!("{end} is no end")),
        };
        Ok(Self { point, nth, end })
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.end == End::Kill { "kill" } else { "stop" };
        write!(f, "{}:{}:{end}", self.point.name(), self.nth)
    }
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
        say(&format!("stop {}", point.name()));
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
    say(&format!("dying {} {}", point.name(), now_us()));
    let _ = kill(Pid::this(), Signal::SIGKILL);
    loop {
        std::thread::park();
    }
}

/// One line to the supervisor.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A supervisor that is gone ends this process by other means.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fate_is_read_as_it_is_written() {
        for (point, end) in Point::ALL.into_iter().zip([End::Kill, End::Stop].into_iter().cycle()) {
            let fate = Fate { point, nth: 7, end };
            assert_eq!(fate.to_string().parse(), Ok(fate));
        }
        for wrong in ["", "called", "called:x:kill", "nowhere:1:kill", "called:1:sleep"] {
            assert!(wrong.parse::<Fate>().is_err(), "{wrong}");
        }
    }
}
