//! `compare` and `soak` on a Postgres server, with as few operations as show that each figure is taken.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

fn server() -> String {
    std::env::var("ORCH_TEST_POSTGRES_URL")
        .expect("ORCH_TEST_POSTGRES_URL is not set; run: scripts/postgres cargo test -p orch-bench")
}

/// The last line of a run that must succeed, and all that it said.
fn object(args: &[&str]) -> (Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orch-bench"));
    let output = command.args(args).arg("--json").env_remove("RUST_LOG").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    (serde_json::from_str(text.lines().last().unwrap()).unwrap(), text)
}

async fn sql(text: String) {
    let mut session = PgConnection::connect(&server()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut session).await.unwrap();
    session.close().await.unwrap();
}

#[test]
fn beside_itself_a_program_spends_the_same() {
    let this = env!("CARGO_BIN_EXE_orch-bench");
    let workloads = "work,rest,accept-16,latency,backlog,in-flight";
    let args = ["--quick", "--pairs", "1", "--at-most", "400", "--only", workloads];
    let (db, compare) = (server(), ["compare", "--with", this, "--db"]);
    let (object, text) = object(&[&compare, &[db.as_str()][..], &args].concat());
    let rows = object["rows"].as_array().unwrap();
    for row in rows {
        assert!(row["unknown"].is_null(), "{row}");
        assert!(row["new"].as_f64().is_some_and(|new| new >= 0.0), "{row}");
        // So few operations tell nothing of speed, and the pages of the catalogue weigh more in the WAL than
        // they do; but bytes at rest are bytes.
        let title = row["workload"].as_str().unwrap();
        if title.contains("at rest") {
            let ratio = row["ratio"].as_f64().unwrap();
            assert!((0.8..1.25).contains(&ratio), "{row}");
        }
        if title.contains("WAL") {
            assert!(row["new"].as_f64().is_some_and(|bytes| bytes > 400.0), "{row}");
        }
        if title.contains("CPU") {
            assert!(row["new"].as_f64().is_some_and(|cpu| cpu > 1.0), "{row}");
        }
    }
    assert_eq!(rows.len(), 7 + 2 + 3 + 2 + 1 + 2);
    assert!(text.contains("columns more: none; gone: none"), "{text}");
}

#[tokio::test]
async fn a_soak_has_a_line_a_minute_and_removes_what_has_expired() {
    let name = format!("orch_bench_soak_{}", std::process::id());
    sql(format!("create database {name}")).await;
    let db = server().replace("/postgres?", "/").rsplit_once('/').unwrap().0.to_owned();
    let db = format!("{db}/{name}");
    let args = ["soak", "--rate", "50", "--minutes", "2", "--minute-s", "4", "--retention", "1s"];
    let run = tokio::task::spawn_blocking(move || object(&[&args[..], &["--db", &db]].concat()));
    let (object, text) = run.await.unwrap();
    let minutes = object["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 2, "{text}");
    let last = &minutes[1];
    assert!((300..=401).contains(&last["accepted"].as_u64().unwrap()), "{last}");
    assert!(last["ended"].as_u64().is_some_and(|ended| ended > 200), "{last}");
    assert!(last["disk_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{last}");
    assert!(last["purged"].as_u64().is_some_and(|purged| purged > 0), "{last}");
    assert_eq!(object["rows"][2]["new"], 0.0);
    assert!(text.contains("disk at the end, by that after a third"), "{text}");
    sql(format!("drop database {name}")).await;
}
