//! The planner keeps to the indexes that the queries are written for, however many rows there
//! are and whether or not anybody has counted them.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use orch_postgres::PLANNER;
use sqlx::{PgConnection, Row};

use common::{Schema, execute, rows};

const CLAIM: &str = include_str!("../queries/claim.sql");
const CLAIM_REFUSED: &str = include_str!("../queries/claim_refused.sql");
const EXPIRED: &str = include_str!("../queries/expired.sql");
/// Queries that run on every operation or every tick; no backlog may make them scan a table.
const OTHERS: [(&str, &str); 28] = [
    ("accept_present", include_str!("../queries/accept_present.sql")),
    ("accept_taken", include_str!("../queries/accept_taken.sql")),
    ("accept_unique", include_str!("../queries/accept_unique.sql")),
    ("redrive_taken", include_str!("../queries/redrive_taken.sql")),
    ("renew", include_str!("../queries/renew.sql")),
    ("release", include_str!("../queries/release.sql")),
    ("log", include_str!("../queries/log.sql")),
    ("settle", include_str!("../queries/settle.sql")),
    ("settle_open", include_str!("../queries/settle_open.sql")),
    ("late_of", include_str!("../queries/late_of.sql")),
    ("load", include_str!("../queries/load.sql")),
    ("save", include_str!("../queries/save.sql")),
    ("sweep_expired", include_str!("../queries/sweep_expired.sql")),
    ("sweep_over_budget", include_str!("../queries/sweep_over_budget.sql")),
    ("unfinalized", include_str!("../queries/unfinalized.sql")),
    ("unknown_kinds", include_str!("../queries/unknown_kinds.sql")),
    ("claim_refused", CLAIM_REFUSED),
    ("expired", EXPIRED),
    ("purge", include_str!("../queries/purge.sql")),
    ("refer", include_str!("../queries/refer.sql")),
    ("referred", include_str!("../queries/referred.sql")),
    ("record", include_str!("../queries/record.sql")),
    ("answers_due", include_str!("../queries/answers_due.sql")),
    ("answer_lock", include_str!("../queries/answer_lock.sql")),
    ("answer_lock_operation", include_str!("../queries/answer_lock_operation.sql")),
    ("record_again", include_str!("../queries/record_again.sql")),
    ("unmatched", include_str!("../queries/unmatched.sql")),
    ("purge_answers", include_str!("../queries/purge_answers.sql")),
];

/// A page of each starts where the last one ended.
const LISTS: [(&str, &str); 4] = [
    ("list", include_str!("../queries/list.sql")),
    ("list_unfinished", include_str!("../queries/list_unfinished.sql")),
    ("list_failed", include_str!("../queries/list_failed.sql")),
    ("unfinished", include_str!("../queries/unfinished.sql")),
];

#[tokio::test]
async fn an_empty_queue() {
    let mut world = World::new().await;
    world.check().await;
    world.analyze().await;
    world.check().await;
}

#[tokio::test]
async fn ten_thousand_waiting() {
    let mut world = World::new().await;
    world.fill(10_000).await;
    world.check().await;
    world.analyze().await;
    world.check().await;
}

#[tokio::test]
async fn a_million_waiting_counted_while_the_queue_was_empty() {
    let mut world = World::new().await;
    world.analyze().await;
    world.fill(1_000_000).await;
    world.check().await;
    world.analyze().await;
    world.check().await;
}

struct World {
    connection: PgConnection,
}

impl World {
    async fn new() -> Self {
        let schema = Schema::create().await;
        schema.store("").await;
        let mut connection = schema.connect().await;
        execute(&mut connection, "ALTER TABLE orch_queue SET (autovacuum_enabled = off)").await;
        for (name, value) in PLANNER {
            execute(&mut connection, &format!("SET {name} = {value}")).await;
        }
        Self { connection }
    }

    async fn fill(&mut self, count: usize) {
        let sql = format!(
            "SET synchronous_commit = off;
             INSERT INTO orch_queue (op_id, kind, due_at, deadline)
             SELECT gen_random_uuid(), 'PAYMENT/CHARGE', clock_timestamp(),
                    clock_timestamp() + interval '5 minutes'
             FROM generate_series(1, {count})"
        );
        execute(&mut self.connection, &sql).await;
    }

    async fn analyze(&mut self) {
        execute(&mut self.connection, "ANALYZE").await;
    }

    async fn check(&mut self) {
        let plan = self.plan(CLAIM).await;
        assert!(plan.contains("Index Scan using orch_queue_claim_idx"), "{plan}");
        assert!(plan.contains("Tid Scan on orch_queue"), "{plan}");
        assert!(!plan.contains("Sort"), "the backlog would be sorted:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
        let plan = self.plan(EXPIRED).await;
        let walks = plan.matches("Index Scan using orch_write_ahead_log_purge_idx").count();
        assert!(walks == 2 && plan.matches("Sort Key").count() <= 1, "{plan}");
        for (name, sql) in LISTS {
            let plan = self.plan(sql).await;
            assert!(!plan.contains("Sort"), "{name} reads all to show a page:\n{plan}");
            assert!(plan.contains("Index Cond: (op_id > "), "{name} begins at the first:\n{plan}");
        }
        for (name, sql) in OTHERS.into_iter().chain(LISTS) {
            let plan = self.plan(sql).await;
            assert!(!plan.contains("Seq Scan on orch_"), "{name}:\n{plan}");
            assert!(!plan.contains("Bitmap"), "{name}:\n{plan}");
        }
    }

    /// The generic plan: the one that is kept.
    async fn plan(&mut self, sql: &str) -> String {
        let parameters = (1..100).take_while(|n| sql.contains(&format!("${n}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        execute(&mut self.connection, &format!("PREPARE looked_at AS {sql}")).await;
        let explained = format!("EXPLAIN EXECUTE looked_at ({nulls})");
        let lines = rows(&mut self.connection, &explained).await;
        execute(&mut self.connection, "DEALLOCATE looked_at").await;
        lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
    }
}
