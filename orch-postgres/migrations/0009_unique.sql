-- One operation for an entity at a time, where its command asks for it: who holds a biz key.
-- docs/adr/0020-one-operation-for-an-entity.md has the reasons.

-- As in 0003: it waits for sessions that use the table.
SET LOCAL lock_timeout = '2s';

-- A row stays with an operation that has FAILED until another one takes it over. Its end and its accept
-- write no more than before; only a purge does, by the reference.
CREATE TABLE orch_unique (
    op_id uuid NOT NULL UNIQUE REFERENCES orch_operation ON DELETE CASCADE,
    owner text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    biz_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (biz_key, event_type, domain, owner)
);
