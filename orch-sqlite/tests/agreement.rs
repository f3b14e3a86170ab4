//! What SQLite keeps is what the machine says. Rows are written and read here by plain SQL, not by
//! the code under test.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::File;
use orch_core::machine::{Entry, Request, Row};
use orch_core::policies::{Backoff, KindPolicy, Retention};
use orch_core::store::{ManualClock, Store};
use orch_core::words::{
    AttemptEnd, BizKey, Failure, Fence, FinalOutcome, Fingerprint, IdemKey, Identity, KeySeed,
    Kind, LogEntry, OpId, Outcome, Owner, Payload, Phase, Timestamp, WorkerId,
};
use orch_sqlite::SqliteStore;
use orch_testkit::agreement::{Kept, KeptRows};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row as _};

orch_testkit::agrees_with_machine!(Sqlite(File::new()));

struct Sqlite(File);

#[async_trait]
impl KeptRows for Sqlite {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open_with_clock(&self.0.url, clock).await.unwrap())
    }

    async fn put(&self, all: &[Kept]) {
        let mut connection = self.0.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("DELETE FROM orch_operation").execute(&mut *transaction).await.unwrap();
        for kept in all {
            put_row(&mut transaction, kept).await;
            for entry in &kept.log {
                put_entry(&mut transaction, kept.row.op_id, entry).await;
            }
            put_letter(&mut transaction, kept).await;
        }
        transaction.commit().await.unwrap();
    }

    async fn kept(&self, op_ids: &[OpId]) -> Vec<Kept> {
        let mut connection = self.0.connection().await;
        let mut all = Vec::new();
        for op_id in op_ids {
            all.push(kept(&mut connection, *op_id).await);
        }
        all
    }
}

const ROW: &str = "
    INSERT INTO orch_operation
        (op_id, owner, domain, event_type, biz_key, idem_key, fingerprint, payload, accepted_at,
         redrive_of, redrive, key_seed, time_budget_ms, deadline, status, phase, attempt, fence, retries,
         lost_attempts, reconciles, key_generation, due_at, lease_expires_at, worker, started_at,
         first_called_at, max_attempts, backoff_base_ms, backoff_cap_ms, in_doubt, max_reconciles,
         replays_errors, hooked, outcome, finished_fence, failure, finished_at, reason,
         incarnation, unhandled_since, completed_retention_s, failed_retention_s, expires_at,
         uncounted, max_uncounted, already_done, submitted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
            ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

async fn put_row(connection: &mut SqliteConnection, Kept { request, row, .. }: &Kept) {
    let Identity { owner, domain, event_type, biz_key, idem_key } = &request.identity;
    let (outcome, failure) = match &row.outcome {
        Some(FinalOutcome::Ok(_)) => (Some("OK"), None),
        Some(FinalOutcome::Failed(failure)) => (Some("FAIL"), Some(json(failure))),
        None => (None, None),
    };
    sqlx::query(ROW)
        .bind(row.op_id.as_bytes().as_slice())
        .bind(owner.as_str())
        .bind(domain.as_str())
        .bind(event_type.as_str())
        .bind(biz_key.as_str())
        .bind(idem_key.as_str())
        .bind(Fingerprint::of(&request.payload).as_bytes().as_slice())
        .bind(request.payload.as_bytes())
        .bind(request.accepted_at.as_micros())
        .bind(request.redrive_of.map(|op_id| op_id.as_bytes().to_vec()))
        .bind(request.redrive)
        .bind(request.key_seed.map(|seed| seed.as_bytes().to_vec()))
        .bind(ms(row.time_budget))
        .bind(row.deadline.as_micros())
        .bind(row.status.as_str())
        .bind(row.phase.map(Phase::as_str))
        .bind(row.attempt)
        .bind(row.fence.get())
        .bind(row.retries)
        .bind(row.lost_attempts)
        .bind(row.reconciles)
        .bind(row.key_generation)
        .bind(row.due_at.map(Timestamp::as_micros))
        .bind(row.lease_expires_at.map(Timestamp::as_micros))
        .bind(row.worker.as_ref().map(WorkerId::as_str))
        .bind(row.started_at.map(Timestamp::as_micros))
        .bind(row.first_called_at.map(Timestamp::as_micros))
        .bind(row.policy.max_attempts)
        .bind(ms(row.policy.backoff.base()))
        .bind(ms(row.policy.backoff.cap()))
        .bind(row.policy.in_doubt.as_str())
        .bind(row.policy.max_reconciles)
        .bind(row.policy.replays_errors)
        .bind(row.policy.hooked)
        .bind(outcome)
        .bind(outcome.map(|_| row.fence.get()))
        .bind(failure)
        .bind(row.finished_at.map(Timestamp::as_micros))
        .bind(row.reason.as_deref())
        .bind(row.incarnation)
        .bind(row.unhandled_since.map(Timestamp::as_micros))
        .bind(i64::try_from(row.policy.retention.completed().as_secs()).unwrap())
        .bind(i64::try_from(row.policy.retention.failed().as_secs()).unwrap())
        .bind(row.expires_at.map(Timestamp::as_micros))
        .bind(row.uncounted)
        .bind(row.policy.max_uncounted)
        .bind(row.already_done)
        .bind(row.submitted)
        .execute(connection)
        .await
        .unwrap();
}

const ENTRY: &str = "
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         output, after_ms, delay_ms, status, hook_failures, finalize_due_at, note, hook_error,
         unreadable)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

