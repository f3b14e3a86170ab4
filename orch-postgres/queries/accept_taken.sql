-- Purpose: the operation that has not FAILED for the biz key of commands that were neither new nor there.
-- Parameters, an array each: $1 owner, $2 domain, $3 event_type, $4 biz_key, $5 idem_key.
-- Index: orch_operation_identity_idx, by the biz key and by the identity; the primary key of the dead letters.
-- Shape: a statement of its own, as accept_present.sql. The same request can have come since that one
--   looked, from another process: it is not refused for its own operation, but asked about again.
SELECT a.place, o.op_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
     WITH ORDINALITY AS a(owner, domain, event_type, biz_key, idem_key, place)
CROSS JOIN LATERAL (
    SELECT o.op_id FROM orch_operation o
    WHERE o.owner = a.owner AND o.domain = a.domain AND o.event_type = a.event_type
      AND o.biz_key = a.biz_key
      AND NOT EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = o.op_id)
    ORDER BY o.op_id
    LIMIT 1
) o
WHERE NOT EXISTS (SELECT FROM orch_operation mine
                  WHERE mine.owner = a.owner AND mine.domain = a.domain
                    AND mine.event_type = a.event_type AND mine.biz_key = a.biz_key
                    AND mine.idem_key = a.idem_key AND mine.redrive = 0)
