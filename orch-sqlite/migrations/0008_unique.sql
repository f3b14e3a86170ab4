-- One operation for an entity at a time, where its command asks for it.
-- docs/adr/0020-one-operation-for-an-entity.md has the reasons.

ALTER TABLE orch_operation ADD COLUMN is_unique INTEGER NOT NULL DEFAULT 0
    CONSTRAINT is_unique_is_a_flag CHECK (is_unique IN (0, 1));

-- An operation that fails leaves it in the same statement.
CREATE UNIQUE INDEX orch_operation_unique_idx ON orch_operation (owner, domain, event_type, biz_key)
    WHERE is_unique = 1 AND status <> 'FAILED';
