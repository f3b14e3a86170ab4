-- What providers tell later, in messages of their own: docs/adr/0026-answers-that-come-later.md.

-- Which operation a reference is about. It goes with its operation.
CREATE TABLE orch_reference (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    op_id BLOB NOT NULL REFERENCES orch_operation (op_id) ON DELETE CASCADE,
    PRIMARY KEY (provider, account, reference)
) STRICT, WITHOUT ROWID;

CREATE INDEX orch_reference_op_id_idx ON orch_reference (op_id);

-- What was told, the same once. It is there before the reference is, or after it: each side looks for the
-- other behind its own commit. due_at is NULL once it is applied.
CREATE TABLE orch_answer (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    digest BLOB NOT NULL CONSTRAINT digest_has_16_bytes CHECK (length(digest) = 16),
    domain TEXT NOT NULL,
    event_type TEXT NOT NULL,
    outcome TEXT NOT NULL
        CONSTRAINT told_outcome_is_known CHECK (outcome IN ('OK', 'FAIL', 'NOT_HAPPENED')),
    detail TEXT,
    output BLOB,
    source TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    due_at INTEGER,
    has_waited INTEGER NOT NULL DEFAULT 0
        CONSTRAINT has_waited_is_a_flag CHECK (has_waited IN (0, 1)),
    UNIQUE (provider, account, reference, digest)
) STRICT;

CREATE INDEX orch_answer_due_idx ON orch_answer (due_at, number) WHERE due_at IS NOT NULL;
CREATE INDEX orch_answer_received_idx ON orch_answer (received_at);
