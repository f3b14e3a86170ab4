//! The plans of the queries that run over a growing table, asserted on an empty and a full
//! file, without statistics and with them.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Row as _, SqlSafeStr, SqlStr};

use crate::sql::{Rows, repeat};
use crate::{answer, claim, connect, lease, migrate, purge, read, sweep};

const FILL: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO orch_operation (op_id, owner, domain, event_type, biz_key, idem_key, fingerprint,
        accepted_at, time_budget_ms, deadline, payload, status, phase, due_at, lease_expires_at,
        worker)
    SELECT randomblob(16), '', 'PAYMENT', 'CHARGE', 'b', i, x'', i, 1, i, x'',
        iif(i % 3, 'PENDING', 'IN_PROGRESS'), iif(i % 3, NULL, 'running'), iif(i % 3, i, NULL),
        iif(i % 3, NULL, i), iif(i % 3, NULL, 'w') FROM n;
    INSERT INTO orch_write_ahead_log (op_id, fence, late, attempt, source, logged_at, outcome,
        delay_ms, status, finalize_due_at)
    SELECT op_id, 1, 0, 1, 'handler', 1, 'NOT_HAPPENED', 0, 'PENDING', 1 FROM orch_operation
    WHERE phase = 'running' LIMIT 50;";

/// Each query, and the indexes that it must search.
fn queries() -> Vec<(&'static str, SqlStr, Vec<&'static str>)> {
    let rows = |template| Rows::new(template).sized(64);
    let plain = SqlStr::from_static;
    vec![
        ("claim", repeat(claim::CLAIM, " UNION ALL ", 3), vec!["orch_operation_claim_idx"]),
        (
            "load",
            rows(include_str!("../queries/load.sql")),
            vec!["orch_operation_op_id_idx", "orch_write_ahead_log_claim_idx"],
        ),
        ("save", rows(include_str!("../queries/save.sql")), vec!["orch_operation_op_id_idx"]),
        (
            "update",
            rows(include_str!("../queries/update.sql")),
            vec!["orch_write_ahead_log_claim_idx"],
        ),
        (
            "accept_present",
            rows(include_str!("../queries/accept_present.sql")),
            vec!["orch_operation_identity_idx"],
        ),
        (
            "accept_taken",
            rows(include_str!("../queries/accept_taken.sql")),
            vec!["orch_operation_identity_idx"],
        ),
        (
            "get",
            plain(read::GET),
            vec!["orch_operation_op_id_idx", "orch_write_ahead_log_claim_idx"],
        ),
        (
            "find",
            plain(read::FIND),
            vec!["orch_operation_identity_idx", "orch_write_ahead_log_claim_idx"],
        ),
        (
            "list",
            plain(read::LIST),
            vec!["orch_operation_op_id_idx", "orch_write_ahead_log_claim_idx"],
        ),
        (
            "unfinished",
            plain(read::UNFINISHED),
            vec!["orch_operation_op_id_idx", "orch_write_ahead_log_claim_idx"],
        ),
        ("renew", plain(lease::RENEW), vec!["orch_operation_op_id_idx"]),
        ("sweep_expired", plain(sweep::EXPIRED), vec!["orch_operation_lease_idx"]),
        (
            "sweep_over_budget",
            plain(sweep::OVER_BUDGET),
            vec!["orch_operation_deadline_idx", "orch_operation_submitted_idx"],
        ),
        ("sweep_earlier", plain(sweep::EARLIER), vec!["orch_operation_claim_idx"]),
        ("answers_are_due", plain(read::ANSWERS_ARE_DUE), vec!["orch_answer_due_idx"]),
        (
            "answers_due",
            plain(answer::DUE),
            vec!["orch_answer_due_idx", "orch_operation_op_id_idx"],
        ),
        ("answers_of", plain(answer::OF), vec!["sqlite_autoindex_orch_answer_1"]),
        ("unmatched", plain(read::UNMATCHED), vec!["orch_operation_op_id_idx"]),
        ("purge_answers", plain(answer::PURGE), vec!["orch_answer_received_idx"]),
        ("unfinalized", plain(read::UNFINALIZED), vec!["orch_write_ahead_log_pending_idx"]),
        ("unknown_kinds", plain(read::UNKNOWN_KINDS), vec!["orch_operation_claim_idx"]),
        (
            "list_late",
            plain(read::LIST_LATE),
            vec!["orch_write_ahead_log_late_idx", "orch_operation_op_id_idx"],
        ),
        ("late_of", plain(read::LATE_OF), vec!["orch_operation_op_id_idx"]),
        (
            "redrive",
            plain(include_str!("../queries/redrive.sql")),
            vec!["orch_operation_op_id_idx", "orch_operation_identity_idx"],
        ),
        ("expired", plain(purge::EXPIRED), vec!["orch_operation_purge_idx"]),
        ("purge", purge::PURGE.sized(64), vec!["orch_operation_op_id_idx"]),
    ]
}

async fn assert_plans(connection: &mut SqliteConnection, world: &str) {
    for (name, query, indexes) in queries() {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", query.as_str()));
        let rows = sqlx::query(explain.into_sql_str()).fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let whole = plan.join("\n");
        for index in indexes {
            assert!(whole.contains(index), "{name}, {world}, misses {index}:\n{whole}");
        }
        let scans = |line: &&String| {
            ["SCAN orch_", "SCAN o", "SCAN l", "SCAN f"].iter().any(|scan| line.starts_with(scan))
        };
        assert_eq!(plan.iter().find(scans), None, "{name}, {world}:\n{whole}");
        assert!(!whole.contains("ORDER BY"), "{name}, {world}, sorts:\n{whole}");
        assert!(!whole.contains("AUTOMATIC"), "{name}, {world}, builds an index:\n{whole}");
    }
}

#[tokio::test]
async fn every_query_over_a_growing_table_searches_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("plans.db").display());
    let mut connection = connect::open_writing(&connect::options(&url).unwrap()).await.unwrap();
    migrate::run(&mut connection).await.unwrap();
    assert_plans(&mut connection, "empty").await;
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    assert_plans(&mut connection, "empty and analyzed").await;
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    assert_plans(&mut connection, "full").await;
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    assert_plans(&mut connection, "full and analyzed").await;
    let reopened = connect::open_writing(&connect::options(&url).unwrap()).await;
    assert_plans(&mut reopened.unwrap(), "full, analyzed, reopened").await;
}
