//! The Postgres store keeps what `step` says, by its own statements and by load and save alike.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use orch_core::machine::Entry;
use orch_core::store::codec::{self, EncodedEnd};
use orch_core::store::columns::{self, Columns};
use orch_core::store::{ManualClock, Store};
use orch_core::words::{Fingerprint, OpId, Payload, Phase, Timestamp, WorkerId};
use orch_postgres::PostgresStore;
use orch_testkit::agreement::{Kept, KeptRows};
use sqlx::postgres::PgRow;
use sqlx::types::Uuid;
use sqlx::{Decode, PgConnection, Postgres, Row as _, Type};
use tokio::sync::Mutex;

use common::{Schema, execute, rows};

orch_testkit::agrees_with_machine!(Tables::default());

/// The four tables, written and read as they are: without the store's code, and without the view
/// that it reads.
#[derive(Default)]
struct Tables(Mutex<Option<PgConnection>>);

#[async_trait]
impl KeptRows for Tables {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let schema = Schema::create().await;
        let store = PostgresStore::open_with(&schema.url(""), Some(clock)).await.unwrap();
        *self.0.lock().await = Some(schema.connect().await);
        Arc::new(store)
    }

    async fn put(&self, all: &[Kept]) {
        let sql = all.iter().fold(EMPTY.to_owned(), |sql, kept| sql + &inserts(kept));
        execute(self.0.lock().await.as_mut().unwrap(), &sql).await;
    }

    async fn kept(&self, op_ids: &[OpId]) -> Vec<Kept> {
        let mut connection = self.0.lock().await;
        let connection = connection.as_mut().unwrap();
        let mut logs: HashMap<OpId, Vec<Entry>> = HashMap::new();
        for row in &rows(connection, LOG).await {
            let row = Named(row);
            let log = logs.entry(row.id("op_id").unwrap().unwrap()).or_default();
            log.push(columns::entry(&row).unwrap().unwrap());
        }
        let mut all: HashMap<OpId, Kept> = HashMap::new();
        for row in &rows(connection, OPERATIONS).await {
            let row = Named(row);
            let op_id = row.id("op_id").unwrap().unwrap();
            let late = || u32::try_from(row.number("late_outcomes").unwrap().unwrap()).unwrap();
            let letter = row.text("letter").unwrap().map(|json| codec::failure(json).unwrap());
            let kept = Kept {
                request: columns::request(&row).unwrap(),
                row: columns::row(&row).unwrap(),
                log: logs.remove(&op_id).unwrap_or_default(),
                letter: letter.map(|failure| (failure, late())),
            };
            all.insert(op_id, kept);
        }
        assert!(logs.is_empty(), "entries without an operation");
        op_ids.iter().map(|op_id| all.remove(op_id).unwrap()).collect()
    }
}

const EMPTY: &str = "DELETE FROM orch_operation; DELETE FROM orch_queue;
    DELETE FROM orch_write_ahead_log; DELETE FROM orch_dead_letter;";

const OPERATIONS: &str = "
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive_of,
       o.redrive::bigint AS redrive, o.key_seed,
       o.accepted_at, o.time_budget_ms, o.payload, d.failure::text AS letter,
       d.late_outcomes::bigint AS late_outcomes,
       q.phase, q.reconciles::bigint AS reconciles, q.key_generation::bigint AS key_generation,
       q.due_at, q.lease_expires_at, q.worker, q.started_at, q.first_called_at,
       q.max_attempts::bigint AS max_attempts, q.backoff_base_ms::bigint AS backoff_base_ms,
       q.backoff_cap_ms::bigint AS backoff_cap_ms, q.in_doubt,
       q.max_reconciles::bigint AS max_reconciles, q.replays_errors, q.hooked, q.reason,
       q.incarnation::bigint AS incarnation, q.unhandled_since,
       q.completed_retention_s::bigint AS completed_retention_s,
       q.failed_retention_s::bigint AS failed_retention_s,
       q.uncounted::bigint AS uncounted, q.max_uncounted::bigint AS max_uncounted, q.already_done, q.submitted,
       CASE WHEN q.op_id IS NOT NULL THEN q.status
            WHEN l.outcome = 'OK' THEN 'COMPLETED' WHEN l.outcome = 'FAIL' THEN 'FAILED'
            WHEN d.op_id IS NOT NULL THEN 'FAILED' END AS status,
       CASE WHEN q.op_id IS NOT NULL THEN q.fence ELSE l.fence END AS fence,
       CASE WHEN q.op_id IS NOT NULL THEN q.attempt ELSE l.attempt END::bigint AS attempt,
       CASE WHEN q.op_id IS NOT NULL THEN q.retries ELSE l.retries END::bigint AS retries,
       CASE WHEN q.op_id IS NOT NULL THEN q.lost_attempts ELSE l.lost_attempts END::bigint
           AS lost_attempts,
       CASE WHEN q.op_id IS NOT NULL THEN q.deadline ELSE l.deadline END AS deadline,
       l.finished_at, l.expires_at, l.output, d.failure::text AS failure
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id";

