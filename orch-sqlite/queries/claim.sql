-- Purpose: S2, the operations of one kind that may be claimed, oldest due first.
-- Parameters, per kind: domain, event_type, now, the incarnation since which
--   histories are whole, now, whether it reconciles, limit; then limit.
-- Index: orch_operation_claim_idx, in its order.
-- Shape: the part between the marks once per kind, joined by UNION ALL: each part walks the
--   index in order and stops at the limit; one ORDER BY over all kinds would sort the backlog.
--   Without failure and output, which nothing has that may be claimed.
SELECT * FROM (/*row*/SELECT * FROM (
    SELECT op_id, owner, domain, event_type, biz_key, idem_key, redrive, redrive_of, accepted_at,
           time_budget_ms, status, phase, attempt, fence, retries, lost_attempts, reconciles,
           key_generation, deadline, due_at, lease_expires_at, worker, started_at,
           first_called_at, max_attempts, backoff_base_ms, backoff_cap_ms, in_doubt,
           max_reconciles, replays_errors, hooked, incarnation, unhandled_since, finished_at,
           reason, payload, key_seed, completed_retention_s, failed_retention_s, expires_at,
           uncounted, max_uncounted, already_done, submitted
    FROM orch_operation INDEXED BY orch_operation_claim_idx
    WHERE domain = ? AND event_type = ? AND due_at IS NOT NULL AND due_at <= ?
      AND incarnation >= ?
      AND (deadline > ? OR (first_called_at IS NOT NULL AND (in_doubt = 'reconcile' OR ?)))
    ORDER BY due_at LIMIT ?)/*row*/)
LIMIT ?
