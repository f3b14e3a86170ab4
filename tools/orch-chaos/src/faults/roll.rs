//! A deploy that rolls: the workers are replaced by those of another release, one after the other.

use std::time::{Duration, Instant};

use orch_lab::fleet::Kill;

use super::{Faults, STANDSTILL};
use crate::release::Release;

/// One in so many workers makes room by SIGKILL, as where a deploy does not wait.
const KILLED: u32 = 4;
/// A new worker is not waited for longer: there may be nothing to do for it.
const SETTLES: Duration = Duration::from_secs(5);

impl Faults {
    /// The next worker makes room, if it is time; after the last one it goes the other way.
    pub(super) fn roll(&mut self) -> crate::Result<()> {
        let Some(every) = self.plan.roll_every() else { return Ok(()) };
        // On a machine that is busy with something else a new process takes its time.
        let is_time = self.crew.has_settled() || self.rolled_at.elapsed() > SETTLES;
        if self.rolled_at.elapsed() < every || !is_time {
            return Ok(());
        }
        self.rolled_at = Instant::now();
        if self.crew.all_are(self.rolls_to) {
            self.struck.rolls += 1;
            self.rolls_to = self.rolls_to.other();
            return Ok(());
        }
        // There may be none that runs: the last ones are paused, or have not ended yet.
        match self.crew.make_room(self.rolls_to) {
            Some(number) if self.dice.u32(0..KILLED) == 0 => self.kill_worker(number),
            Some(number) => self.crew.fleet.terminate(number),
            None => Ok(()),
        }
    }

    /// In the end all are of the new release.
    pub(super) async fn roll_to_the_new_release(&mut self) -> crate::Result<()> {
        if self.plan.rolls == 0 {
            return Ok(());
        }
        self.rolls_to = Release::New;
        let began = Instant::now();
        while !self.crew.all_are(Release::New) && began.elapsed() < STANDSTILL {
            while let Some(number) = self.crew.make_room(Release::New) {
                self.crew.fleet.terminate(number)?;
            }
            self.step().await?;
        }
        self.struck.rolls += 1;
        Ok(())
    }

    /// SIGKILL, noted.
    pub(super) fn kill_worker(&mut self, worker: u32) -> crate::Result<()> {
        if let Some(at) = self.crew.fleet.kill(worker)? {
            self.struck.kills.push((Kill { worker, at }, None));
        }
        Ok(())
    }
}
