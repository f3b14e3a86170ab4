-- Which database this is, and which of its histories: a file that was restored or copied may lack what
-- it had committed. A file is known by its inode and the instant of its birth, where the system tells
-- them. docs/adr/0014-incarnation.md has the reasons.

CREATE TABLE orch_incarnation (
    number INTEGER NOT NULL PRIMARY KEY,
    -- Operations that were accepted under an earlier number may lack a part of their history.
    whole_since INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    confirmed_as TEXT,
    note TEXT,
    difference TEXT NOT NULL DEFAULT '',
    inode INTEGER,
    born_at INTEGER,

    CONSTRAINT number_counts_from_1 CHECK (number >= 1),
    CONSTRAINT whole_since_is_no_later CHECK (whole_since BETWEEN 1 AND number),
    CONSTRAINT confirmation_is_known
        CHECK (confirmed_as IN ('moved', 'failed_over', 'restored', 'copied')),
    CONSTRAINT confirmed_at_is_there CHECK (confirmed_as IS NULL OR confirmed_at IS NOT NULL)
) STRICT;

ALTER TABLE orch_operation ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 1;

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed, o.incarnation
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';
