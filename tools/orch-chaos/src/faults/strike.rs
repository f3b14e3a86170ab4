//! Faults, one by one.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use orch_lab::plan::now_us;

use super::{AFTERMATH, Faults, STEP};
use crate::disk::fail_writes;
use crate::plan::Fault;
use crate::scene::{ANSWER_WITHIN, Scene};
use crate::wire::Class;

impl Faults {
    /// One fault, the `due`-th of its kind.
    pub(super) async fn strike(&mut self, fault: Fault, due: u32) -> crate::Result<()> {
        match fault {
            Fault::Kill if self.struck.kills.len() < due as usize => self.kill(),
            Fault::Pause if self.pauses < due => match self.crew.fleet.drawn(&mut self.dice) {
                Some(number) => self.stop(number).await.map(drop),
                None => Ok(()),
            },
            Fault::Kill | Fault::Pause => Ok(()),
            Fault::Terminate => match self.crew.fleet.drawn(&mut self.dice) {
                Some(number) => {
                    self.count(fault);
                    self.crew.fleet.terminate(number)
                }
                None => Ok(()),
            },
            Fault::KillClient => {
                let lanes: Vec<u32> = self.crew.clients.keys().copied().collect();
                if let Some(lane) = self.dice.choice(lanes) {
                    self.crew.clients[&lane].signal(Signal::SIGKILL)?;
                    self.count(fault);
                }
                Ok(())
            }
            Fault::KillReceiver => {
                let numbers: Vec<u32> = self.crew.receivers.keys().copied().collect();
                if let Some(number) = self.dice.choice(numbers) {
                    self.crew.receivers[&number].signal(Signal::SIGKILL)?;
                    self.count(fault);
                }
                Ok(())
            }
            _ => {
                let scene = Arc::clone(&self.scene);
                let classes = if fault == Fault::CutBefore {
                    Class::WRITES.into_iter().filter(|class| class.surely_writes()).collect()
                } else {
                    Class::WRITES.to_vec()
                };
                let class = classes[self.dice.usize(0..classes.len())];
                let pids = self.crew.fleet.pids().into_iter();
                let mut pids: Vec<u32> = pids.map(|(_, pid)| pid).collect();
                self.dice.shuffle(&mut pids);
                let begun =
                    tokio::spawn(async move { carry_out(&scene, fault, class, &pids).await });
                self.under_way.push((fault, now_us(), begun));
                Ok(())
            }
        }
    }

    fn kill(&mut self) -> crate::Result<()> {
        let Some(worker) = self.crew.fleet.drawn(&mut self.dice) else { return Ok(()) };
        self.kill_worker(worker)
    }

    /// Stops a worker for longer than its lease, and says for how long; one that might hold
    /// SQLite's write lock only once it does not, or it would stop all the others too.
    pub(super) async fn stop(&mut self, number: u32) -> crate::Result<Duration> {
        let Ok(lock) = self.scene.store()?.lock().await else { return Ok(Duration::ZERO) };
        self.pauses += 1;
        let pause = self.plan.pause(self.pauses);
        self.crew.fleet.stop(number, pause).await?;
        lock.release().await?;
        Ok(pause)
    }

    pub(super) async fn finish_under_way(&mut self) -> crate::Result<()> {
        for (fault, began, done) in std::mem::take(&mut self.under_way) {
            if !done.is_finished() {
                self.under_way.push((fault, began, done));
                continue;
            }
            if fault.is_outage() {
                let aftermath = i64::try_from(AFTERMATH.as_micros())?;
                self.struck.outages.push((began, now_us() + aftermath));
            }
            if fault.hangs() {
                let for_longer = if fault == Fault::Swallow { ANSWER_WITHIN } else { STEP };
                self.struck.hangs.push((began, now_us() + i64::try_from(for_longer.as_micros())?));
            }
            match done.await? {
                Ok(true) => self.count(fault),
                Ok(false) => {}
                // A fault that meets another one, such as a server that is down, does not count.
                Err(error) => eprintln!("orch-chaos: {}: {error}", fault.name()),
            }
        }
        Ok(())
    }
}

/// A fault of the database. False if there was nothing to strike.
async fn carry_out(scene: &Scene, fault: Fault, class: Class, pids: &[u32]) -> crate::Result<bool> {
    match (scene, fault) {
        (Scene::Postgres(postgres), Fault::CutBefore | Fault::CutAfter | Fault::Swallow) => {
            Ok(postgres.proxy.strike(fault, class).await)
        }
        (Scene::Sqlite(sqlite), Fault::DiskFull) => {
            if !sqlite.disk.can_be_full() {
                return Ok(false);
            }
            scene.empty_log().await?;
            let held = scene.store()?.lock().await?;
            sqlite.disk.fill()?;
            held.release().await?;
            sqlite.disk.stay_full_for_a_while().await?;
            Ok(true)
        }
        (Scene::Sqlite(_), Fault::WriteErrors) => Ok(fail_writes(pids).await),
        (Scene::Postgres(_), Fault::Disconnect) => scene.disconnect().await,
        (Scene::Postgres(postgres), Fault::Restart) => {
            let cluster = Arc::clone(&postgres.cluster);
            tokio::task::spawn_blocking(move || cluster.crash_and_restart()).await??;
            Ok(true)
        }
        (Scene::Sqlite(_), Fault::Lock) => {
            let held = scene.store()?.lock().await?;
            tokio::time::sleep(Duration::from_millis(700)).await;
            held.release().await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
