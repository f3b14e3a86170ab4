-- A finished operation says when it expires. docs/adr/0018-retention-is-the-kinds.md has the reasons. The queue
-- comes in 0008: while this builds its index, accepts, claims and renewals go on.

-- As in 0003: it waits for sessions that use the table, and takes the view first.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

-- NULL where an earlier release has ended it: kept for a year from finished_at. Not valid, so that the
-- log is not read for it: no entry that is there has it.
ALTER TABLE orch_write_ahead_log ADD COLUMN expires_at timestamptz;
ALTER TABLE orch_write_ahead_log ADD CONSTRAINT expires_at_only_when_finished
    CHECK (expires_at IS NULL OR finished_at IS NOT NULL) NOT VALID;

-- One index for what says it and what does not, so that the log is read once here, and an end is one
-- insertion into it as before. What does not say it comes first: new ends go to the last page.
DROP INDEX orch_write_ahead_log_completed_idx;
DROP INDEX orch_write_ahead_log_failed_idx;
CREATE INDEX orch_write_ahead_log_purge_idx
    ON orch_write_ahead_log (expires_at NULLS FIRST, finished_at)
    WHERE finished_at IS NOT NULL;
