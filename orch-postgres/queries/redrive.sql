-- Purpose: a failed operation again: the same request, linked, PENDING and due at once.
-- Parameters: $1 now (NULL: the server's clock), $2 op_id of the failed one, $3 the new op_id,
--   $4 true to redrive although the provider may have acted.
-- Index: the primary keys; orch_operation_identity_idx for the next free number and the biz key.
-- Shape: the dead letter is the guard: whoever locks it before it is redriven redrives. The
--   operation is locked before it, as a purge locks them, so that neither waits for the other. Where
--   it is to be the only one for its biz key it takes that as an accept does: accept_unique.sql.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
failed AS MATERIALIZED (SELECT * FROM orch_operation WHERE op_id = $2 FOR UPDATE),
letter AS MATERIALIZED (
    SELECT d.op_id FROM failed f JOIN orch_dead_letter d ON d.op_id = f.op_id
    WHERE d.redriven_as IS NULL
      AND ($4 OR NOT EXISTS (SELECT FROM orch_write_ahead_log l
                             WHERE l.op_id = d.op_id AND l.late
                               AND (l.outcome IN ('OK', 'ALREADY_DONE', 'SUBMITTED')
                                    OR l.unreadable IS NOT NULL)))
    FOR UPDATE OF d
),
taken AS MATERIALIZED (
    SELECT o.op_id FROM failed f
    JOIN orch_operation o ON o.biz_key = f.biz_key AND o.event_type = f.event_type
                         AND o.domain = f.domain AND o.owner = f.owner
    WHERE (f.is_unique OR o.is_unique)
      AND NOT EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = o.op_id)
),
held AS (
    INSERT INTO orch_unique AS u (biz_key, event_type, domain, owner, op_id)
    SELECT f.biz_key, f.event_type, f.domain, f.owner, $3
    FROM letter l JOIN failed f ON f.op_id = l.op_id
    WHERE f.is_unique AND NOT EXISTS (SELECT FROM taken)
    ON CONFLICT (biz_key, event_type, domain, owner) DO UPDATE SET op_id = EXCLUDED.op_id
        WHERE EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = u.op_id)
    RETURNING u.op_id
),
new AS (
    INSERT INTO orch_operation (op_id, accepted_at, time_budget_ms, redrive, owner, domain,
                                event_type, biz_key, idem_key, redrive_of, fingerprint, payload,
                                key_seed, is_unique)
    SELECT $3, c.now, o.time_budget_ms,
           (SELECT max(p.redrive) + 1 FROM orch_operation p
            WHERE p.owner = o.owner AND p.domain = o.domain AND p.event_type = o.event_type
              AND p.biz_key = o.biz_key AND p.idem_key = o.idem_key),
           o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.op_id, o.fingerprint,
           o.payload, o.key_seed, o.is_unique
    FROM letter l JOIN failed o ON o.op_id = l.op_id CROSS JOIN clock c
    WHERE NOT EXISTS (SELECT FROM taken)
      AND (NOT o.is_unique OR EXISTS (SELECT FROM held))
    RETURNING op_id, accepted_at, time_budget_ms, domain, event_type
),
queued AS (
    INSERT INTO orch_queue (op_id, kind, due_at, deadline, incarnation)
    SELECT op_id, domain || '/' || event_type, accepted_at,
           accepted_at + time_budget_ms * interval '1 millisecond',
           (SELECT i.number FROM orch_incarnation i WHERE i.confirmed_at IS NOT NULL
            ORDER BY i.number DESC LIMIT 1)
    FROM new
)
UPDATE orch_dead_letter d SET redriven_as = n.op_id FROM new n WHERE d.op_id = $2
RETURNING d.op_id
