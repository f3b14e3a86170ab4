-- Purpose: carries out moves that were decided in Rust, from a row as it was read: sweeps,
--   finalize, a person's decision.
-- Parameters: $1 now, as it was read; then an array per column. The row as it was read: $2 op_id,
--   $3 fence, $4 phase, $5 lease_expires_at, $6 due_at. The row as it is to be: $7 fence, $8 phase
--   (NULL: finished), $9 due_at, $10 retries, $11 lost_attempts, $12 reconciles,
--   $13 first_called_at, $14 key_generation, $15 hooked, $16 reason, $17 deadline, $18 failure
--   (JSON, of one that has failed), $19 whether its entry under the fence as it was read becomes
--   COMPLETED. Entries to append: $20 op_id, $21 fence, $22 attempt, $23 worker, $24 source,
--   $25 started_at, $26 outcome, $27 detail, $28 output, $29 note, $30 PENDING or COMPLETED,
--   $31 whether it finishes the operation.
-- Index: the primary keys.
-- Shape: one statement for a batch in which every operation moves differently. What is no longer
--   as it was read is left alone and not returned.
WITH held AS MATERIALIZED (
    SELECT m.*
    FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                $7::bigint[], $8::text[], $9::timestamptz[], $10::int[], $11::int[], $12::int[],
                $13::timestamptz[], $14::int[], $15::bool[], $16::text[], $17::timestamptz[],
                $18::text[], $19::bool[])
         AS m(op_id, old_fence, old_phase, old_lease_expires_at, old_due_at, fence, phase, due_at,
              retries, lost_attempts, reconciles, first_called_at, key_generation, hooked, reason,
              deadline, failure, completes)
    JOIN orch_queue q
        ON q.op_id = m.op_id AND q.fence = m.old_fence
       AND q.phase IS NOT DISTINCT FROM m.old_phase
       AND q.lease_expires_at IS NOT DISTINCT FROM m.old_lease_expires_at
       AND q.due_at IS NOT DISTINCT FROM m.old_due_at
    ORDER BY q.op_id
    FOR UPDATE OF q
),
gone AS (
    DELETE FROM orch_queue q USING held h WHERE q.op_id = h.op_id AND h.phase IS NULL
),
moved AS (
    UPDATE orch_queue q
    SET state = 'IN_PROGRESS', fence = h.fence, phase = h.phase, due_at = h.due_at,
        retries = h.retries, lost_attempts = h.lost_attempts, reconciles = h.reconciles,
        first_called_at = h.first_called_at, key_generation = h.key_generation,
        hooked = h.hooked, reason = h.reason, deadline = h.deadline, lease_expires_at = NULL,
        worker = NULL
    FROM held h
    WHERE q.op_id = h.op_id AND h.phase IS NOT NULL
),
completed AS (
    UPDATE orch_write_ahead_log l
    SET state = 'COMPLETED', finalize_due_at = NULL,
        finished_at = CASE WHEN h.phase IS NULL THEN $1::timestamptz END,
        retries = CASE WHEN h.phase IS NULL THEN h.retries END,
        lost_attempts = CASE WHEN h.phase IS NULL THEN h.lost_attempts END,
        deadline = CASE WHEN h.phase IS NULL THEN h.deadline END
    FROM held h
    WHERE h.completes AND l.op_id = h.op_id AND l.fence = h.old_fence AND NOT l.late
      AND l.state = 'PENDING'
),
logged AS (
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         output, note, state, finalize_due_at, finished_at, retries, lost_attempts, deadline)
    SELECT e.op_id, e.fence, false, e.attempt, e.worker, e.source, e.started_at, $1::timestamptz,
           e.outcome, e.detail, e.output, e.note, e.state,
           CASE WHEN e.state = 'PENDING' THEN $1::timestamptz + interval '1 second' END,
           CASE WHEN e.finishes THEN $1::timestamptz END,
           CASE WHEN e.finishes THEN h.retries END,
           CASE WHEN e.finishes THEN h.lost_attempts END,
           CASE WHEN e.finishes THEN h.deadline END
    FROM unnest($20::uuid[], $21::bigint[], $22::int[], $23::text[], $24::text[],
                $25::timestamptz[], $26::text[], $27::text[], $28::bytea[], $29::text[],
                $30::text[], $31::bool[])
         AS e(op_id, fence, attempt, worker, source, started_at, outcome, detail, output, note,
              state, finishes)
    JOIN held h ON h.op_id = e.op_id
),
letters AS (
    INSERT INTO orch_dead_letter (op_id, created_at, failure)
    SELECT op_id, $1::timestamptz, failure::json FROM held WHERE failure IS NOT NULL
)
SELECT op_id FROM held
