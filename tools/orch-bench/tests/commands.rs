//! The program as its callers see it: what it prints, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

use serde_json::Value;

/// orch-bench with these arguments, its database in `PEER_URL` as well.
fn orch_bench(db: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orch-bench"));
    command.args(args).env("PEER_URL", db).env_remove("RUST_LOG");
    if args[0] != "peer" {
        command.args(["--db", db]);
    }
    command.output().unwrap()
}

/// The last line of a run that must succeed.
fn object(db: &str, args: &[&str]) -> Value {
    let output = orch_bench(db, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// What a run that must fail says, on one line.
fn refusal(db: &str, args: &[&str]) -> String {
    let output = orch_bench(db, args);
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn positive(object: &Value, fields: &[&str]) {
    for field in fields {
        let number = object[field].as_f64();
        assert!(number.is_some_and(|number| number > 0.0), "{field} in {object}");
    }
}

fn file(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("bench.db").display())
}

#[test]
fn accept_says_how_fast_callers_are_answered() {
    let args = ["accept", "--operations", "200", "--clients", "8", "--json"];
    let object = object("memory:", &args);
    assert_eq!((&object["operations"], &object["clients"]), (&200.into(), &8.into()));
    positive(&object, &["ops_per_second", "p50_ms", "p95_ms", "p99_ms"]);
}

#[test]
fn drain_says_how_fast_a_worker_completes_on_memory_and_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    for db in ["memory:", &file(&folder)] {
        let object = object(db, &["drain", "--operations", "300", "--slots", "32", "--json"]);
        positive(&object, &["ops_per_second", "seconds", "peak_memory_mb"]);
        assert_eq!((&object["slots"], &object["repeated_runs"]), (&32.into(), &0.into()));
    }
}

#[test]
fn latency_is_measured_once_per_operation() {
    let args = ["latency", "--operations", "20", "--every-ms", "2", "--json"];
    positive(&object("memory:", &args), &["p50_ms", "p95_ms", "p99_ms"]);
}

#[test]
fn backlog_measures_each_stage_and_compares_the_rates() {
    let args = ["backlog", "--waiting", "300,600", "--completed", "1000", "--json"];
    let object = object("memory:", &args);
    let stages = object["stages"].as_array().unwrap();
    let sizes: Vec<_> = stages
        .iter()
        .map(|stage| (stage["waiting"].as_u64(), stage["completed_before"].as_u64()))
        .collect();
    let (first, second, last) = ((300, 0), (600, 300), (300, 1000));
    let some = |(waiting, completed)| (Some(waiting), Some(completed));
    assert_eq!(sizes, [first, second, last].map(some));
    stages.iter().for_each(|stage| positive(stage, &["ops_per_second", "claim_p50_ms"]));
    positive(&object, &["lowest_rate_to_first"]);
}

#[test]
fn the_limit_of_sqlite_is_measured_in_a_file_that_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(&file(&folder), &["limit", "--seconds", "1", "--json"]);
    positive(&object, &["rows_per_second_100_per_commit", "rows_per_second_1_per_commit"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_peer_is_set_up_filled_and_drained_by_processes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let db = file(&folder);
    assert_eq!(object(&db, &["peer", "setup"]), Value::Object(serde_json::Map::new()));
    positive(&object(&db, &["peer", "enqueue", "100"]), &["secs"]);
    let drained = object(&db, &["peer", "drain", "100", "tuned", "60"]);
    positive(&drained, &["secs", "handled_secs", "rss_kb"]);
    assert_eq!((&drained["hits"], &drained["distinct"]), (&100.into(), &100.into()));
    assert_eq!((&drained["dups"], &drained["capped"]), (&0.into(), &false.into()));
}

#[test]
fn a_peer_takes_batches_and_measures_latency() {
    let folder = tempfile::tempdir().unwrap();
    let db = file(&folder);
    let batch = object(&db, &["peer", "batch", "100", "30"]);
    positive(&batch, &["secs"]);
    assert_eq!(batch["supported"], Value::Bool(true));
    object(&db, &["peer", "drain", "100", "default", "60"]);
    let latency = object("memory:", &["peer", "latency", "10", "2"]);
    positive(&latency, &["p50", "p95", "p99"]);
    assert_eq!(latency["got"], 10);
}

#[test]
fn operations_that_wait_already_are_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let db = file(&folder);
    object(&db, &["accept", "--operations", "10", "--json"]);
    let refusal = refusal(&db, &["drain", "--operations", "10"]);
    assert!(refusal.contains("operations are PENDING in this database"), "{refusal}");
}

#[test]
fn what_cannot_be_measured_is_refused_in_a_sentence() {
    for (db, args, reason) in [
        ("mysql://me:secret@host/db", vec!["drain"], "no database goes by mysql: URLs"),
        ("bench.db", vec!["accept"], "the database URL has no scheme"),
        ("sqlite::memory:", vec!["latency"], "the sqlite URL names no file"),
        ("memory:", vec!["limit"], "memory: has no commits"),
        ("memory:", vec!["drain", "--slots", "0"], "concurrency is 0"),
        ("memory:", vec!["accept", "--clients", "0"], "invalid value '0'"),
        ("nonsense", vec!["peer", "enqueue", "1"], "the database URL has no scheme"),
    ] {
        let refusal = refusal(db, &args);
        assert!(refusal.contains(reason) && !refusal.contains("secret"), "{refusal}");
        assert!(!refusal.contains("panicked"), "{refusal}");
    }
}
