-- Purpose: the log of one operation of an owner, oldest first.
-- Parameters: $1 op_id, $2 owner.
-- Index: the primary keys.
-- Shape: seq is the order of arrival; instants may be equal, and the server's clock may jump. Each
--   incarnation of the database has its own range.
SELECT l.fence AS entry_fence, l.late AS entry_late, l.attempt::bigint AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.status AS entry_status,
       l.note AS entry_note, l.hook_error AS entry_hook_error
FROM orch_operation o
JOIN orch_write_ahead_log l ON l.op_id = o.op_id
WHERE o.op_id = $1 AND o.owner = $2
ORDER BY l.seq
