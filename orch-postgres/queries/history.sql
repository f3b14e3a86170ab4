-- Purpose: the log of one operation of an owner, oldest first.
-- Parameters: $1 op_id, $2 owner.
-- Index: the primary keys.
-- Shape: seq is the order of arrival; instants may be equal, and the server's clock may jump.
SELECT l.fence, l.late, l.attempt, l.worker, l.source, l.started_at, l.logged_at, l.state, l.note,
       l.hook_error, l.outcome AS entry_outcome, l.detail AS entry_detail, l.output AS entry_output,
       l.after_ms AS entry_after_ms
FROM orch_operation o
JOIN orch_write_ahead_log l ON l.op_id = o.op_id
WHERE o.op_id = $1 AND o.owner = $2
ORDER BY l.seq
