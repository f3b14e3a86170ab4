//! `compare` as its callers see it, beside itself and beside programs that know less.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const THIS: &str = env!("CARGO_BIN_EXE_orch-bench");

fn compare(with: &Path, db: &str, args: &[&str]) -> Output {
    let mut command = Command::new(THIS);
    command.args(["compare", "--db", db, "--pairs", "1", "--at-most", "300", "--json", "--with"]);
    command.arg(with).args(args).env_remove("RUST_LOG").output().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let object: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    object["rows"].as_array().unwrap().clone()
}

/// A program that calls itself orch-bench and does what this script says.
fn program(folder: &tempfile::TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("orch-bench");
    let text =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo orch-bench 0.0.1 && exit\n{script}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The URL of a file that is not made: runs on SQLite have files of their own.
fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("unused.db").display())
}

#[test]
fn on_sqlite_only_its_own_workloads_are_run() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(&compare(Path::new(THIS), &sqlite(&folder), &[]));
    let titles: Vec<_> = rows.iter().map(|row| row["workload"].as_str().unwrap()).collect();
    assert_eq!(titles, ["SQLite: accept, 64 callers, per second", "SQLite: drain, per second"]);
    for row in &rows {
        assert!(row["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{row}");
        assert!(row["met"].is_boolean() && row["low"].is_null(), "{row}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_workload_that_the_other_program_lacks_is_not_met() {
    let folder = tempfile::tempdir().unwrap();
    let old = program(&folder, "exit 2");
    let args = ["--only", "sqlite-drain"];
    let rows = rows(&compare(&old, &sqlite(&folder), &args));
    assert_eq!(rows[0]["unknown"], "the other binary has no `drain` as here");
    assert!(rows[0]["met"].is_null() && rows[0]["ratio"].is_null());
    let strict = compare(&old, &sqlite(&folder), &[args[0], args[1], "--strict"]);
    assert!(!strict.status.success());
    let said = String::from_utf8_lossy(&strict.stderr).into_owned();
    assert!(said.contains("1 goals are missed, or not known to be met"), "{said}");
}

#[test]
fn a_failure_of_the_other_program_is_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "[ \"$2\" = --help ] && echo --operations --json && exit\necho no such luck >&2; exit 1";
    let old = program(&folder, script);
    let rows = rows(&compare(&old, &sqlite(&folder), &["--only", "sqlite-drain"]));
    assert_eq!(rows[0]["unknown"], "drain failed: no such luck");
}

#[test]
fn a_goal_is_judged_by_the_figures_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let script = |rate: &str| {
        let help = "[ \"$2\" = --help ] && echo --operations --json && exit\n";
        format!("{help}echo '{{\"ops_per_second\": {rate}}}'")
    };
    let args = ["--only", "sqlite-drain", "--strict"];
    let slow = program(&folder, &script("0.001"));
    assert_eq!(rows(&compare(&slow, &sqlite(&folder), &args))[0]["met"], true);
    let fast = program(&folder, &script("1e12"));
    assert!(!compare(&fast, &sqlite(&folder), &args).status.success());
    assert_eq!(rows(&compare(&fast, &sqlite(&folder), &args[..2]))[0]["met"], false);
}

#[test]
fn what_cannot_be_compared_is_refused_in_a_sentence() {
    for (with, db, reason) in [
        ("/bin/echo", "sqlite:///tmp/unused.db", "/bin/echo is not an orch-bench"),
        ("/no/such", "sqlite:///tmp/unused.db", "/no/such cannot be started"),
        (THIS, "memory:", "nothing is compared on memory"),
    ] {
        let output = compare(Path::new(with), db, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{said}");
    }
    let output = Command::new(THIS).args(["soak", "--db", "memory:"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("a soak runs on postgres, not on memory"), "{said}");
}
