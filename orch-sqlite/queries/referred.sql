-- Purpose: what was told about a reference is looked at now that its operation is known.
-- Parameters: provider, account, reference, now.
-- Index: the unique one of the reference.
UPDATE orch_answer SET due_at = min(due_at, ?4)
WHERE provider = ?1 AND account = ?2 AND reference = ?3 AND +due_at IS NOT NULL
