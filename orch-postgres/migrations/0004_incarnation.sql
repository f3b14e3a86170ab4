-- Which database this is, and which of its histories: a database that was failed over, restored or
-- copied may lack what it had committed. docs/adr/0014-incarnation.md has the reasons.

-- As in 0003: it waits for sessions that use the table, and takes the view first.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

-- Where these statements run. NULL for what the server does not tell: not all services that speak
-- the protocol have these functions. The timeline is read from the WAL position, since the
-- control file lags behind a promotion. On a standby it fails as every write does.
CREATE FUNCTION orch_here(OUT system_identifier bigint, OUT timeline integer, OUT database bigint,
                          OUT wal_position bigint)
LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE EXCEPTION 'the server is a standby' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    SELECT d.oid INTO database FROM pg_catalog.pg_database d
    WHERE d.datname = pg_catalog.current_database();
    BEGIN
        SELECT c.system_identifier INTO system_identifier FROM pg_catalog.pg_control_system() c;
        wal_position := pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn;
        timeline := ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8))
                    ::bit(32)::integer;
    EXCEPTION WHEN undefined_function OR insufficient_privilege OR feature_not_supported THEN
        NULL;
    END;
END
$$;

CREATE TABLE orch_incarnation (
    number integer NOT NULL PRIMARY KEY,
    -- Operations that were accepted under an earlier number may lack a part of their history.
    whole_since integer NOT NULL,
    opened_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    confirmed_as text,
    note text,
    difference text NOT NULL DEFAULT '',
    system_identifier bigint,
    timeline integer,
    database bigint,

    CONSTRAINT number_counts_from_1 CHECK (number >= 1),
    CONSTRAINT whole_since_is_no_later CHECK (whole_since BETWEEN 1 AND number),
    CONSTRAINT confirmation_is_known
        CHECK (confirmed_as IN ('moved', 'failed_over', 'restored', 'copied')),
    CONSTRAINT confirmed_at_is_there CHECK (confirmed_as IS NULL OR confirmed_at IS NOT NULL)
);

ALTER TABLE orch_queue ADD COLUMN incarnation integer NOT NULL DEFAULT 1;

-- The log is read in the order of `seq`. Logical replication copies rows and no sequences, so after a
-- cut-over it would count from 1 again: each incarnation has its own range. Who may not move the sequence
-- leaves it to others: only the order in which a history is shown depends on it.
CREATE FUNCTION orch_advance_log_seq() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    sequence regclass := pg_catalog.pg_get_serial_sequence('orch_write_ahead_log', 'seq');
    first bigint := (SELECT (pg_catalog.max(number)::bigint - 1) << 40 FROM orch_incarnation);
    latest bigint;
BEGIN
    -- The lock of migrations: two at once could move it back.
    PERFORM pg_catalog.pg_advisory_xact_lock(7021788);
    EXECUTE pg_catalog.format('SELECT last_value FROM %s', sequence) INTO latest;
    IF latest < first THEN
        PERFORM pg_catalog.setval(sequence, first);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'the order of histories is not kept: grant UPDATE on %', sequence;
END
$$;

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
       o.key_seed,
       q.incarnation::bigint AS incarnation
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

-- Each session reads it, and any may be the first to notice a change. The functions are named for roles
-- whose default rights leave them out.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                       ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid IN ('orch_operation'::regclass, 'orch_queue'::regclass)
          AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON orch_incarnation TO %s', held.grantee);
        EXECUTE format('GRANT EXECUTE ON FUNCTION orch_here(), orch_advance_log_seq() TO %s',
                       held.grantee);
    END LOOP;
    EXECUTE format('ALTER TABLE orch_incarnation OWNER TO %I',
                   (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'orch_queue'::regclass));
END $$;
