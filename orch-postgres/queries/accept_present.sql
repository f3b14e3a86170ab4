-- Purpose: S1, what stands in the way of commands that were not new.
-- Parameters, an array each, an item once for each biz key under which it may be there: $1 op_id, $2 owner, $3 domain, $4 event_type, $5 biz_key,
--   $6 idem_key, $7 fingerprint.
-- Index: the primary key for a repeated accept, orch_operation_identity_idx for a repeated
--   request.
-- Shape: a statement of its own, since the one that waited for another's commit does not see
--   it. The payload leaves the database only where the fingerprints differ.
SELECT a.place, o.op_id, mine.op_id IS NOT NULL AS mine, o.fingerprint = a.fingerprint AS same,
       CASE WHEN o.fingerprint <> a.fingerprint THEN o.payload END AS payload
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
     WITH ORDINALITY
     AS a(op_id, owner, domain, event_type, biz_key, idem_key, fingerprint, place)
LEFT JOIN orch_operation mine ON mine.op_id = a.op_id
LEFT JOIN orch_operation o
    ON o.owner = a.owner AND o.domain = a.domain AND o.event_type = a.event_type
   AND o.biz_key = a.biz_key AND o.idem_key = a.idem_key AND o.redrive = 0
ORDER BY a.place
