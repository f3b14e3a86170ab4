//! What is measured of this binary alone, by watching workers in processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::mpsc;

use super::binary::{Binary, figure};
use super::server::{Fresh, Server};
use crate::Failed;

/// No measurement here takes longer.
const CAP: Duration = Duration::from_secs(900);
/// The lease of calls in flight. A third of the default one is so long that the calls would time out.
const LEASE: Duration = Duration::from_secs(6);
/// Thirds of a lease for which renewals are counted.
const THIRDS: u32 = 5;
/// How long an idle worker runs in the first of two measurements, the second of which is longer.
const WARM_UP: Duration = Duration::from_secs(3);

/// Worker processes, and what they say.
struct Workers {
    children: Vec<(Child, Option<ChildStdin>)>,
    said: mpsc::UnboundedReceiver<(usize, Instant, Value)>,
}

/// Operations that so many worker processes drain per second, from the moment at which each of them has run some.
///
/// # Errors
/// A worker's; an operation that did not run exactly once; too few operations for all to have some.
pub(crate) async fn drain_of(
    binary: &Binary,
    db: &Fresh,
    processes: usize,
    operations: u64,
) -> Result<f64, Failed> {
    let mut workers = Workers::start(binary, db, processes, &[]).await?;
    let mut ran = vec![0; processes];
    let mut all_ran_at = None;
    let (from, at, end) = loop {
        let (worker, at, line) = workers.next().await?;
        ran[worker] = line["ran"].as_u64().unwrap_or(ran[worker]);
        let total: u64 = ran.iter().sum();
        if all_ran_at.is_none() && ran.iter().all(|ran| *ran > 0) {
            all_ran_at = Some((total, at));
        }
        if total >= operations {
            let (from, since) =
                all_ran_at.ok_or("some process ran nothing; use more operations")?;
            break (from, since, at);
        }
    };
    let ran = workers.end().await?;
    if ran != operations {
        return Err(format!("{ran} runs of {operations} operations").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let drained = operations.saturating_sub(from) as f64;
    let took = end.saturating_duration_since(at).as_secs_f64();
    if took > 0.0 { Ok(drained / took) } else { Err("drained at once; use more operations".into()) }
}

/// Connections of a worker without work, and its commits per second: what a long run has more than a short
/// one, so that its start and its end do not count.
///
/// # Errors
/// The worker's, or the server's.
pub(crate) async fn idle(
    binary: &Binary,
    server: &mut Server,
    db: &Fresh,
    span: Duration,
) -> Result<Vec<f64>, Failed> {
    let before = server.commits(db).await?;
    idle_for(binary, server, db, WARM_UP).await?;
    let between = server.commits(db).await?;
    let connections = idle_for(binary, server, db, WARM_UP + span).await?;
    let after = server.commits(db).await?;
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let (connections, more) = (connections as f64, ((after - between) - (between - before)) as f64);
    Ok(vec![connections, more / span.as_secs_f64()])
}

/// The most connections that there are at once, after a while.
async fn idle_for(
    binary: &Binary,
    server: &mut Server,
    db: &Fresh,
    span: Duration,
) -> Result<i64, Failed> {
    let workers = Workers::start(binary, db, 1, &[]).await?;
    let started = Instant::now();
    tokio::time::sleep(WARM_UP.min(span)).await;
    let mut most = server.sessions(db).await?;
    while started.elapsed() < span {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(server.sessions(db).await?);
    }
    workers.end().await?;
    Ok(most)
}

/// What a process with so many calls in flight holds above its start, in MB, and the statements that renew its
/// leases, per third of a lease.
///
/// # Errors
/// The worker's, or the server's.
pub(crate) async fn in_flight(
    binary: &Binary,
    db: &Fresh,
    operations: u64,
) -> Result<Vec<f64>, Failed> {
    count_updates(db).await?;
    let (slots, lease) = (operations.to_string(), LEASE.as_millis().to_string());
    let args = ["--slots", &slots, "--lease-ms", &lease, "--hold"];
    let mut workers = Workers::start(binary, db, 1, &args).await?;
    let mut grown = 0.0;
    while grown == 0.0 {
        let (_, _, line) = workers.next().await?;
        if line["ran"].as_u64() == Some(operations) {
            grown = figure(&line, "grown_mb")?;
        }
    }
    let third = LEASE / 3;
    tokio::time::sleep(third).await;
    let before = updates(db).await?;
    tokio::time::sleep(third * THIRDS).await;
    let renewals = updates(db).await? - before;
    while let Ok((_, _, line)) = workers.said.try_recv() {
        grown = figure(&line, "grown_mb")?;
    }
    let ran = workers.end().await?;
    if ran != operations {
        return Err(format!("{ran} runs of {operations} operations: a lease was lost").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    Ok(vec![grown, renewals as f64 / f64::from(THIRDS)])
}

/// Has the server count the statements that change a row of ours. By now all slots are taken, so these are
/// renewals. Nothing else tells a statement from a transaction without an extension that is loaded at the start.
async fn count_updates(db: &Fresh) -> Result<(), Failed> {
    const COUNTER: &str = "
        create table bench_update (rows bigint not null);
        create function bench_count_update() returns trigger language plpgsql as $$
        begin
            insert into bench_update select n from (select count(*) as n from changed) c where n > 0;
            return null;
        end $$;
        do $$
        declare t regclass;
        begin
            for t in select oid from pg_class where relname like 'orch\\_%' and relkind = 'r' loop
                execute format('create trigger bench_update after update on %s
                                referencing new table as changed
                                for each statement execute function bench_count_update()', t);
            end loop;
        end $$";
    let mut session = PgConnection::connect(&db.url).await?;
    sqlx::raw_sql(AssertSqlSafe(COUNTER)).execute(&mut session).await?;
    Ok(session.close().await?)
}

async fn updates(db: &Fresh) -> Result<i64, Failed> {
    let mut session = PgConnection::connect(&db.url).await?;
    let count = "select count(*) from bench_update";
    let count = sqlx::query_scalar(count).fetch_one(&mut session).await?;
    session.close().await?;
    Ok(count)
}

impl Workers {
    /// Starts the processes, and once all are there lets them start their workers.
    async fn start(
        binary: &Binary,
        db: &Fresh,
        count: usize,
        args: &[&str],
    ) -> Result<Self, Failed> {
        let (sender, said) = mpsc::unbounded_channel();
        let mut workers = Self { children: Vec::new(), said };
        for worker in 0..count {
            let mut command = binary.command();
            command.args(["worker", "--db", &db.url]).args(args);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let (input, output) = (child.stdin.take(), child.stdout.take());
            workers.children.push((child, input));
            let sender = sender.clone();
            std::thread::spawn(move || {
                let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
                for line in lines.map_while(Result::ok) {
                    let line = serde_json::from_str(&line).unwrap_or_default();
                    if sender.send((worker, Instant::now(), line)).is_err() {
                        return;
                    }
                }
                let _ = sender.send((worker, Instant::now(), json!({ "closed": true })));
            });
        }
        for _ in 0..count {
            workers.next().await?;
        }
        for (_, input) in &mut workers.children {
            input.as_mut().ok_or("a worker has no input")?.write_all(b"go\n")?;
        }
        Ok(workers)
    }

    /// The next line of any of them. Until they are to end, none does.
    async fn next(&mut self) -> Result<(usize, Instant, Value), Failed> {
        let next = tokio::time::timeout(CAP, self.said.recv()).await;
        let next = next.map_err(|_| format!("workers say nothing for {CAP:?}"))?;
        next.filter(|(_, _, line)| line["closed"].is_null())
            .ok_or_else(|| "a worker has ended early; what it said is above".into())
    }

    /// Ends them, and how many handlers have run in all.
    async fn end(mut self) -> Result<u64, Failed> {
        for (_, input) in &mut self.children {
            *input = None;
        }
        let mut ran = 0;
        while let Some((_, _, line)) = self.said.recv().await {
            if line["ended"] == Value::Bool(true) {
                ran += line["ran"].as_u64().unwrap_or(0);
            }
        }
        for (child, _) in &mut self.children {
            if !child.wait()?.success() {
                return Err("a worker failed; what it said is above".into());
            }
        }
        Ok(ran)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for (child, _) in &mut self.children {
            // One that has been waited for is not touched.
            if matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
