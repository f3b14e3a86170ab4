//! Every call of every life, made to fail in every way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use orch_testkit::{Fault, FaultStore, ScriptedProvider, Verb};
use tokio::sync::Mutex;

use crate::common::Backend;
use crate::databases::Database;
use crate::judge::judge;
use crate::life::{LIVES, Life, SPENT};
use crate::process::{BEYOND_THE_LEASE, Process, in_peace, new_key};

/// Lives at a time, each on a database of its own: they mostly wait for leases to run out.
const fn lanes(backend: Backend) -> usize {
    match backend {
        Backend::Memory => 128,
        Backend::Sqlite | Backend::Postgres => 32,
    }
}

/// What the polls find nothing in, they find nothing in for ever: of their calls so many fail.
const POLLS: usize = 2;
/// Longer than any life, also on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(120);
/// Whether a call that a life in peace has made is made in this life as well.
const A_WHILE: Duration = Duration::from_secs(2);

const FAULTS: [Fault; 6] = [
    Fault::NotSent,
    Fault::Refused,
    Fault::ReplyLost,
    Fault::KillBefore,
    Fault::KillAfter,
    Fault::Stall(BEYOND_THE_LEASE),
];

/// One call of one life, and how it fails.
#[derive(Debug, Clone, Copy)]
struct Point {
    life: &'static Life,
    verb: Verb,
    nth: usize,
    fault: Fault,
}

/// What became of a point.
enum Swept {
    Right,
    /// The life went another way, on which the call was not made.
    NotReached,
    Wrong(String),
}

pub async fn every_call_of_every_life(backend: Backend) {
    let began = std::time::Instant::now();
    let lanes = Lanes::open(backend).await;
    let lives: Vec<&'static Life> = LIVES.iter().chain([&SPENT]).collect();
    let points: Vec<Point> = stream::iter(lives)
        .map(|life| lanes.calls_of(life))
        .buffer_unordered(lanes.count)
        .flat_map(stream::iter)
        .collect()
        .await;
    let swept: Vec<(Point, Swept)> = stream::iter(points)
        .map(|point| lanes.sweep(point).map(move |swept| (point, swept)))
        .buffer_unordered(lanes.count)
        .collect()
        .await;
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (point, swept) in &swept {
        let [right, not_reached] = counts.entry(point.life.name).or_default();
        match swept {
            Swept::Right => *right += 1,
            Swept::NotReached => *not_reached += 1,
            Swept::Wrong(why) => wrong.push(format!("{:?}: {why}", point.name())),
        }
    }
    let [right, not_reached] = counts.values().fold([0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    println!("{backend:?}: {right} points right in {:.1?}", began.elapsed());
    println!("  {counts:?} (right, not reached)");
    assert!(wrong.is_empty(), "{} points wrong:\n{}", wrong.len(), wrong.join("\n"));
    // A pass of the upkeep that one life has, another may end before: about one point in twelve on a
    // busy machine. More would mean that lives go another way altogether.
    assert!(not_reached * 8 <= right, "{not_reached} points were not reached, {right} were");
}

impl Point {
    fn name(&self) -> String {
        format!("{}: {:?} {} {:?}", self.life.name, self.verb, self.nth, self.fault)
    }
}

/// The databases; each serves one life at a time.
struct Lanes {
    backend: Backend,
    count: usize,
    free: Mutex<Vec<Database>>,
}

impl Lanes {
    async fn open(backend: Backend) -> Self {
        let count = lanes(backend);
        let databases =
            stream::iter(0..count).map(|_| Database::create(backend)).buffer_unordered(4);
        Self { backend, count, free: Mutex::new(databases.collect().await) }
    }

    /// Every call that this life makes in peace, with every fault.
    async fn calls_of(&self, life: &'static Life) -> Vec<Point> {
        let database = self.free.lock().await.pop().unwrap();
        let provider = Arc::new(ScriptedProvider::new(life.script.iter().copied()));
        let (told, store) = in_peace(life, &database, &provider, &new_key()).await;
        let wrong = judge(life, &database, &provider, told).await;
        assert!(wrong.is_empty(), "{} in peace: {wrong:?}", life.name);
        self.free.lock().await.push(database);
        let points = Verb::ALL.iter().flat_map(|&verb| {
            let calls = store.calls(verb).min(most(verb));
            (1..=calls)
                .flat_map(move |nth| FAULTS.map(move |fault| Point { life, verb, nth, fault }))
        });
        points.collect()
    }

    async fn sweep(&self, point: Point) -> Swept {
        let database = self.free.lock().await.pop().unwrap();
        let swept = tokio::time::timeout(PATIENCE, live(point, &database)).await;
        if swept.is_ok() {
            self.free.lock().await.push(database);
        } else {
            // Whatever goes on there must not disturb another life.
            let another = Database::create(self.backend).await;
            self.free.lock().await.push(another);
        }
        swept.unwrap_or_else(|_| Swept::Wrong(format!("no end in {PATIENCE:?}")))
    }
}

fn most(verb: Verb) -> usize {
    match verb {
        Verb::Claim
        | Verb::SweepExpired
        | Verb::SweepEarlier
        | Verb::Answer
        | Verb::SweepOverBudget
        | Verb::Unfinalized
        | Verb::Get => POLLS,
        _ => usize::MAX,
    }
}

/// One life in which one call fails; a killed process has a successor, whose client sends the
/// command again.
async fn live(point: Point, database: &Database) -> Swept {
    let Point { life, verb, nth, fault } = point;
    let provider = Arc::new(ScriptedProvider::new(life.script.iter().copied()));
    let key = new_key();
    let store = FaultStore::new(Arc::clone(&database.store));
    store.plan(verb, nth, fault);
    let (mut told, mut again) = (None, None);
    if let Some(first) = Process::start(life, database.backend, store, &provider).await {
        told = first.live(life, &key).await;
        let over = tokio::time::timeout(A_WHILE, first.store.came_to_pass()).await;
        if over.is_err() {
            first.end().await;
            return Swept::NotReached;
        }
        // The client of a living process sends its command again as well.
        again = first.live(life, &key).await;
        first.end().await;
    }
    let again = match again {
        Some(again) => again,
        None => in_peace(life, database, &provider, &key).await.0,
    };
    if told.is_some_and(|told| told != again) {
        return Swept::Wrong(format!("told of {told:?} first, then of {again:?}"));
    }
    let wrong = judge(life, database, &provider, again).await;
    if wrong.is_empty() { Swept::Right } else { Swept::Wrong(wrong.join("; ")) }
}