async fn put_entry(connection: &mut SqliteConnection, op_id: OpId, entry: &Entry) {
    let log = &entry.log;
    let mut unreadable = None;
    let (outcome, detail, output, after) = match &log.end {
        AttemptEnd::Outcome(Outcome::Ok { output }) => ("OK", None, Some(output), None),
        AttemptEnd::Outcome(Outcome::Retry { reason, after }) => {
            ("RETRY", Some(reason.clone()), None, *after)
        }
        AttemptEnd::Outcome(Outcome::Fail(failure)) => ("FAIL", Some(json(failure)), None, None),
        AttemptEnd::InDoubt { reason } => ("IN_DOUBT", Some(reason.clone()), None, None),
        AttemptEnd::NotHappened => ("NOT_HAPPENED", None, None, None),
        AttemptEnd::StillRunning { reason, after } => {
            ("STILL_RUNNING", Some(reason.clone()), None, *after)
        }
        AttemptEnd::AlreadyDone { reason } => ("ALREADY_DONE", Some(reason.clone()), None, None),
        AttemptEnd::Submitted { reason, after } => {
            ("SUBMITTED", Some(reason.clone()), None, *after)
        }
        AttemptEnd::Unreadable { output, reason } => {
            unreadable = Some(output);
            ("IN_DOUBT", Some(reason.clone()), None, None)
        }
        other => panic!("no column for {other:?}"),
    };
    sqlx::query(ENTRY)
        .bind(op_id.as_bytes().as_slice())
        .bind(log.fence.get())
        .bind(log.late)
        .bind(log.attempt)
        .bind(log.worker.as_ref().map(WorkerId::as_str))
        .bind(log.source.as_str())
        .bind(log.started_at.map(Timestamp::as_micros))
        .bind(log.logged_at.as_micros())
        .bind(outcome)
        .bind(detail)
        .bind(output.map(Payload::as_bytes))
        .bind(after.map(ms))
        .bind(ms(entry.delay))
        .bind(log.status.as_str())
        .bind(entry.hook_failures)
        .bind(entry.due_at.map(Timestamp::as_micros))
        .bind(log.note.as_deref())
        .bind(log.hook_error.as_deref())
        .bind(unreadable.map(Payload::as_bytes))
        .execute(connection)
        .await
        .unwrap();
}

