-- An outcome whose finalize hook has failed for good is parked: it stays PENDING in the log, and no
-- Finalizer takes it. docs/adr/0017-a-way-out-of-every-end.md has the reasons.

-- As in 0003: it waits for sessions that use the table.
SET LOCAL lock_timeout = '2s';

-- Not valid, so that nobody waits while a long log is read: what is there obeys a stricter rule.
ALTER TABLE orch_write_ahead_log DROP CONSTRAINT finalize_due_iff_pending;
ALTER TABLE orch_write_ahead_log ADD CONSTRAINT finalize_due_only_when_pending
    CHECK (finalize_due_at IS NULL OR status = 'PENDING') NOT VALID;
