-- Purpose: a page of the operations that are not finished, of every owner, each with the end that is
--   logged under its fence and PENDING.
-- Parameters: $1 the op_id to go on after (NULL begins), $2 limit.
-- Index: the primary key of the queue, in its order; those of the operation and the log.
-- Shape: as list_unfinished.sql.
SELECT s.*,
       l.fence AS entry_fence, l.late AS entry_late, l.attempt::bigint AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms,
       l.status AS entry_status, l.hook_failures::bigint AS entry_hook_failures,
       l.finalize_due_at AS entry_due_at, l.note AS entry_note, l.hook_error AS entry_hook_error
FROM orch_queue e
CROSS JOIN LATERAL (SELECT * FROM orch_status o WHERE o.op_id = e.op_id OFFSET 0) s
LEFT JOIN orch_write_ahead_log l
    ON l.op_id = e.op_id AND l.fence = e.fence AND NOT l.late AND l.status = 'PENDING'
WHERE e.op_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY e.op_id
LIMIT $2