async fn put_letter(connection: &mut SqliteConnection, Kept { row, letter, .. }: &Kept) {
    let Some((failure, late_outcomes)) = letter else { return };
    sqlx::query("INSERT INTO orch_dead_letter VALUES (?, ?, ?, NULL, ?)")
        .bind(row.op_id.as_bytes().as_slice())
        .bind(json(failure))
        .bind(row.finished_at.map(Timestamp::as_micros))
        .bind(late_outcomes)
        .execute(connection)
        .await
        .unwrap();
}

async fn kept(connection: &mut SqliteConnection, op_id: OpId) -> Kept {
    let id = op_id.as_bytes().as_slice();
    let found = sqlx::query("SELECT * FROM orch_operation WHERE op_id = ?")
        .bind(id)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let log = sqlx::query("SELECT * FROM orch_write_ahead_log WHERE op_id = ? ORDER BY rowid")
        .bind(id)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let letter = sqlx::query("SELECT * FROM orch_dead_letter WHERE op_id = ?")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await
        .unwrap();
    let log: Vec<Entry> = log.iter().map(entry).collect();
    let letter = letter.map(|letter| (failure(&letter, "failure"), letter.get("late_outcomes")));
    Kept { request: request(&found), row: row(&found, &log, op_id), log, letter }
}

fn request(found: &SqliteRow) -> Request {
    let Kind { domain, event_type } = kind(found);
    Request {
        identity: Identity {
            owner: Owner::new(text(found, "owner")).unwrap(),
            domain,
            event_type,
            biz_key: BizKey::new(text(found, "biz_key")).unwrap(),
            idem_key: IdemKey::new(text(found, "idem_key")).unwrap(),
        },
        payload: found.get::<Vec<u8>, _>("payload").into(),
        accepted_at: at(found, "accepted_at").unwrap(),
        redrive_of: found
            .get::<Option<Vec<u8>>, _>("redrive_of")
            .map(|id| OpId::from_bytes(id.try_into().unwrap())),
        redrive: found.get("redrive"),
        key_seed: found
            .get::<Option<Vec<u8>>, _>("key_seed")
            .map(|seed| KeySeed::from_bytes(seed.try_into().unwrap())),
    }
}

fn row(found: &SqliteRow, log: &[Entry], op_id: OpId) -> Row {
    let finished_fence = found.get::<Option<i64>, _>("finished_fence").map(Fence::new);
    let outcome = match found.get::<Option<&str>, _>("outcome") {
        Some("OK") => {
            let finishes = |entry: &&Entry| Some(entry.log.fence) == finished_fence;
            let entry = log.iter().filter(|entry| !entry.log.late).find(finishes).unwrap();
            let AttemptEnd::Outcome(Outcome::Ok { output }) = &entry.log.end else {
                panic!("{entry:?}")
            };
            Some(FinalOutcome::Ok(output.clone()))
        }
        Some("FAIL") => Some(FinalOutcome::Failed(failure(found, "failure"))),
        _ => None,
    };
    Row {
        op_id,
        status: text(found, "status").parse().unwrap(),
        phase: found.get::<Option<&str>, _>("phase").map(|phase| phase.parse().unwrap()),
        attempt: found.get("attempt"),
        fence: Fence::new(found.get("fence")),
        retries: found.get("retries"),
        lost_attempts: found.get("lost_attempts"),
        uncounted: found.get("uncounted"),
        reconciles: found.get("reconciles"),
        key_generation: found.get("key_generation"),
        time_budget: span(found, "time_budget_ms").unwrap(),
        deadline: at(found, "deadline").unwrap(),
        due_at: at(found, "due_at"),
        lease_expires_at: at(found, "lease_expires_at"),
        worker: worker(found),
        started_at: at(found, "started_at"),
        first_called_at: at(found, "first_called_at"),
        already_done: found.get("already_done"),
        submitted: found.get("submitted"),
        policy: KindPolicy {
            max_attempts: found.get("max_attempts"),
            max_uncounted: found.get("max_uncounted"),
            backoff: Backoff::new(
                span(found, "backoff_base_ms").unwrap(),
                span(found, "backoff_cap_ms").unwrap(),
            )
            .unwrap(),
            in_doubt: text(found, "in_doubt").parse().unwrap(),
            max_reconciles: found.get("max_reconciles"),
            replays_errors: found.get("replays_errors"),
            hooked: found.get("hooked"),
            retention: Retention::new(
                seconds(found, "completed_retention_s"),
                seconds(found, "failed_retention_s"),
            ),
            ..KindPolicy::new(kind(found))
        },
        outcome,
        finished_at: at(found, "finished_at"),
        expires_at: at(found, "expires_at"),
        reason: found.get("reason"),
        incarnation: found.get("incarnation"),
        unhandled_since: at(found, "unhandled_since"),
    }
}

