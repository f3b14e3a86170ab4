-- Purpose: a page of the operations that are not finished, of every owner, each with the end that is
--   logged under its fence and PENDING.
-- Parameters: ?1 after which op_id (NULL begins), ?2 limit.
-- Index: orch_operation_op_id_idx, in its order, from the cursor on; orch_write_ahead_log_claim_idx.
-- Shape: as list.sql. The finished ones are passed over on the way, so all pages together read the
--   table once: it is for a look before a deploy, and holds up no writer.
SELECT s.*,
       l.fence AS entry_fence, l.late AS entry_late, l.attempt AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms,
       l.status AS entry_status, l.hook_failures AS entry_hook_failures,
       l.finalize_due_at AS entry_due_at, l.note AS entry_note, l.hook_error AS entry_hook_error
FROM orch_status AS s
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = s.op_id AND l.fence = s.fence AND l.late = 0 AND l.status = 'PENDING'
WHERE s.op_id > coalesce(?1, x'') AND s.status IN ('PENDING', 'IN_PROGRESS')
ORDER BY s.op_id LIMIT ?2