const LOG: &str = "
SELECT op_id, fence AS entry_fence, late AS entry_late, attempt::bigint AS entry_attempt,
       worker AS entry_worker, source AS entry_source, started_at AS entry_started_at,
       logged_at AS entry_logged_at, outcome AS entry_outcome, detail AS entry_detail,
       output AS entry_output, unreadable AS entry_unreadable, after_ms AS entry_after_ms, delay_ms AS entry_delay_ms,
       status AS entry_status, hook_failures::bigint AS entry_hook_failures,
       finalize_due_at AS entry_due_at, note AS entry_note, hook_error AS entry_hook_error
FROM orch_write_ahead_log ORDER BY seq";

/// All that is kept of one operation, as statements.
fn inserts(kept: &Kept) -> String {
    let Kept { request, row, log, letter } = kept;
    let identity = &request.identity;
    let id = format!("'{}'", row.op_id);
    let mut sql = insert(
        "orch_operation",
        &[
            ("op_id", id.clone()),
            ("accepted_at", at(request.accepted_at)),
            ("time_budget_ms", codec::as_millis(row.time_budget).to_string()),
            ("owner", text(identity.owner.as_str())),
            ("domain", text(identity.domain.as_str())),
            ("event_type", text(identity.event_type.as_str())),
            ("biz_key", text(identity.biz_key.as_str())),
            ("idem_key", text(identity.idem_key.as_str())),
            ("redrive_of", or_null(request.redrive_of, |op_id| format!("'{op_id}'"))),
            ("fingerprint", bytes(Fingerprint::of(&request.payload).as_bytes())),
            ("payload", bytes(request.payload.as_bytes())),
            ("redrive", request.redrive.to_string()),
            ("key_seed", or_null(request.key_seed, |seed| bytes(seed.as_bytes()))),
        ],
    );
    if row.outcome.is_none() {
        let policy = &row.policy;
        sql += &insert(
            "orch_queue",
            &[
                ("op_id", id.clone()),
                ("kind", text(&policy.kind.to_string())),
                ("incarnation", row.incarnation.to_string()),
                ("unhandled_since", or_null(row.unhandled_since, at)),
                ("completed_retention_s", policy.retention.completed().as_secs().to_string()),
                ("failed_retention_s", policy.retention.failed().as_secs().to_string()),
                ("status", text(row.status.as_str())),
                ("phase", or_null(row.phase.map(Phase::as_str), text)),
                ("attempt", row.attempt.to_string()),
                ("fence", row.fence.get().to_string()),
                ("retries", row.retries.to_string()),
                ("lost_attempts", row.lost_attempts.to_string()),
                ("reconciles", row.reconciles.to_string()),
                ("key_generation", row.key_generation.to_string()),
                ("deadline", at(row.deadline)),
                ("due_at", or_null(row.due_at, at)),
                ("lease_expires_at", or_null(row.lease_expires_at, at)),
                ("worker", or_null(row.worker.as_ref().map(WorkerId::as_str), text)),
                ("started_at", or_null(row.started_at, at)),
                ("first_called_at", or_null(row.first_called_at, at)),
                ("max_attempts", policy.max_attempts.to_string()),
                ("max_uncounted", policy.max_uncounted.to_string()),
                ("uncounted", row.uncounted.to_string()),
                ("already_done", row.already_done.to_string()),
                ("submitted", row.submitted.to_string()),
                ("backoff_base_ms", policy.backoff.base().as_millis().to_string()),
                ("backoff_cap_ms", policy.backoff.cap().as_millis().to_string()),
                ("in_doubt", text(policy.in_doubt.as_str())),
                ("max_reconciles", policy.max_reconciles.to_string()),
                ("replays_errors", policy.replays_errors.to_string()),
                ("hooked", policy.hooked.to_string()),
                ("reason", or_null(row.reason.as_deref(), text)),
            ],
        );
    }
    for Entry { log, delay, due_at, hook_failures } in log {
        let end = EncodedEnd::of(&log.end);
        let ends = row.outcome.is_some() && log.fence == row.fence && !log.late;
        let last = |value: String| or_null(ends.then_some(value), |value| value);
        sql += &insert(
            "orch_write_ahead_log",
            &[
                ("op_id", id.clone()),
                ("fence", log.fence.get().to_string()),
                ("late", log.late.to_string()),
                ("attempt", log.attempt.to_string()),
                ("worker", or_null(log.worker.as_ref().map(WorkerId::as_str), text)),
                ("source", text(log.source.as_str())),
                ("started_at", or_null(log.started_at, at)),
                ("logged_at", at(log.logged_at)),
                ("outcome", text(end.outcome)),
                ("detail", or_null(end.detail.as_deref(), text)),
                ("output", or_null(end.output.as_ref().map(Payload::as_bytes), bytes)),
                ("unreadable", or_null(end.unreadable.as_ref().map(Payload::as_bytes), bytes)),
                ("after_ms", or_null(end.after_ms, |ms| ms.to_string())),
                ("delay_ms", codec::as_millis(*delay).to_string()),
                ("status", text(log.status.as_str())),
                ("finalize_due_at", or_null(*due_at, at)),
                ("hook_failures", hook_failures.to_string()),
                ("note", or_null(log.note.as_deref(), text)),
                ("hook_error", or_null(log.hook_error.as_deref(), text)),
                ("finished_at", or_null(row.finished_at.filter(|_| ends), at)),
                ("expires_at", or_null(row.expires_at.filter(|_| ends), at)),
                ("retries", last(row.retries.to_string())),
                ("lost_attempts", last(row.lost_attempts.to_string())),
                ("deadline", last(at(row.deadline))),
            ],
        );
    }
    if let Some((failure, late_outcomes)) = letter {
        sql += &insert(
            "orch_dead_letter",
            &[
                ("op_id", id),
                ("created_at", at(row.finished_at.unwrap())),
                ("failure", text(&codec::failure_json(failure))),
                ("late_outcomes", late_outcomes.to_string()),
            ],
        );
    }
    sql
}

