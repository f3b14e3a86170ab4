//! The examples are programs that people run first: here they run as a stranger would run them,
//! and what they print is asserted.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use orch::prelude::*;
use orch::{AnyProvider, OpId};
use serde_json::Value;

/// `cargo run --example NAME -- ARGUMENTS`, from this folder.
fn cargo_run(example: &str, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "run",
            "--quiet",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .args(["--example", example, "--"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(example: &str, arguments: &[&str], folder: &Path) -> Output {
    cargo_run(example, arguments, folder).output().unwrap()
}

fn stdout_of(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_quick_start_charges_once_however_often_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let first = stdout_of(&run("quickstart", &[], folder.path()));
    let second = stdout_of(&run("quickstart", &[], folder.path()));

    let lines: Vec<_> = first.lines().collect();
    let op_id = lines[0].strip_prefix("Created operation ").unwrap();
    let replayed = format!("Replayed operation {op_id}");
    let charged = lines[1];
    assert!(charged.starts_with("charged 50000 KRW, receipt "), "{charged}");
    assert_eq!(lines[2..], [replayed.as_str(), charged]);
    let again: Vec<_> = second.lines().collect();
    assert_eq!(again, [replayed.as_str(), charged, replayed.as_str(), charged]);
}

#[test]
fn the_front_answers_each_request_once_it_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&run("front", &[], folder.path()));
    let lines: Vec<_> = printed.lines().collect();
    let receipt = lines[0];
    assert!(receipt.starts_with("201 receipt "), "{receipt}");
    let conflict = "422 the idempotency key was used before, for a request that differs in amount; \
                    send the same body, or a new key";
    let blank = "400 idem_key is blank; give it at least one visible character";
    assert_eq!(lines[1..], [receipt, conflict, "402 CARD_DECLINED", blank]);
}

#[test]
fn an_object_is_created_once_and_another_of_its_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&run("s3", &[], folder.path()));
    let expected = "\
report.txt: created; entries in its history: 1
lost.txt: created; entries in its history: 2
report.txt: NAME_TAKEN, another object has this name
";
    assert_eq!(printed, expected);
}

#[test]
fn over_grpc_a_charge_whose_answer_was_lost_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&run("grpc", &[], folder.path()));
    assert_eq!(printed, "order 1: receipt 1\norder 2: receipt 2\norder 3: CARD_DECLINED\n");
}

#[test]
fn a_mail_whose_reply_was_lost_is_parked_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&run("mail", &[], folder.path()));
    let expected = "\
order 1: sent as <…@shop.example>
order 2: parked, its reply is lost
order 2: found in the log of the server, and resolved
order 3: SMTP_550
mails that the server has taken: 2
";
    assert_eq!(printed, expected);
}

#[test]
fn the_outbox_commits_both_rows_or_neither() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout_of(&run("outbox", &[], folder.path()));
    let expected = "\
rolled back: 0 orders, 0 operations
committed: 1 order, 1 operation
order 2 is paid with receipt ch_2
";
    assert_eq!(printed, expected);
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    #[command(idem_key)]
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(in_doubt)]
    #[error("sent, but no answer")]
    NoAnswer,
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", in_doubt = "park")]
async fn charge(_cmd: Charge, _ctx: Context) -> Result<String, ChargeError> {
    Err(ChargeError::NoAnswer)
}

/// An operation that its only worker has left parked.
async fn parked_in(url: &str) -> (OpId, String) {
    let runtime = Runtime::connect(url).start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Charge { order_id: 7 }).await.unwrap();
    while orchestrator.parked(None).await.unwrap().items.is_empty() {
        orchestrator.wait(&accepted, Duration::from_millis(20)).await.unwrap();
    }
    let key = orchestrator.provider_keys::<AnyProvider>(accepted.op_id).await.unwrap().remove(0);
    let _ = runtime.shutdown().await;
    (accepted.op_id, key)
}

#[tokio::test]
async fn on_sigterm_the_call_that_is_out_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker =
        cargo_run("sigterm", &[], folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "calling for order 7");
    // `cargo run` becomes the program that it runs, so this is the worker's own id.
    let terminated = Command::new("kill").args(["-TERM", &worker.id().to_string()]).status();
    assert!(terminated.unwrap().success());
    assert_eq!(lines.next().unwrap().unwrap(), "drained: 0 cancelled, 0 not stored");
    assert!(worker.wait().unwrap().success());

    let url = format!("sqlite://{}", folder.path().join("payments.db").display());
    let front = Runtime::connect(url).without_worker().start().await.unwrap();
    let accepted = front.orchestrator().accept(Charge { order_id: 7 }).await.unwrap();
    assert_eq!(accepted.disposition, Disposition::Replayed);
    let waited = front.orchestrator().wait(&accepted, Duration::ZERO).await.unwrap();
    assert_eq!(waited, Waited::Ok("receipt 7".to_owned()));
}

/// Printed lines without instants and the ids of claims.
fn without_instants(printed: &str) -> String {
    let is_instant =
        |word: &&str| word.starts_with("20") && word.trim_end_matches(':').ends_with('Z');
    let line = |line: &str| {
        let words = line.split(' ').filter(|word| !is_instant(word)).map(without_claim);
        let words: Vec<String> = words.collect();
        words.join(" ") + "\n"
    };
    printed.lines().map(line).collect()
}

/// `1-04fe12ab9c,` is the fence of a first claim.
fn without_claim(word: &str) -> String {
    let is_id = |id: &str| id.len() == 10 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    match word.trim_end_matches(',').split_once('-') {
        Some((count, id)) if is_id(id) => format!("{count}{}", &word[count.len() + 11..]),
        _ => word.to_owned(),
    }
}

