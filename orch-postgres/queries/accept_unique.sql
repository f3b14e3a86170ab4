-- Purpose: as accept.sql, of a batch in which some are to be the only operation for their biz key, or may
--   be there under an earlier one.
-- Parameters: as accept.sql; $15 which of them are to be the only one; earlier biz keys, $16 the place of
--   the item in the batch, from 1, and $17 the key.
-- Index: the primary key of orch_unique decides who holds a biz key; orch_operation_identity_idx.
-- Shape: what holds a biz key is stored first, so that no operation is made without it. An operation
--   that has not FAILED keeps the key, whether it holds it or was accepted without; one that has
--   FAILED gives it up. Two commands for one key take turns at the row of orch_unique; who comes
--   second finds it held by an operation without a dead letter. What was there by its identity needs
--   no key; should it have come meanwhile, the reference to it is missing and nothing is stored.
--   Sorted by key and then by identity: no two batches wait for each other in a ring.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
asked AS MATERIALIZED (
    SELECT a.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                           $8::bytea[], $9::bigint[], $10::bytea[], $11::bytea[], $15::bool[])
         WITH ORDINALITY
         AS a(op_id, owner, domain, event_type, biz_key, idem_key, fingerprint, time_budget_ms,
              payload, key_seed, is_unique, place)
),
other AS MATERIALIZED (
    SELECT FROM unnest($12::text[], $13::integer[], $14::text[]) AS k(kind, number, keys)
    LEFT JOIN orch_identity_form f ON f.kind = k.kind
    WHERE (f.number, f.keys) IS DISTINCT FROM (k.number, k.keys)
),
fresh AS MATERIALIZED (
    SELECT a.* FROM asked a
    WHERE NOT EXISTS (SELECT FROM other)
      AND NOT EXISTS (SELECT FROM unnest($16::bigint[], $17::text[]) AS e(place, biz_key)
                      JOIN orch_operation o
                        ON o.biz_key = e.biz_key AND o.idem_key = a.idem_key
                           AND o.event_type = a.event_type AND o.domain = a.domain
                           AND o.owner = a.owner AND o.redrive = 0
                      WHERE e.place = a.place)
),
held AS (
    INSERT INTO orch_unique AS u (biz_key, event_type, domain, owner, op_id)
    SELECT DISTINCT ON (a.biz_key, a.event_type, a.domain, a.owner)
           a.biz_key, a.event_type, a.domain, a.owner, a.op_id
    FROM fresh a
    WHERE a.is_unique
      AND NOT EXISTS (SELECT FROM orch_operation o
                      WHERE o.biz_key = a.biz_key AND o.event_type = a.event_type
                        AND o.domain = a.domain AND o.owner = a.owner
                        AND (o.idem_key = a.idem_key AND o.redrive = 0
                             OR NOT EXISTS (SELECT FROM orch_dead_letter d
                                            WHERE d.op_id = o.op_id)))
    ORDER BY a.biz_key, a.event_type, a.domain, a.owner, a.place
    ON CONFLICT (biz_key, event_type, domain, owner) DO UPDATE SET op_id = EXCLUDED.op_id
        WHERE EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = u.op_id)
    RETURNING u.op_id
),
new AS (
    INSERT INTO orch_operation (op_id, accepted_at, time_budget_ms, owner, domain, event_type,
                                biz_key, idem_key, fingerprint, payload, key_seed, is_unique)
    SELECT a.op_id, c.now, a.time_budget_ms, a.owner, a.domain, a.event_type, a.biz_key,
           a.idem_key, a.fingerprint, a.payload, a.key_seed, a.is_unique
    FROM fresh a, clock c
    WHERE NOT a.is_unique OR a.op_id IN (SELECT op_id FROM held)
    ORDER BY a.place
    ON CONFLICT (biz_key, idem_key, event_type, domain, owner, redrive) DO NOTHING
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
SELECT coalesce(array_agg(op_id), '{}') AS op_ids, EXISTS (SELECT FROM other) AS is_other FROM new