fn insert(table: &str, columns: &[(&str, String)]) -> String {
    let (names, values): (Vec<&str>, Vec<&str>) =
        columns.iter().map(|(name, value)| (*name, value.as_str())).unzip();
    format!("INSERT INTO {table} ({}) VALUES ({});\n", names.join(", "), values.join(", "))
}

fn or_null<T>(value: Option<T>, literal: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "NULL".to_owned(), literal)
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn bytes(bytes: &[u8]) -> String {
    let mut hex = "'\\x".to_owned();
    bytes.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    hex + "'"
}

fn at(at: Timestamp) -> String {
    format!("'epoch'::timestamptz + {} * interval '1 microsecond'", at.as_micros())
}

struct Named<'r>(&'r PgRow);

impl<'r> Named<'r> {
    fn column<T>(&self, name: &str) -> Result<Option<T>, String>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        self.0.try_get(name).map_err(|error| error.to_string())
    }
}

impl Columns for Named<'_> {
    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.column(name)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.column(name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        self.column(name)
    }

    fn bytes(&self, name: &str) -> Result<Option<&[u8]>, String> {
        self.column(name)
    }

    fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let Some(at) = self.column::<Micros>(name)? else { return Ok(None) };
        Ok(Some(Timestamp::from_micros(at.0)))
    }

    fn id(&self, name: &str) -> Result<Option<OpId>, String> {
        Ok(self.column::<Uuid>(name)?.map(|id| OpId::from_bytes(*id.as_bytes())))
    }
}

/// A `timestamptz` in microseconds since 1970.
struct Micros(i64);

impl Type<Postgres> for Micros {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        sqlx::postgres::PgTypeInfo::with_name("timestamptz")
    }
}

impl Decode<'_, Postgres> for Micros {
    fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, sqlx::error::BoxDynError> {
        let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(since_2000 + 946_684_800_000_000))
    }
}
