-- Purpose: S3 as a whole for ends that may go on: RETRY, IN_DOUBT, NOT_HAPPENED. STILL_RUNNING,
--   ALREADY_DONE and SUBMITTED are not among them, nor are ends of what is submitted: they are rare,
--   and step decides about them.
-- Parameters: $1 now (NULL: the server's clock); then an array per column: $2 op_id, $3 fence,
--   $4 source, $5 outcome, $6 detail (the reason), $7 after_ms, $8 delay_ms.
-- Index: the primary key of the queue.
-- Shape: the rows are locked in the order of op_id, then all is as orch_core::machine::step says
--   of Fact::Settled; the agreement test holds them together. A decision in Rust would need a
--   second round trip and a transaction around both.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
held AS MATERIALIZED (
    SELECT e.*, q.attempt, q.retries, q.lost_attempts, q.worker, q.started_at, q.deadline,
           q.max_attempts, q.max_reconciles, q.in_doubt, q.reconciles, q.first_called_at,
           q.first_called_at IS NOT NULL AS unresolved, q.key_generation, q.replays_errors, c.now,
           q.failed_retention_s, q.already_done,
           c.now + e.delay_ms * interval '1 millisecond' AS not_before
    FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                $8::bigint[])
         AS e(op_id, fence, source, outcome, detail, after_ms, delay_ms)
    JOIN orch_queue q ON q.op_id = e.op_id AND q.fence = e.fence AND q.worker IS NOT NULL
                     AND NOT q.submitted
    CROSS JOIN clock c
    ORDER BY q.op_id
    FOR UPDATE OF q
),
decided AS MATERIALIZED (
    SELECT h.*,
           h.outcome = 'IN_DOUBT' OR h.outcome = 'RETRY' AND h.unresolved
               OR h.outcome = 'NOT_HAPPENED' AND h.already_done AS uncertain,
           h.retries + (h.outcome = 'RETRY')::int AS retries_now,
           h.lost_attempts + (h.outcome = 'IN_DOUBT' AND h.source <> 'reconcile')::int AS lost_now,
           CASE
               WHEN outcome = 'NOT_HAPPENED' AND already_done THEN 'ALREADY_DONE'
               WHEN outcome = 'IN_DOUBT' AND in_doubt = 'reconcile'
                   THEN CASE WHEN reconciles >= max_reconciles THEN 'park' ELSE 'doubt' END
               WHEN outcome = 'IN_DOUBT' AND in_doubt = 'park' THEN 'park'
               WHEN outcome = 'IN_DOUBT' AND in_doubt = 'fail' THEN 'IN_DOUBT'
               WHEN attempt >= max_attempts THEN 'ATTEMPTS_EXHAUSTED'
               WHEN not_before >= deadline THEN 'TIME_BUDGET_EXCEEDED'
               WHEN outcome = 'IN_DOUBT' THEN 'doubt'
               WHEN outcome = 'RETRY' AND unresolved AND in_doubt = 'reconcile' THEN 'doubt'
               ELSE 'wait'
           END AS next
    FROM held h
),
finished AS MATERIALIZED (
    SELECT d.*,
           json_build_object(
               'code', d.next,
               'message', CASE d.next
                   WHEN 'ATTEMPTS_EXHAUSTED'
                       THEN format('all %s attempts are used up', d.max_attempts)
                   WHEN 'IN_DOUBT' THEN 'a call may have been made; its outcome is unknown'
                   WHEN 'ALREADY_DONE'
                       THEN 'the provider says that it was done already; it is unknown by whom'
                   ELSE CASE WHEN d.called
                             THEN 'the time budget ended before the operation did'
                             ELSE 'the time budget ended before the first attempt' END
                   END,
               'cause', CASE WHEN d.outcome <> 'NOT_HAPPENED' THEN d.detail END,
               'uncertain', d.uncertain,
               'called', d.called) AS failure
    FROM (SELECT *, attempt > 0 OR lost_attempts > 0 OR uncertain AS called FROM decided) d
    WHERE d.next NOT IN ('wait', 'doubt', 'park')
),
gone AS (
    DELETE FROM orch_queue q USING finished f WHERE q.op_id = f.op_id
),
moved AS (
    UPDATE orch_queue q
    SET phase = CASE d.next WHEN 'wait' THEN 'waiting' WHEN 'doubt' THEN 'in_doubt'
                            ELSE 'parked' END,
        due_at = CASE WHEN d.next <> 'park' THEN d.not_before END,
        lease_expires_at = NULL,
        worker = NULL,
        started_at = NULL,
        retries = d.retries_now,
        lost_attempts = d.lost_now,
        first_called_at = CASE d.outcome
            WHEN 'IN_DOUBT' THEN coalesce(d.first_called_at, d.started_at, d.now)
            WHEN 'RETRY' THEN d.first_called_at END,
        key_generation = d.key_generation
            + (d.outcome = 'RETRY' AND d.replays_errors AND d.lost_attempts = 0)::int,
        unhandled_since = NULL,
        reason = coalesce(d.detail, 'the provider has not acted')
    FROM decided d
    WHERE q.op_id = d.op_id AND d.next IN ('wait', 'doubt', 'park')
),
logged AS (
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         after_ms, delay_ms, status, finished_at, expires_at, retries, lost_attempts, deadline)
    SELECT d.op_id, d.fence, false, d.attempt, d.worker, d.source, d.started_at, d.now, d.outcome,
           d.detail, d.after_ms, d.delay_ms, 'COMPLETED',
           CASE WHEN f.op_id IS NOT NULL THEN d.now END,
           CASE WHEN f.op_id IS NOT NULL
                THEN d.now + d.failed_retention_s * interval '1 second' END,
           CASE WHEN f.op_id IS NOT NULL THEN d.retries_now END,
           CASE WHEN f.op_id IS NOT NULL THEN d.lost_now END,
           CASE WHEN f.op_id IS NOT NULL THEN d.deadline END
    FROM decided d LEFT JOIN finished f ON f.op_id = d.op_id
),
letters AS (
    INSERT INTO orch_dead_letter (op_id, created_at, failure)
    SELECT op_id, now, failure FROM finished
)
SELECT d.op_id, d.fence, d.next, d.not_before, f.failure::text AS failure
FROM decided d LEFT JOIN finished f ON f.op_id = d.op_id
