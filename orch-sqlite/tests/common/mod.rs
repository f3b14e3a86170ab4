//! What the tests of SQLite's own behaviour share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use orch_core::policies::KindPolicy;
use orch_core::store::{Acceptance, Claim, ClaimParams, Claimed, EndedAttempt};
use orch_core::words::{
    AttemptEnd, ClaimId, Command as Cmd, Fingerprint, KeySeed, Kind, OpId, Outcome, Owner, Source,
    WorkerId,
};
use orch_sqlite::SqliteStore;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tempfile::TempDir;

/// Names the file to a child process; a test that finds it set plays the child.
pub(crate) const CHILD: &str = "ORCH_SQLITE_TEST_CHILD";

/// A file in a folder that goes away with it.
pub(crate) struct File {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
}

impl File {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("orch.db").display());
        Self { folder, url }
    }

    /// A connection of the application's own, that makes a missing file.
    pub(crate) async fn connection(&self) -> SqliteConnection {
        SqliteConnection::connect(&format!("{}?mode=rwc", self.url)).await.unwrap()
    }

    /// Runs this test once more, in a process of its own, as the child.
    pub(crate) fn child(&self, test: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(CHILD, &self.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    pub(crate) async fn integrity(&self) -> String {
        let mut connection = self.connection().await;
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap()
    }
}

pub(crate) fn kind() -> Kind {
    Kind::new("PAYMENT", "CHARGE").unwrap()
}

pub(crate) fn acceptance(key: &str) -> Acceptance {
    let command = Cmd::new("PAYMENT", "CHARGE", "ORDER-1", key, "{\"id\":1}").unwrap();
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

pub(crate) fn claim(limit: usize) -> ClaimParams {
    ClaimParams {
        kinds: vec![KindPolicy { hooked: true, ..KindPolicy::new(kind()) }],
        worker: WorkerId::generate("test").unwrap(),
        id: ClaimId::generate(),
        limit,
        lease: Duration::from_secs(60),
    }
}

pub(crate) fn claim_of(claimed: &Claimed) -> Claim {
    let Claimed::Operation(attempt) = claimed else { panic!("{claimed:?}") };
    attempt.claim()
}

pub(crate) fn succeeded(claim: Claim) -> EndedAttempt {
    EndedAttempt {
        claim,
        source: Source::Handler,
        end: AttemptEnd::Outcome(Outcome::Ok { output: "\"done\"".into() }),
        delay: Duration::ZERO,
    }
}

/// A table of the application's own.
const TABLE: &str = "CREATE TABLE business (text TEXT NOT NULL) STRICT";
pub(crate) const ROW: &str = "INSERT INTO business (text) VALUES ('paid')";

/// A store, and the application's table beside its own.
pub(crate) async fn world() -> (File, SqliteStore) {
    let file = File::new();
    let store = SqliteStore::open(&file.url).await.unwrap();
    sqlx::raw_sql(TABLE).execute(&mut file.connection().await).await.unwrap();
    (file, store)
}

/// The rows of that table.
pub(crate) async fn rows(file: &File) -> i64 {
    let mut connection = file.connection().await;
    sqlx::query_scalar("SELECT count(*) FROM business").fetch_one(&mut connection).await.unwrap()
}
