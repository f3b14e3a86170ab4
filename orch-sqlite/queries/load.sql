-- Purpose: the rows that a batch of writes is about, each with what is logged under its claim.
-- Parameters, per row: op_id, fence (NULL where only the row is wanted).
-- Index: orch_operation_op_id_idx and orch_write_ahead_log_claim_idx, a search each per row.
-- Shape: without the payload. CROSS JOIN keeps the planner from scanning the table first.
SELECT o.op_id, o.domain, o.event_type, o.state, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.time_budget_ms, o.deadline, o.due_at,
       o.lease_expires_at, o.worker, o.attempt_started_at, o.first_called_at, o.max_attempts,
       o.backoff_base_ms, o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors,
       o.hooked, o.settled_fence, o.failure, o.finished_at, o.reason, o.owner,
       l.fence AS l_fence, l.late AS l_late, l.attempt AS l_attempt, l.worker AS l_worker,
       l.source AS l_source, l.started_at AS l_started_at, l.logged_at AS l_logged_at,
       l.outcome AS l_outcome, l.detail AS l_detail, l.after_ms AS l_after_ms,
       l.delay_ms AS l_delay_ms, l.state AS l_state, l.finalize_failures AS l_finalize_failures,
       l.finalize_due_at AS l_finalize_due_at, l.note AS l_note,
       l.hook_error AS l_hook_error, l.output AS l_output
FROM (VALUES /*row*/(?, ?)/*row*/) AS v
CROSS JOIN orch_operation AS o INDEXED BY orch_operation_op_id_idx ON o.op_id = v.column1
LEFT JOIN orch_write_ahead_log AS l INDEXED BY orch_write_ahead_log_claim_idx
    ON l.op_id = v.column1 AND l.fence = v.column2 AND l.late = 0