fn entry(found: &SqliteRow) -> Entry {
    let detail = || text(found, "detail").to_owned();
    let end = match text(found, "outcome") {
        "OK" => {
            AttemptEnd::Outcome(Outcome::Ok { output: found.get::<Vec<u8>, _>("output").into() })
        }
        "RETRY" => {
            AttemptEnd::Outcome(Outcome::Retry { reason: detail(), after: span(found, "after_ms") })
        }
        "FAIL" => AttemptEnd::Outcome(Outcome::Fail(failure(found, "detail"))),
        "IN_DOUBT" => match found.get::<Option<Vec<u8>>, _>("unreadable") {
            Some(output) => AttemptEnd::Unreadable { output: output.into(), reason: detail() },
            None => AttemptEnd::InDoubt { reason: detail() },
        },
        "NOT_HAPPENED" => AttemptEnd::NotHappened,
        "STILL_RUNNING" => {
            AttemptEnd::StillRunning { reason: detail(), after: span(found, "after_ms") }
        }
        "SUBMITTED" => AttemptEnd::Submitted { reason: detail(), after: span(found, "after_ms") },
        "ALREADY_DONE" => AttemptEnd::AlreadyDone { reason: detail() },
        other => panic!("{other}"),
    };
    let mut log = LogEntry::new(
        Fence::new(found.get("fence")),
        found.get("attempt"),
        text(found, "source").parse().unwrap(),
        end,
        at(found, "logged_at").unwrap(),
    );
    log.worker = worker(found);
    log.started_at = at(found, "started_at");
    log.status = text(found, "status").parse().unwrap();
    log.late = found.get("late");
    log.note = found.get("note");
    log.hook_error = found.get("hook_error");
    Entry {
        log,
        delay: span(found, "delay_ms").unwrap(),
        due_at: at(found, "finalize_due_at"),
        hook_failures: found.get("hook_failures"),
    }
}

fn kind(found: &SqliteRow) -> Kind {
    Kind::new(text(found, "domain"), text(found, "event_type")).unwrap()
}

fn worker(found: &SqliteRow) -> Option<WorkerId> {
    found.get::<Option<String>, _>("worker").map(WorkerId::from_stored)
}

fn failure(found: &SqliteRow, name: &str) -> Failure {
    serde_json::from_str(text(found, name)).unwrap()
}

fn text<'r>(found: &'r SqliteRow, name: &str) -> &'r str {
    found.get(name)
}

fn at(found: &SqliteRow, name: &str) -> Option<Timestamp> {
    found.get::<Option<i64>, _>(name).map(Timestamp::from_micros)
}

fn span(found: &SqliteRow, name: &str) -> Option<Duration> {
    found.get::<Option<i64>, _>(name).map(|ms| Duration::from_millis(ms.try_into().unwrap()))
}

fn seconds(found: &SqliteRow, name: &str) -> Duration {
    Duration::from_secs(found.get::<i64, _>(name).try_into().unwrap())
}

fn ms(span: Duration) -> i64 {
    span.as_millis().try_into().unwrap()
}

fn json(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap()
}
