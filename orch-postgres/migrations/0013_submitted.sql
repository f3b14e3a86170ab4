-- What a provider has accepted, and tells later what becomes of it: docs/adr/0027-submitted.md.

-- As in 0003: it waits for sessions that use the table. The index reads the queue once, of which only what
-- is unfinished is in it.
SET LOCAL lock_timeout = '2s';

-- Not valid, so that nothing is read for them: no row that is there breaks the wider rules, or is submitted.
ALTER TABLE orch_queue
    DROP CONSTRAINT phase_is_known,
    ADD CONSTRAINT phase_is_known
        CHECK (phase IN ('running', 'waiting', 'in_doubt', 'submitted', 'parked')) NOT VALID,
    DROP CONSTRAINT lease_only_when_held,
    ADD CONSTRAINT lease_only_when_held
        CHECK (lease_expires_at IS NULL OR phase IN ('running', 'in_doubt', 'submitted')) NOT VALID,
    DROP CONSTRAINT due_only_when_claimable,
    ADD CONSTRAINT due_only_when_claimable
        CHECK (due_at IS NULL
               OR lease_expires_at IS NULL
                  AND coalesce(phase IN ('waiting', 'in_doubt', 'submitted', 'parked'), true)) NOT VALID,
    -- Claimed before its deadline, it would run.
    ADD CONSTRAINT submitted_is_not_run_again
        CHECK (phase IS DISTINCT FROM 'submitted' OR in_doubt = 'reconcile' OR due_at IS NULL
               OR due_at >= deadline) NOT VALID;

-- What the sweep of time budgets ends beside what orch_queue_deadline_idx has.
CREATE INDEX orch_queue_submitted_idx ON orch_queue (deadline)
    WHERE phase = 'submitted' AND in_doubt <> 'reconcile';

ALTER TABLE orch_write_ahead_log
    DROP CONSTRAINT outcome_is_known,
    ADD CONSTRAINT outcome_is_known
        CHECK (outcome IN ('OK', 'RETRY', 'FAIL', 'IN_DOUBT', 'NOT_HAPPENED', 'STILL_RUNNING',
                           'ALREADY_DONE', 'SUBMITTED')) NOT VALID;
