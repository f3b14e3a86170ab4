//! Many processes on one file, and processes that are killed.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use common::{CHILD, File, acceptance, claim, claim_of};
use orch_core::store::{RenewParams, Store, StoreError};
use orch_core::words::{OpId, Owner};
use orch_sqlite::SqliteStore;

/// What the child prints in front of what the parent reads.
const SAYS: &str = "child says ";

fn said(line: std::io::Result<String>) -> Option<String> {
    line.ok()?.split_once(SAYS).map(|(_, said)| said.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kill_nine() {
    if let Ok(url) = std::env::var(CHILD) {
        let store = SqliteStore::open(&url).await.unwrap();
        let run = std::process::id();
        for round in 0.. {
            let batch: Vec<_> =
                (0..20).map(|n| acceptance(&format!("{run}-{round}-{n}"))).collect();
            let ids: Vec<OpId> = batch.iter().map(|item| item.op_id).collect();
            store.accept(batch).await.unwrap();
            ids.iter().for_each(|id| println!("{SAYS}{id}"));
        }
    }
    let file = File::new();
    let mut accepted = Vec::new();
    for kill_after in [1, 150, 400] {
        let mut child = file.child("what_was_accepted_survives_kill_nine");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        accepted.extend(lines.by_ref().filter_map(said).take(kill_after));
        child.kill().unwrap();
        accepted.extend(lines.filter_map(said));
        child.wait().unwrap();
    }
    assert!(accepted.len() >= 551);
    let store = SqliteStore::open(&file.url).await.unwrap();
    for id in &accepted {
        // The last line of a killed process may be cut off.
        let Ok(op_id) = id.parse::<OpId>() else { continue };
        assert!(store.get(&Owner::default(), op_id).await.unwrap().is_some(), "lost {op_id}");
    }
    assert_eq!(file.integrity().await, "ok");
}

#[tokio::test]
async fn sixteen_processes_open_one_new_file_at_once() {
    if let Ok(url) = std::env::var(CHILD) {
        let store = SqliteStore::open(&url).await.unwrap();
        store.accept(vec![acceptance("one key")]).await.unwrap();
        println!("{SAYS}open");
        return;
    }
    let file = File::new();
    let children: Vec<_> =
        (0..16).map(|_| file.child("sixteen_processes_open_one_new_file_at_once")).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("child says open"));
    }
    let store = SqliteStore::open(&file.url).await.unwrap();
    let page = store.list(Default::default()).await.unwrap();
    assert_eq!(page.items.len(), 1, "one key, one operation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_nothing_is_claimed_twice() {
    async fn claim_all(store: &SqliteStore) -> Vec<OpId> {
        let mut mine = Vec::new();
        loop {
            let claimed = store.claim(claim(7)).await.unwrap();
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.iter().map(|claimed| claim_of(claimed).op_id));
        }
    }
    if let Ok(url) = std::env::var(CHILD) {
        let store = SqliteStore::open(&url).await.unwrap();
        claim_all(&store).await.iter().for_each(|id| println!("{SAYS}{id}"));
        return;
    }
    let file = File::new();
    let store = SqliteStore::open(&file.url).await.unwrap();
    let batch = (0..600).map(|n| acceptance(&n.to_string())).collect();
    store.accept(batch).await.unwrap();
    let child = file.child("two_processes_share_the_work_and_nothing_is_claimed_twice");
    let mut all = claim_all(&store).await;
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let theirs = String::from_utf8(output.stdout).unwrap();
    all.extend(
        theirs
            .lines()
            .filter_map(|l| l.split_once(SAYS))
            .map(|(_, id)| id.parse::<OpId>().unwrap()),
    );
    assert_eq!(all.len(), 600);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_another_process_wakes_a_waiting_one() {
    let file = File::new();
    let here = SqliteStore::open(&file.url).await.unwrap();
    let there = SqliteStore::open(&file.url).await.unwrap();
    // The first wait takes the counter's present value.
    here.wait_for_work(Duration::from_millis(50)).await;
    let waiting = tokio::spawn(async move {
        let start = std::time::Instant::now();
        here.wait_for_work(Duration::from_secs(30)).await;
        start.elapsed()
    });
    there.accept(vec![acceptance("a")]).await.unwrap();
    assert!(waiting.await.unwrap() < Duration::from_secs(15));
}

#[tokio::test]
async fn work_of_this_process_wakes_a_wait_that_begins_later() {
    let file = File::new();
    let store = SqliteStore::open(&file.url).await.unwrap();
    store.accept(vec![acceptance("a")]).await.unwrap();
    let wait = store.wait_for_work(Duration::from_secs(60));
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test]
async fn a_wait_ends_with_its_timeout() {
    let file = File::new();
    let store = SqliteStore::open(&file.url).await.unwrap();
    let wait = store.wait_for_work(Duration::from_millis(1));
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_advice_and_left_alone() {
    let file = File::new();
    drop(SqliteStore::open(&file.url).await.unwrap());
    let mut connection = file.connection().await;
    sqlx::query("INSERT INTO orch_schema_version (version) VALUES (99)")
        .execute(&mut connection)
        .await
        .unwrap();
    let error = SqliteStore::open(&file.url).await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooNew { found: 99, known: 12 }), "{error:?}");
}

#[tokio::test]
async fn a_missing_folder_is_refused_at_once() {
    let file = File::new();
    let url = file.url.replace("orch.db", "missing/orch.db");
    assert!(matches!(SqliteStore::open(&url).await.unwrap_err(), StoreError::Fatal(_)));
}

/// A restore, a clean checkout, a volume that is mounted again: the file goes, the process stays.
#[tokio::test]
async fn a_file_that_is_removed_renamed_or_replaced_takes_nothing_more() {
    let ways: [fn(&Path); 3] = [
        |file| {
            for end in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{end}", file.display()));
            }
        },
        |file| fs::rename(file, file.with_extension("old")).unwrap(),
        |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).unwrap();
            fs::rename(copy, file).unwrap();
        },
    ];
    for replace in ways {
        let file = File::new();
        let store = SqliteStore::open(&file.url).await.unwrap();
        store.accept(vec![acceptance("before")]).await.unwrap();
        let path = Path::new(file.url.strip_prefix("sqlite://").unwrap()).to_owned();
        replace(&path);
        for key in ["after", "again"] {
            let error = store.accept(vec![acceptance(key)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Fatal(_)), "{error:?}");
            assert!(error.to_string().contains("removed, renamed or replaced"), "{error}");
        }
        assert!(store.claim(claim(7)).await.is_err());
        assert!(store.list(Default::default()).await.is_err());
        let claims = Vec::new();
        let params = RenewParams { claims, lease: Duration::from_secs(30) };
        assert!(store.renew(params).await.is_err());
        if path.with_extension("old").exists() {
            assert!(!path.exists(), "no new, empty file has come in its place");
            fs::rename(path.with_extension("old"), &path).unwrap();
            store.accept(vec![acceptance("put back")]).await.unwrap();
        }
    }
}
