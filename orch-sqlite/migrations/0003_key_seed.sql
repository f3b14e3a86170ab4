-- What provider keys are derived from: the identity, under a namespace of this database. It is written
-- once, here, so that every copy of the file has it. An operation of the release before has no
-- seed: its keys come from its id, and stay so.

CREATE TABLE orch_key_namespace (
    number INTEGER NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    secret BLOB NOT NULL UNIQUE,

    CONSTRAINT secret_has_32_bytes CHECK (length(secret) = 32)
) STRICT;

INSERT INTO orch_key_namespace (created_at, secret)
VALUES (CAST(unixepoch('subsec') * 1000000 AS INTEGER), randomblob(32));

ALTER TABLE orch_operation ADD COLUMN key_seed BLOB
    CONSTRAINT key_seed_has_16_bytes CHECK (length(key_seed) = 16);

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';
