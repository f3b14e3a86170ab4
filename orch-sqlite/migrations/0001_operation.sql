-- The three tables of orch. `_at` is microseconds since 1970-01-01 UTC, `_ms` a duration.
-- The CHECKs repeat what the code keeps: a bug, or a hand in the database, is refused here too.

CREATE TABLE orch_operation (
    op_id BLOB NOT NULL,
    owner TEXT NOT NULL,
    domain TEXT NOT NULL,
    event_type TEXT NOT NULL,
    biz_key TEXT NOT NULL,
    idem_key TEXT NOT NULL,
    redrive INTEGER NOT NULL DEFAULT 0,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    phase TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    lost_attempts INTEGER NOT NULL DEFAULT 0,
    reconciles INTEGER NOT NULL DEFAULT 0,
    key_generation INTEGER NOT NULL DEFAULT 0,
    accepted_at INTEGER NOT NULL,
    time_budget_ms INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    due_at INTEGER,
    lease_expires_at INTEGER,
    worker TEXT,
    attempt_started_at INTEGER,
    -- The start of the oldest attempt in doubt; NULL unless doubt stands.
    first_called_at INTEGER,
    max_attempts INTEGER NOT NULL DEFAULT 3,
    backoff_base_ms INTEGER NOT NULL DEFAULT 1000,
    backoff_cap_ms INTEGER NOT NULL DEFAULT 300000,
    in_doubt TEXT NOT NULL DEFAULT 'retry',
    max_reconciles INTEGER NOT NULL DEFAULT 10,
    replays_errors INTEGER NOT NULL DEFAULT 0,
    hooked INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    settled_fence INTEGER,
    failure TEXT,
    finished_at INTEGER,
    reason TEXT,
    redrive_of BLOB,
    -- Last, so that a large body's overflow pages are read only by those who ask for the body.
    payload BLOB NOT NULL,

    CONSTRAINT op_id_has_16_bytes CHECK (length(op_id) = 16),
    CONSTRAINT state_is_known CHECK (state IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')),
    CONSTRAINT phase_is_known CHECK (phase IN ('running', 'waiting', 'in_doubt', 'parked')),
    CONSTRAINT phase_iff_in_progress CHECK ((phase IS NOT NULL) = (state = 'IN_PROGRESS')),
    CONSTRAINT finished_at_iff_terminal
        CHECK ((finished_at IS NOT NULL) = (state IN ('COMPLETED', 'FAILED'))),
    CONSTRAINT outcome_iff_terminal
        CHECK (outcome IS CASE state WHEN 'COMPLETED' THEN 'OK' WHEN 'FAILED' THEN 'FAIL' END),
    CONSTRAINT settled_fence_iff_terminal
        CHECK ((settled_fence IS NOT NULL) = (state IN ('COMPLETED', 'FAILED'))),
    CONSTRAINT failure_iff_failed CHECK ((failure IS NOT NULL) = (state = 'FAILED')),
    CONSTRAINT worker_iff_lease CHECK ((lease_expires_at IS NULL) = (worker IS NULL)),
    CONSTRAINT lease_only_when_held
        CHECK (lease_expires_at IS NULL OR phase IN ('running', 'in_doubt')),
    CONSTRAINT due_only_when_claimable
        CHECK (due_at IS NULL OR lease_expires_at IS NULL
               AND (state = 'PENDING' OR phase IS 'waiting' OR phase IS 'in_doubt')),
    CONSTRAINT due_when_pending_or_waiting
        CHECK (due_at IS NOT NULL OR NOT (state = 'PENDING' OR phase IS 'waiting'))
) STRICT;

CREATE UNIQUE INDEX orch_operation_op_id_idx ON orch_operation (op_id);

CREATE UNIQUE INDEX orch_operation_identity_idx
    ON orch_operation (owner, domain, event_type, biz_key, idem_key, redrive);

CREATE INDEX orch_operation_claim_idx ON orch_operation (domain, event_type, due_at)
    WHERE due_at IS NOT NULL;

CREATE INDEX orch_operation_lease_idx ON orch_operation (lease_expires_at)
    WHERE lease_expires_at IS NOT NULL;

-- Only what the sweep of time budgets can move, so that nothing else ever fills its page. The
-- kind is in it, so that PENDING operations of unknown kinds are passed over inside the index.
CREATE INDEX orch_operation_deadline_idx ON orch_operation (deadline, domain, event_type)
    WHERE due_at IS NOT NULL
      AND (state = 'PENDING' OR phase = 'waiting' OR (phase = 'in_doubt' AND in_doubt = 'retry'));

CREATE INDEX orch_operation_purge_idx ON orch_operation (state, finished_at)
    WHERE finished_at IS NOT NULL;

-- Its cost on settling is in docs/adr/0002-sqlite-one-writer.md.
CREATE TRIGGER orch_operation_terminal_is_final
    BEFORE UPDATE OF state, outcome, settled_fence, failure, finished_at ON orch_operation
    WHEN OLD.finished_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'terminal_is_final: the outcome of a terminal operation never changes');
END;

CREATE TABLE orch_write_ahead_log (
    op_id BLOB NOT NULL REFERENCES orch_operation (op_id) ON DELETE CASCADE,
    fence INTEGER NOT NULL,
    late INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT,
    source TEXT NOT NULL,
    started_at INTEGER,
    logged_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT,
    after_ms INTEGER,
    delay_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    finalize_failures INTEGER NOT NULL DEFAULT 0,
    finalize_due_at INTEGER,
    note TEXT,
    hook_error TEXT,
    output BLOB,

    CONSTRAINT outcome_is_known
        CHECK (outcome IN ('OK', 'RETRY', 'FAIL', 'IN_DOUBT', 'NOT_HAPPENED')),
    CONSTRAINT log_state_is_known CHECK (state IN ('PENDING', 'COMPLETED')),
    CONSTRAINT output_iff_ok CHECK ((output IS NOT NULL) = (outcome = 'OK')),
    CONSTRAINT finalize_due_iff_pending CHECK ((finalize_due_at IS NOT NULL) = (state = 'PENDING')),
    CONSTRAINT late_is_without_effect CHECK (late = 0 OR state = 'COMPLETED')
) STRICT;

CREATE UNIQUE INDEX orch_write_ahead_log_claim_idx ON orch_write_ahead_log (op_id, fence, late);

CREATE INDEX orch_write_ahead_log_late_idx ON orch_write_ahead_log (op_id) WHERE late = 1;

CREATE INDEX orch_write_ahead_log_pending_idx ON orch_write_ahead_log (finalize_due_at)
    WHERE state = 'PENDING';

CREATE TABLE orch_dead_letter (
    op_id BLOB NOT NULL PRIMARY KEY REFERENCES orch_operation (op_id) ON DELETE CASCADE,
    failure TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    redriven_as BLOB,
    late_outcomes INTEGER NOT NULL DEFAULT 0
) STRICT;
