-- Purpose: the operation that has not FAILED for the biz key of commands that were neither new nor there.
-- Parameters, an array each: $1 owner, $2 domain, $3 event_type, $4 biz_key.
-- Index: orch_operation_identity_idx, by the biz key; the primary key of the dead letters.
-- Shape: a statement of its own, as accept_present.sql.
SELECT a.place, o.op_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     WITH ORDINALITY AS a(owner, domain, event_type, biz_key, place)
CROSS JOIN LATERAL (
    SELECT o.op_id FROM orch_operation o
    WHERE o.owner = a.owner AND o.domain = a.domain AND o.event_type = a.event_type
      AND o.biz_key = a.biz_key
      AND NOT EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = o.op_id)
    ORDER BY o.op_id
    LIMIT 1
) o
