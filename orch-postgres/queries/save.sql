-- Purpose: saves what orch_core::machine::step has decided about operations as they were read.
-- Parameters, an array per column. Of the row as it was read: $1 op_id, $2 fence, $3 phase,
--   $4 lease_expires_at, $5 due_at. Of the row as it is to be: $6 to $31 and $52, as they are
--   named below;
--   finished_at of one that becomes terminal, failure (JSON) for its dead letter. Of the entries:
--   $32 op_id, $33 true to append and false to write over the PENDING one, $34 to $51, as they are
--   named below.
-- Index: the primary keys.
-- Shape: one statement for a batch in which every operation moves differently. A row that is no
--   longer as it was read is left alone and not returned. A late entry needs no row: its operation
--   may be terminal; nobody else may have written one under its fence, and it is counted on the
--   dead letter if there is one. Of the rules in the row only those are here that a sweep
--   writes too; the others only a claim does.
WITH held AS MATERIALIZED (
    SELECT r.*
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                $6::text[], $7::text[], $8::int[], $9::bigint[], $10::int[], $11::int[],
                $12::int[], $13::int[], $14::timestamptz[], $15::timestamptz[],
                $16::timestamptz[], $17::text[], $18::timestamptz[], $19::timestamptz[],
                $20::bool[], $21::text[], $22::timestamptz[], $23::text[], $24::text[],
                $25::int[], $26::timestamptz[], $27::timestamptz[], $28::int[], $29::int[],
                $30::int[], $31::bool[], $52::bool[])
         AS r(op_id, old_fence, old_phase, old_lease_expires_at, old_due_at,
              status, phase, attempt, fence, retries, lost_attempts,
              reconciles, key_generation, deadline, due_at,
              lease_expires_at, worker, started_at, first_called_at,
              hooked, reason, finished_at, failure, in_doubt,
              incarnation, unhandled_since, expires_at, completed_retention_s,
              failed_retention_s, uncounted, already_done, submitted)
    JOIN orch_queue q
        ON q.op_id = r.op_id AND q.fence = r.old_fence
       AND q.phase IS NOT DISTINCT FROM r.old_phase
       AND q.lease_expires_at IS NOT DISTINCT FROM r.old_lease_expires_at
       AND q.due_at IS NOT DISTINCT FROM r.old_due_at
    ORDER BY q.op_id
    FOR UPDATE OF q
),
gone AS (
    DELETE FROM orch_queue q USING held h WHERE q.op_id = h.op_id AND h.finished_at IS NOT NULL
),
moved AS (
    UPDATE orch_queue q
    SET status = h.status, phase = h.phase, attempt = h.attempt, fence = h.fence,
        retries = h.retries, lost_attempts = h.lost_attempts, reconciles = h.reconciles,
        key_generation = h.key_generation, deadline = h.deadline, due_at = h.due_at,
        lease_expires_at = h.lease_expires_at, worker = h.worker, started_at = h.started_at,
        first_called_at = h.first_called_at, hooked = h.hooked, reason = h.reason,
        in_doubt = h.in_doubt, incarnation = h.incarnation,
        unhandled_since = h.unhandled_since,
        completed_retention_s = h.completed_retention_s,
        failed_retention_s = h.failed_retention_s,
        uncounted = h.uncounted, already_done = h.already_done, submitted = h.submitted
    FROM held h
    WHERE q.op_id = h.op_id AND h.finished_at IS NULL
),
-- The entry under the latest fence of an operation that becomes terminal keeps what its row held.
entry AS MATERIALIZED (
    SELECT e.*, f.finished_at, f.expires_at, f.retries, f.lost_attempts, f.deadline
    FROM unnest($32::uuid[], $33::bool[], $34::bigint[], $35::bool[], $36::int[], $37::text[],
                $38::text[], $39::timestamptz[], $40::timestamptz[], $41::text[], $42::text[],
                $43::bytea[], $44::bigint[], $45::bigint[], $46::text[], $47::timestamptz[],
                $48::int[], $49::text[], $50::text[], $51::bytea[])
         AS e(op_id, append, fence, late, attempt, worker,
              source, started_at, logged_at, outcome, detail,
              output, after_ms, delay_ms, status, finalize_due_at,
              hook_failures, note, hook_error, unreadable)
    LEFT JOIN held h ON h.op_id = e.op_id
    LEFT JOIN held f
        ON f.op_id = e.op_id AND f.fence = e.fence AND f.finished_at IS NOT NULL AND NOT e.late
    LEFT JOIN orch_operation o ON o.op_id = e.op_id AND e.late
    WHERE h.op_id IS NOT NULL OR o.op_id IS NOT NULL
),
finalized AS (
    UPDATE orch_write_ahead_log l
    SET status = e.status, finalize_due_at = e.finalize_due_at, hook_failures = e.hook_failures,
        hook_error = e.hook_error, finished_at = e.finished_at, expires_at = e.expires_at,
        retries = e.retries, lost_attempts = e.lost_attempts, deadline = e.deadline
    FROM entry e
    WHERE NOT e.append AND l.op_id = e.op_id AND l.fence = e.fence AND l.late = e.late
      AND l.status = 'PENDING'
),
logged AS (
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         output, after_ms, delay_ms, status, finalize_due_at, hook_failures, note, hook_error,
         unreadable, finished_at, expires_at, retries, lost_attempts, deadline)
    SELECT op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
           output, after_ms, delay_ms, status, finalize_due_at, hook_failures, note, hook_error,
           unreadable, finished_at, expires_at, retries, lost_attempts, deadline
    FROM entry
    WHERE append
    ORDER BY op_id, fence
    ON CONFLICT (op_id, fence, late) DO NOTHING
    RETURNING op_id, late
),
letters AS (
    INSERT INTO orch_dead_letter (op_id, created_at, failure)
    SELECT op_id, finished_at, failure::json FROM held WHERE failure IS NOT NULL
),
late AS MATERIALIZED (
    SELECT d.op_id FROM orch_dead_letter d
    WHERE d.op_id IN (SELECT op_id FROM logged WHERE late)
    ORDER BY d.op_id
    FOR UPDATE
),
counted AS (
    UPDATE orch_dead_letter d
    SET late_outcomes = d.late_outcomes
        + (SELECT count(*) FROM logged l WHERE l.late AND l.op_id = d.op_id)
    FROM late
    WHERE d.op_id = late.op_id
)
SELECT op_id FROM held
