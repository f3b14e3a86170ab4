-- What providers tell later, in messages of their own: docs/adr/0026-answers-that-come-later.md.

-- Waits for sessions that use the table.
SET LOCAL lock_timeout = '2s';

-- Not valid, so that the log is not read for it: no entry that is there breaks the wider rule.
ALTER TABLE orch_write_ahead_log
    DROP CONSTRAINT source_is_known,
    ADD CONSTRAINT source_is_known
        CHECK (source IN ('handler', 'reconcile', 'operator', 'provider', 'engine')) NOT VALID;

-- Which operation a reference is about. It goes with its operation.
CREATE TABLE orch_reference (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    op_id uuid NOT NULL,
    PRIMARY KEY (provider, account, reference)
);

CREATE INDEX orch_reference_op_id_idx ON orch_reference (op_id);

-- What was told, the same once. It is there before the reference is, or after it: each side looks for the
-- other behind its own commit. due_at is NULL once it is applied.
CREATE TABLE orch_answer (
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    due_at timestamptz,
    has_waited boolean NOT NULL DEFAULT false,
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    source text NOT NULL,
    detail text,
    digest bytea NOT NULL,
    output bytea,

    CONSTRAINT told_outcome_is_known CHECK (outcome IN ('OK', 'FAIL', 'NOT_HAPPENED')),
    CONSTRAINT digest_has_16_bytes CHECK (length(digest) = 16)
);

CREATE UNIQUE INDEX orch_answer_once_idx ON orch_answer (provider, account, reference, digest);
CREATE INDEX orch_answer_due_idx ON orch_answer (due_at, number) WHERE due_at IS NOT NULL;
CREATE INDEX orch_answer_received_idx ON orch_answer (received_at);

-- Who may use the queue uses them, and they belong to the owner of the others.
DO $$
DECLARE
    held record;
    new_table text;
BEGIN
    FOREACH new_table IN ARRAY ARRAY['orch_reference', 'orch_answer'] LOOP
        FOR held IN
            SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
                   bool_or(a.privilege_type <> 'SELECT') AS writes
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid IN ('orch_operation'::regclass, 'orch_queue'::regclass)
              AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            GROUP BY a.grantee
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO %s', new_table, held.grantee);
            IF held.writes THEN
                EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I TO %s', new_table, held.grantee);
            END IF;
        END LOOP;
        EXECUTE format('ALTER TABLE %I OWNER TO %I', new_table,
                       (SELECT pg_get_userbyid(relowner) FROM pg_class
                        WHERE oid = 'orch_operation'::regclass));
    END LOOP;
END $$;
