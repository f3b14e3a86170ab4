-- Columns bear the words of the book: an operation and a log entry have a status, and what fails is
-- the finalize hook. Constraints and indexes follow their columns.
--
-- A process of the release before holds statements with the old names: they fail from here on, and
-- it has to be replaced.

-- Renaming takes a moment, but waits for whoever reads or writes the tables, and all others wait
-- behind it. After so long it is given up, and whoever migrates tries again.
SET LOCAL lock_timeout = '2s';

-- In the order in which readers lock them: the view, the queue, the log.
ALTER VIEW orch_status RENAME TO orch_status_before;
ALTER TABLE orch_queue RENAME COLUMN state TO status;
ALTER TABLE orch_write_ahead_log RENAME COLUMN state TO status;
ALTER TABLE orch_write_ahead_log RENAME COLUMN finalize_failures TO hook_failures;

-- One row per operation, with the same columns in every database. Counts and spans are bigint, so
-- that one decoder reads them all. Those of what is gone with the queue entry are NULL.
CREATE VIEW orch_status AS
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
       o.payload
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

-- Whoever owned the view, or was allowed to read it, still does.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT a.privilege_type, a.is_grantable,
               CASE a.grantee WHEN 0 THEN 'PUBLIC'
                              ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'orch_status_before'::regclass
    LOOP
        EXECUTE format('GRANT %s ON orch_status TO %s %s', held.privilege_type, held.grantee,
                       CASE WHEN held.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    EXECUTE format('ALTER VIEW orch_status OWNER TO %I',
                   (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'orch_status_before'::regclass));
END $$;

DROP VIEW orch_status_before;
