-- One operation for an entity at a time, where its command asks for it.
-- docs/adr/0020-one-operation-for-an-entity.md has the reasons.

-- As in 0003: it waits for sessions that use the table, and takes the view first.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

ALTER TABLE orch_operation ADD COLUMN is_unique boolean NOT NULL DEFAULT false;

-- Who holds a biz key. A row stays with an operation that has FAILED until another one takes it over. An end
-- and an accept of other kinds write no more than before; only a purge does, by the reference.
CREATE TABLE orch_unique (
    op_id uuid NOT NULL UNIQUE REFERENCES orch_operation ON DELETE CASCADE,
    owner text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    biz_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (biz_key, event_type, domain, owner)
);

-- Who accepts or redrives uses it, and it belongs to the owner of the others.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                       ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'orch_operation'::regclass AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON orch_unique TO %s', held.grantee);
    END LOOP;
    EXECUTE format('ALTER TABLE orch_unique OWNER TO %I',
                   (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'orch_operation'::regclass));
END $$;
