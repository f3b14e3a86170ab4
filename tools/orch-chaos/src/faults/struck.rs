use std::collections::BTreeMap;
use std::time::Duration;

use orch_lab::fleet::Kill;

use crate::fate::Point;
use crate::release::Release;

/// What has struck, and what was seen of it from outside.
#[derive(Debug, Default)]
pub(crate) struct Struck {
    /// Workers that died by SIGKILL, and where, if they killed themselves.
    pub(crate) kills: Vec<(Kill, Option<Point>)>,
    /// Faults that were carried out, kills excepted.
    pub(crate) faults: BTreeMap<&'static str, u32>,
    /// Writes that were refused as stale, by verb.
    pub(crate) stale: BTreeMap<String, u64>,
    /// Operation and fence of each lease that a worker asked to be moved on, each time.
    pub(crate) renewals: Vec<(String, i64)>,
    /// From SIGTERM to the end of each worker, away from outages and hanging calls.
    pub(crate) hand_overs: Vec<HandOver>,
    /// When the database was away, with its aftermath, in microseconds since 1970.
    pub(crate) outages: Vec<(i64, i64)>,
    /// The release of each worker, by number; empty in a run with one release.
    pub(crate) releases: BTreeMap<u32, Release>,
    /// How often all workers were replaced by those of another release.
    pub(crate) rolls: u64,
    /// Operations that a worker gave back to one of another release, by what it lacked.
    pub(crate) given_back: BTreeMap<String, u64>,
    /// What SQLite said of its disk, full or broken: calls that it failed.
    pub(crate) disk_errors: BTreeMap<String, u64>,
    /// False on a plain folder, which takes root to avoid.
    pub(crate) disk_can_be_full: bool,
    /// Ambiguous commits and swallowed replies, by fault and what was cut.
    pub(crate) cuts: BTreeMap<String, u64>,
    /// When some call to the database hung, until its worker gave it up.
    pub(super) hangs: Vec<(i64, i64)>,
    /// The longest that an expired lease was seen, away from outages.
    pub(crate) overdue: Duration,
    /// Processes that ended and should not have.
    pub(crate) unexpected: Vec<String>,
    /// False if the run had to be given up with operations open.
    pub(crate) healed: bool,
}

/// A worker's end at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandOver {
    pub(crate) took: Duration,
    pub(crate) worker: u32,
    /// Microseconds since 1970.
    pub(crate) asked_at: i64,
}
