//! What processes say and how they end.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use clap::ValueEnum;
use orch_lab::check::plain;
use orch_lab::fleet::{Kill, State};
use orch_lab::plan::now_us;
use orch_lab::process::{Event, Role, What};

use super::{Faults, HandOver};
use crate::fate::Point;
use crate::scene::Scene;

impl Faults {
    pub(super) async fn take(&mut self, event: Event) -> crate::Result<()> {
        let Event { role, number, what } = event;
        match (role, what) {
            (Role::Worker, What::Said(line)) => self.worker_said(number, &line).await,
            (Role::Worker, What::Ended { status, at }) => {
                self.worker_ended(number, &status.to_string(), at)
            }
            (Role::Client, What::Ended { status, .. }) if status.success() => {
                self.crew.clients.remove(&number);
                Ok(())
            }
            (Role::Client, What::Ended { status, .. }) => {
                if status.signal().is_none() {
                    self.struck.unexpected.push(format!("client {number} ended: {status}"));
                }
                self.crew.add_client(number)
            }
            (Role::Receiver, What::Ended { status, .. }) => {
                if status.signal().is_none() {
                    self.struck.unexpected.push(format!("receiver {number} ended: {status}"));
                }
                self.crew.add_receiver(number)
            }
            (Role::Provider, What::Ended { status, .. }) => {
                Err(format!("the provider ended: {status}").into())
            }
            _ => Ok(()),
        }
    }

    async fn worker_said(&mut self, number: u32, line: &str) -> crate::Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["dying", point, at] => {
                let kill = Kill { worker: number, at: at.parse()? };
                self.struck.kills.push((kill, Some(Point::from_str(point, false)?)));
                if let Some(worker) = self.crew.fleet.workers.get_mut(&number) {
                    worker.state = State::Killed;
                }
            }
            ["stop", point] => {
                let pause = self.stop(number).await?;
                // It holds the lock of its operation; whoever wants to finalize that waits.
                if matches!(Point::from_str(point, false)?, Point::Hooking | Point::Hooked) {
                    let pause = i64::try_from(pause.as_micros())?;
                    self.struck.hangs.push((now_us(), now_us() + pause));
                }
            }
            ["disk", word] => {
                if let Scene::Sqlite(sqlite) = &*self.scene
                    && *word == "full"
                {
                    sqlite.disk.was_met();
                }
                *self.struck.disk_errors.entry((*word).to_owned()).or_default() += 1;
            }
            ["renewing", op_id, fence] => {
                self.struck.renewals.push((plain(op_id), fence.parse()?));
            }
            ["stale", verb, count] => {
                *self.struck.stale.entry((*verb).to_owned()).or_default() +=
                    count.parse::<u64>()?;
            }
            ["works"] => self.crew.works(number),
            ["lacks", what] => {
                *self.struck.given_back.entry((*what).to_owned()).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn worker_ended(&mut self, number: u32, status: &str, at: i64) -> crate::Result<()> {
        let Some(worker) = self.crew.fleet.workers.remove(&number) else { return Ok(()) };
        let fated = self.crew.fated;
        match worker.state {
            State::Killed => {}
            State::Terminated { at: asked_at } => {
                if !self.hung(asked_at, at) && !self.disturbed(at) && !self.disturbed(asked_at) {
                    let took = Duration::from_micros((at - asked_at).max(0).unsigned_abs());
                    self.struck.hand_overs.push(HandOver { took, worker: number, asked_at });
                }
                if !fated && !self.crew.has_successor(number) {
                    return Ok(());
                }
            }
            State::Running | State::Stopped { .. } => {
                self.struck.unexpected.push(format!("worker {number} ended by itself: {status}"));
            }
        }
        self.crew.replace(number)
    }
}
