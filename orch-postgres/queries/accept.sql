-- Purpose: S1, operations and their queue entries, PENDING and due at once.
-- Parameters: $1 now (NULL: the server's clock); then one array per column: $2 op_id, $3 owner,
--   $4 domain, $5 event_type, $6 biz_key, $7 idem_key, $8 fingerprint, $9 time_budget_ms,
--   $10 payload, $11 key_seed. Sorted by identity, so that two batches never wait for each other in a ring.
--   Of the kinds among them whose form is known, each once: $12 kind, $13 number, $14 keys.
-- Index: orch_operation_identity_idx decides what is new.
-- Shape: insert first, ask later. What is not returned was there; accept_present.sql tells what.
--   Accepted under the newest confirmed incarnation: an unconfirmed one promises nothing.
--   The identity alone is looked up before the insert: a repeated op_id comes with its identity,
--   and a second look costs as much as the insert into that index. One row with all ids is
--   returned: a row for each costs both sides half a microsecond. unnest in the select list walks the
--   arrays side by side; in FROM each array would first be stored as a table of its own.
--   Where one kind's identity is stored in another form, nothing of the batch is inserted. The form is read
--   behind the lock on orch_operation that an insert takes first, so 0010 waits for what reads the one before.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
other AS MATERIALIZED (
    SELECT FROM unnest($12::text[], $13::integer[], $14::text[]) AS k(kind, number, keys)
    LEFT JOIN orch_identity_form f ON f.kind = k.kind
    WHERE (f.number, f.keys) IS DISTINCT FROM (k.number, k.keys)
),
new AS (
    INSERT INTO orch_operation (op_id, accepted_at, time_budget_ms, owner, domain, event_type,
                                biz_key, idem_key, fingerprint, payload, key_seed)
    SELECT a.op_id, (SELECT now FROM clock), a.time_budget_ms, a.owner, a.domain, a.event_type,
           a.biz_key, a.idem_key, a.fingerprint, a.payload, a.key_seed
    FROM (SELECT unnest($2::uuid[]) AS op_id, unnest($3::text[]) AS owner,
                 unnest($4::text[]) AS domain, unnest($5::text[]) AS event_type,
                 unnest($6::text[]) AS biz_key, unnest($7::text[]) AS idem_key,
                 unnest($8::bytea[]) AS fingerprint, unnest($9::bigint[]) AS time_budget_ms,
                 unnest($10::bytea[]) AS payload, unnest($11::bytea[]) AS key_seed) a
    WHERE NOT EXISTS (SELECT FROM other)
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