#[tokio::test]
async fn a_person_finds_a_parked_operation_and_settles_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("desk.db").display());
    let (op_id, key) = parked_in(&url).await;
    let id = op_id.to_string();
    let desk = |arguments: &[&str]| {
        let arguments = [&["--db", url.as_str()][..], arguments].concat();
        without_instants(&stdout_of(&run("operator", &arguments, folder.path())))
    };

    let listed = desk(&["parked"]);
    assert_eq!(
        listed,
        format!("{id} PAYMENT/CHARGE \"ORDER-7\", parked since sent, but no answer\n")
    );
    let unfit = run("operator", &["--db", &url, "check"], folder.path());
    assert!(!unfit.status.success(), "no handler is linked into the example");
    assert_eq!(
        String::from_utf8_lossy(&unfit.stdout),
        format!(
            "PAYMENT/CHARGE: 1 read, 1 that this program could not carry on\n  {id} PAYMENT/CHARGE: \
             this program has no handler of its kind\n"
        )
    );
    let head = format!("{id} PAYMENT/CHARGE ORDER-7:");
    let doubt = "  attempt 1, fence 1, handler: in doubt: sent, but no answer; counts";
    let reason = "  reason: sent, but no answer";
    assert_eq!(
        desk(&["show", &id]),
        format!(
            "{head} IN_PROGRESS, parked, attempts: 1\n{reason}\n  provider key {key}\n{doubt}\n"
        )
    );
    let person = ["--who", "kim", "--why", "seen on their pages"];
    let decision = ["resolve", &id, "ok", "--output", "\"ch_42\""];
    let unchecked = [&["--db", &url][..], &decision, &person].concat();
    let refused = run("operator", &unchecked, folder.path());
    assert!(!refused.status.success(), "it has no handler that could check the output");
    let resolved = "  attempt 1, fence 2, operator: ok, 7 bytes \
                    (kim: seen on their pages (output not checked)); counts";
    assert_eq!(
        desk(&[&decision[..], &person, &["--force"]].concat()),
        format!("{head} COMPLETED, attempts: 1\n  provider key {key}\n{doubt}\n{resolved}\n")
    );
    assert_eq!((desk(&["parked"]), desk(&["divergent"])), (String::new(), String::new()));

    assert!(desk(&["incarnation"]).starts_with("incarnation 1 since"));
    let restored = desk(&[&["incarnation", "--restored"][..], &person].concat());
    assert!(restored.contains("incarnation 2") && restored.contains("restored"), "{restored}");

    let again = ["--db", &url, "resolve", &id, "run-again"];
    let refused = run("operator", &[&again[..], &person].concat(), folder.path());
    assert!(!refused.status.success(), "what is not parked is not resolved");
}

#[test]
fn the_main_job_loses_nothing_and_charges_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--charges",
        "90",
        "--repeats",
        "18",
        "--workers",
        "3",
        "--kills",
        "2",
        "--pauses",
        "1",
        "--seed",
        "7",
        "--json",
    ];
    let output = run("payment", &arguments, folder.path());
    let printed = stdout_of(&output);

    let figures: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let figure = |name: &str| figures[name].as_u64().unwrap();
    assert_eq!((figure("accepted"), figure("replayed")), (90, 18));
    assert_eq!(figure("completed") + figure("failed"), 90);
    assert_eq!((figure("lost"), figure("charged_twice")), (0, 0));
    assert_eq!((figure("kills"), figure("pauses")), (2, 1));
    assert!(figure("kills_in_flight") >= 1, "{printed}");
    assert!(figure("calls") >= 90 && figure("amount_stored") == figure("amount_charged"));
    assert_eq!(figures["ledger_matches"], true);

    let row = |name: &str| {
        let line = printed.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.trim_start()[name.len()..].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("lost  "), "0 ok");
    assert_eq!(row("charged twice"), "0 ok");
    assert!(row("amounts equal").starts_with("yes ok store "));
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.lines().any(|line| line.starts_with("sent ")), "plain lines: {progress}");
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, expected) in [
        (["--charges", "5", "--repeats", "6"], "--repeats (6) may not exceed --charges (5)"),
        (["--workers", "1", "--pauses", "1"], "--pauses needs --workers 2"),
        (["--kills", "4294967295", "--pauses", "3"], "--kills and --pauses may be 1000"),
        (["--db", "memory:", "--kills", "0"], "cannot be shared by processes"),
    ] {
        let output = run("payment", &flags, folder.path());
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{said}");
    }
}

/// Only Linux tells who is whose child in a file.
#[cfg(target_os = "linux")]
#[test]
fn no_process_outlives_a_supervisor_that_is_killed() {
    use std::io::{BufRead, BufReader};
    use std::time::{Duration, Instant};

    let folder = tempfile::tempdir().unwrap();
    let mut supervisor = cargo_run("payment", &["--kills", "0", "--pauses", "0"], folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = BufReader::new(supervisor.stderr.take().unwrap()).lines();
    progress.find(|line| line.as_ref().unwrap().starts_with("sent ")).unwrap().unwrap();
    let children = children_of(supervisor.id());
    assert_eq!(children.len(), 5, "a gateway and four workers");

    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while children.iter().any(|pid| is_running(*pid)) {
        assert!(Instant::now() < deadline, "still there: {children:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| status(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

#[cfg(target_os = "linux")]
fn is_running(pid: u32) -> bool {
    // A zombie has ended; nobody but the system's first process is there to reap it.
    status(pid).is_some_and(|(state, _)| state != "Z")
}

/// The state of a process and its parent.
#[cfg(target_os = "linux")]
fn status(pid: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
