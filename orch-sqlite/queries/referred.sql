-- Purpose: what was told about a reference is looked at now that its operation is known. It came before that,
--   so it has waited.
-- Parameters: provider, account, reference, now.
-- Index: the unique one of the reference.
UPDATE orch_answer SET due_at = min(due_at, ?4), has_waited = 1
WHERE provider = ?1 AND account = ?2 AND reference = ?3 AND +due_at IS NOT NULL
