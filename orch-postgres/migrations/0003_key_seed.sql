-- What provider keys are derived from: the identity, under a namespace of this database. It is written
-- once, here, so that every replica and every back-up has it. An operation of the release before
-- has no seed: its keys come from its id, and stay so.

-- As in 0002: adding a column takes a moment, but waits for whoever reads or writes the table.
SET LOCAL lock_timeout = '2s';

CREATE TABLE orch_key_namespace (
    number integer NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL,
    secret bytea NOT NULL UNIQUE,

    CONSTRAINT secret_has_32_bytes CHECK (octet_length(secret) = 32)
);

-- Each UUID has 122 random bits, from the server's strong source.
INSERT INTO orch_key_namespace (created_at, secret)
SELECT clock_timestamp(), sha256(string_agg(uuid_send(gen_random_uuid()), ''))
FROM generate_series(1, 3);

-- In the order in which readers lock them: the view comes before its tables. This changes nothing and
-- locks the view only; LOCK TABLE would ask for rights on the tables in the name of its owner.
ALTER VIEW orch_status RESET (security_barrier);
ALTER TABLE orch_operation ADD COLUMN key_seed bytea;

-- NOT VALID: what the release before has accepted stays, and runs again without one. What it would
-- still accept is refused: under its keys a repeated request could be a second call.
ALTER TABLE orch_operation ADD CONSTRAINT key_seed_unless_redriven
    CHECK (key_seed IS NOT NULL OR redrive_of IS NOT NULL) NOT VALID;

CREATE OR REPLACE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key,
       o.redrive::bigint AS redrive, o.redrive_of, o.accepted_at, o.time_budget_ms,
       coalesce(q.status,
                CASE WHEN l.outcome = 'OK' THEN 'COMPLETED'
                     WHEN l.outcome IS NOT NULL THEN 'FAILED' END) AS status,
       q.phase,
       coalesce(q.attempt, l.attempt)::bigint AS attempt,
       coalesce(q.fence, l.fence) AS fence,
       coalesce(q.retries, l.retries)::bigint AS retries,
       coalesce(q.lost_attempts, l.lost_attempts)::bigint AS lost_attempts,
       q.reconciles::bigint AS reconciles,
       q.key_generation::bigint AS key_generation,
       coalesce(q.deadline, l.deadline) AS deadline,
       q.due_at, q.lease_expires_at, q.worker, q.started_at, q.first_called_at,
       q.max_attempts::bigint AS max_attempts,
       q.backoff_base_ms::bigint AS backoff_base_ms,
       q.backoff_cap_ms::bigint AS backoff_cap_ms,
       q.in_doubt,
       q.max_reconciles::bigint AS max_reconciles,
       q.replays_errors, q.hooked,
       l.finished_at,
       q.reason,
       d.failure::text AS failure,
       l.output,
       o.payload,
       o.key_seed
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

-- Whoever may accept operations has to read the namespace, and may add one.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT a.privilege_type,
               CASE a.grantee WHEN 0 THEN 'PUBLIC'
                              ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'orch_operation'::regclass AND a.privilege_type IN ('SELECT', 'INSERT')
    LOOP
        EXECUTE format('GRANT %s ON orch_key_namespace TO %s', held.privilege_type, held.grantee);
    END LOOP;
    EXECUTE format('ALTER TABLE orch_key_namespace OWNER TO %I',
                   (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'orch_operation'::regclass));
END $$;
