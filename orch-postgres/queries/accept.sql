-- Purpose: S1, operations and their queue entries, PENDING and due at once.
-- Parameters: $1 now (NULL: the server's clock); then one array per column: $2 op_id, $3 owner,
--   $4 domain, $5 event_type, $6 biz_key, $7 idem_key, $8 fingerprint, $9 time_budget_ms,
--   $10 payload, $11 key_seed. Sorted by identity, so that two batches never wait for each other in a ring.
-- Index: orch_operation_identity_idx decides what is new.
-- Shape: insert first, ask later. What is not returned was there; accept_present.sql tells what.
--   Accepted under the newest confirmed incarnation: an unconfirmed one promises nothing.
--   The identity alone is looked up before the insert: a repeated op_id comes with its identity,
--   and a second look costs as much as the insert into that index. One row with all ids is
--   returned: a row for each costs both sides half a microsecond.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
new AS (
    INSERT INTO orch_operation (op_id, accepted_at, time_budget_ms, owner, domain, event_type,
                                biz_key, idem_key, fingerprint, payload, key_seed)
    SELECT a.op_id, c.now, a.time_budget_ms, a.owner, a.domain, a.event_type, a.biz_key,
           a.idem_key, a.fingerprint, a.payload, a.key_seed
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::bytea[], $9::bigint[], $10::bytea[], $11::bytea[])
         AS a(op_id, owner, domain, event_type, biz_key, idem_key, fingerprint, time_budget_ms,
              payload, key_seed),
         clock c
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
SELECT coalesce(array_agg(op_id), '{}') AS op_ids FROM new
