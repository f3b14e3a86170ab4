-- Purpose: the rows that a batch of writes is about, each with what is logged under its claim.
-- Parameters, per row: op_id, fence (NULL where only the row is wanted).
-- Index: orch_operation_op_id_idx and orch_write_ahead_log_claim_idx, a search each per row; one
--   more for the output of an operation that is COMPLETED, none while finished_fence is NULL.
-- Shape: without the payload. CROSS JOIN keeps the planner from scanning the table first.
SELECT o.op_id, o.domain, o.event_type, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence,
       o.retries, o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at,
       o.lease_expires_at, o.worker, o.started_at, o.first_called_at, o.max_attempts,
       o.backoff_base_ms, o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors,
       o.hooked, o.incarnation, o.unhandled_since, o.completed_retention_s, o.failed_retention_s,
       o.uncounted, o.max_uncounted, o.already_done, o.submitted, o.expires_at, o.finished_at, o.reason, o.failure, f.output,
       l.fence AS entry_fence, l.late AS entry_late, l.attempt AS entry_attempt,
       l.worker AS entry_worker, l.source AS entry_source, l.started_at AS entry_started_at,
       l.logged_at AS entry_logged_at, l.outcome AS entry_outcome, l.detail AS entry_detail,
       l.output AS entry_output, l.unreadable AS entry_unreadable,
       l.after_ms AS entry_after_ms, l.delay_ms AS entry_delay_ms,
       l.status AS entry_status, l.hook_failures AS entry_hook_failures,
       l.finalize_due_at AS entry_due_at, l.note AS entry_note, l.hook_error AS entry_hook_error
FROM (VALUES /*row*/(?, ?)/*row*/) AS v
CROSS JOIN orch_operation AS o INDEXED BY orch_operation_op_id_idx ON o.op_id = v.column1
LEFT JOIN orch_write_ahead_log AS l INDEXED BY orch_write_ahead_log_claim_idx
    ON l.op_id = v.column1 AND l.fence = v.column2 AND l.late = 0
LEFT JOIN orch_write_ahead_log AS f INDEXED BY orch_write_ahead_log_claim_idx
    ON f.op_id = v.column1 AND f.fence = o.finished_fence AND f.late = 0
   AND o.status = 'COMPLETED'
