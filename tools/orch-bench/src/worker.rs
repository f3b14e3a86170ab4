//! A worker in a process of its own, for measurements that watch it from outside.
//!
//! It says `"here"`, waits for a line, starts, says how many handlers have run whenever that has changed, and
//! ends when its input does. Each of its lines is a JSON object.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use orch::Config;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::Failed;
use crate::database::Database;
use crate::noop::Tally;
use crate::process;

/// Between two looks at what has run.
const TICK: Duration = Duration::from_millis(10);

/// How the worker is set.
#[derive(Debug, Args)]
pub(crate) struct Watched {
    /// Handlers that run at once; orch's default if not given
    #[arg(long)]
    slots: Option<usize>,
    /// How long a lease lasts; orch's default if not given
    #[arg(long)]
    lease_ms: Option<u64>,
    /// Handlers wait until the input ends
    #[arg(long)]
    hold: bool,
}

impl Watched {
    /// Runs it until the input ends and all outcomes are stored.
    ///
    /// # Errors
    /// orch's; an outcome that could not be stored.
    pub(crate) async fn carry_out(self, database: &Database) -> Result<(), Failed> {
        let tally = if self.hold { Tally::of_held() } else { Tally::of(0) };
        let mut input = input();
        say(&json!({ "here": true }));
        input.recv().await;
        let memory_kb = process::memory_kb();
        let builder = database.runtime().config(self.config()).state(Arc::clone(&tally));
        let runtime = builder.start().await?;
        let mut said = Value::Null;
        loop {
            let now = json!({
                "ran": tally.runs(),
                "grown_mb": in_mb(process::peak_memory_kb().saturating_sub(memory_kb)),
            });
            if now != said {
                say(&now);
                said = now;
            }
            tokio::select! {
                line = input.recv() => if line.is_none() { break },
                () = tokio::time::sleep(TICK) => {}
            }
        }
        tally.release();
        let unstored = runtime.shutdown().await.unstored;
        if unstored > 0 {
            return Err(format!("{unstored} outcomes could not be stored").into());
        }
        say(&json!({ "ended": true, "ran": tally.runs() }));
        Ok(())
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        if let Some(slots) = self.slots {
            config = config.concurrency(slots);
        }
        if let Some(lease_ms) = self.lease_ms {
            config = config.lease(Duration::from_millis(lease_ms));
        }
        config
    }
}

fn say(line: &Value) {
    println!("{line}");
}

#[expect(clippy::cast_precision_loss, reason = "memory of a process")]
fn in_mb(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

/// The lines of the standard input. A thread reads them: nothing asynchronous does without another feature.
fn input() -> mpsc::UnboundedReceiver<()> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || sender.send(()).is_err() {
                return;
            }
        }
    });
    lines
}
