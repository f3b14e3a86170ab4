-- Purpose: keeps answers that came too late to have an effect, each once, and counts them on the
--   dead letter if there is one.
-- Parameters: $1 now (NULL: the server's clock); then an array per column: $2 op_id, $3 fence,
--   $4 source, $5 outcome, $6 detail, $7 output, $8 after_ms.
-- Index: the primary keys.
-- Shape: what the log holds under this fence already, other than the engine's word that the
--   lease was lost, is this very answer, repeated because its reply was lost. A fence beyond the
--   latest is no claim that anybody has had.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
kept AS (
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         output, after_ms, state)
    SELECT e.op_id, e.fence, true, coalesce(lost.attempt, q.attempt, last.attempt, 0),
           lost.worker, e.source, lost.started_at, c.now, e.outcome, e.detail, e.output,
           e.after_ms, 'COMPLETED'
    FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                $8::bigint[])
         AS e(op_id, fence, source, outcome, detail, output, after_ms)
    JOIN orch_operation o ON o.op_id = e.op_id
    CROSS JOIN clock c
    LEFT JOIN orch_queue q ON q.op_id = e.op_id
    LEFT JOIN orch_write_ahead_log last ON last.op_id = e.op_id AND last.finished_at IS NOT NULL
    LEFT JOIN orch_write_ahead_log lost
        ON lost.op_id = e.op_id AND lost.fence = e.fence AND NOT lost.late
    WHERE (lost.source IS NULL OR lost.source = 'engine')
      AND e.fence <= coalesce(q.fence, last.fence)
    ORDER BY e.op_id
    ON CONFLICT DO NOTHING
    RETURNING op_id
),
counted AS MATERIALIZED (
    SELECT d.op_id FROM orch_dead_letter d
    WHERE d.op_id IN (SELECT op_id FROM kept)
    ORDER BY d.op_id
    FOR UPDATE
)
UPDATE orch_dead_letter d
SET late_outcomes = d.late_outcomes + (SELECT count(*) FROM kept k WHERE k.op_id = d.op_id)
FROM counted
WHERE d.op_id = counted.op_id
