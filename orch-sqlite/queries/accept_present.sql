-- Purpose: what stands in the way of commands that `accept.sql` did not store.
-- Parameters, per row: op_id, owner, domain, event_type, biz_key, idem_key, fingerprint.
-- Index: orch_operation_identity_idx, a search per row.
-- Shape: the payload comes along only where the fingerprints differ: for the Conflict.
SELECT v.column1 AS asked, o.op_id, o.fingerprint = v.column7 AS same,
       CASE WHEN o.fingerprint <> v.column7 THEN o.payload END AS payload
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?)/*row*/) AS v
CROSS JOIN orch_operation AS o
    ON o.owner = v.column2 AND o.domain = v.column3 AND o.event_type = v.column4
   AND o.biz_key = v.column5 AND o.idem_key = v.column6 AND o.redrive = 0
