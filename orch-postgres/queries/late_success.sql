-- Purpose: whether an answer that came too late said that the provider has acted after all.
-- Parameters: $1 op_id.
-- Index: the primary key of the log.
SELECT op_id FROM orch_write_ahead_log WHERE op_id = $1 AND late AND (outcome IN ('OK', 'ALREADY_DONE', 'SUBMITTED') OR unreadable IS NOT NULL) LIMIT 1
