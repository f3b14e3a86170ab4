//! How fast the writer takes what 64 callers give it, one operation a call.
//!
//! `cargo bench -p orch-sqlite --bench accept -- [seconds] [callers]` prints one JSON line:
//! accepts a second, then claim and settle a second over the same operations, with the trigger
//! on terminal rows and without it.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use orch_core::policies::KindPolicy;
use orch_core::store::{Acceptance, ClaimParams, Claimed, EndedAttempt, Store};
use orch_core::words::{
    AttemptEnd, ClaimId, Command, Fingerprint, KeySeed, Kind, OpId, Outcome, Owner, Source,
    WorkerId,
};
use orch_sqlite::SqliteStore;
use sqlx::Connection;

/// Operations that are claimed and settled in one round.
const ROUND: usize = 5_000;

#[tokio::main]
async fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let seconds = numbers.first().copied().unwrap_or(3);
    let callers = numbers.get(1).copied().unwrap_or(64);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let accepts = accept(&store, callers, Duration::from_secs(seconds)).await;

    eprintln!("{accepts:.0} accepts a second");
    let mut with = f64::MAX;
    let mut without = f64::MAX;
    let mut claims = f64::MAX;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let trigger: String =
        sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    // Alternating rounds, the best of each: the machine's mood hits both.
    for _ in 0..4 {
        let (claim, settle) = drain(&store).await;
        claims = claims.min(claim);
        with = with.min(settle);
        execute(&mut connection, "DROP TRIGGER orch_operation_terminal_is_final").await;
        without = without.min(drain(&store).await.1);
        execute(&mut connection, &trigger).await;
    }
    println!(
        "{{\"callers\":{callers},\"accepts\":{accepts:.0},\"claims\":{:.0},\"settles\":{:.0},\
         \"settles_without_trigger\":{:.0}}}",
        ROUND as f64 / claims,
        ROUND as f64 / with,
        ROUND as f64 / without,
    );
}

async fn execute(connection: &mut sqlx::SqliteConnection, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

fn acceptance(number: u64) -> Acceptance {
    let key = format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", &key, "{\"id\":1}").unwrap();
    Acceptance {
        op_id: OpId::generate(),
        owner: Owner::default(),
        fingerprint: Fingerprint::of(command.payload()),
        command,
        time_budget: Duration::from_secs(3600),
        key_seed: KeySeed::from_bytes([9; 16]),
        form: None,
        earlier: Vec::new(),
        unique: false,
    }
}

async fn accept(store: &SqliteStore, callers: u64, span: Duration) -> f64 {
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let all: Vec<_> = (0..callers)
        .map(|_| {
            let (store, count) = (store.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while start.elapsed() < span {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    store.accept(vec![acceptance(number)]).await.unwrap();
                }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// Seconds that claiming and settling one round take, 64 a call.
async fn drain(store: &SqliteStore) -> (f64, f64) {
    let worker = WorkerId::generate("bench").unwrap();
    let kinds = vec![KindPolicy::new(Kind::new("PAYMENT", "CHARGE").unwrap())];
    let mut left = ROUND;
    let (mut claiming, mut settling) = (Duration::ZERO, Duration::ZERO);
    while left > 0 {
        let params = ClaimParams {
            kinds: kinds.clone(),
            worker: worker.clone(),
            id: ClaimId::generate(),
            limit: left.min(64),
            lease: Duration::from_secs(30),
        };
        let start = Instant::now();
        let claimed = store.claim(params).await.unwrap();
        claiming += start.elapsed();
        assert!(!claimed.is_empty(), "too few operations: give it more seconds");
        left -= claimed.len();
        let ended: Vec<EndedAttempt> = claimed.iter().map(ended).collect();
        let start = Instant::now();
        store.settle(ended).await.unwrap();
        settling += start.elapsed();
    }
    (claiming.as_secs_f64(), settling.as_secs_f64())
}

fn ended(claimed: &Claimed) -> EndedAttempt {
    let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
    EndedAttempt {
        claim: attempt.claim(),
        source: Source::Handler,
        end: AttemptEnd::Outcome(Outcome::Ok { output: "{\"ok\":true}".into() }),
        delay: Duration::ZERO,
    }
}
