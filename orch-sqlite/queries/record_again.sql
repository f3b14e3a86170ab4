-- Purpose: that something has not happened is said again, about a later call: it is looked at anew.
-- Parameters: provider, account, reference, digest, now.
-- Index: the unique one of the reference.
UPDATE orch_answer SET received_at = ?5, due_at = ?5, has_waited = 0
WHERE provider = ?1 AND account = ?2 AND reference = ?3 AND digest = ?4
  AND +due_at IS NULL AND outcome <> 'OK'
