-- Purpose: a new operation, made of a failed one and linked to it.
-- Parameters: ?1 the failed op_id, ?2 the new op_id, ?3 now, ?4 deadline.
-- Index: orch_operation_op_id_idx; orch_operation_identity_idx for the number.
-- Shape: copied inside the database: the body does not travel. The same identity under the next
--   free number, so that the first operation keeps answering the client's key. Not the failed
--   one's number + 1: after a purge and a new accept of the key that may be taken.
INSERT INTO orch_operation
    (op_id, owner, domain, event_type, biz_key, idem_key, redrive, fingerprint, accepted_at,
     time_budget_ms, deadline, payload, key_seed, due_at, status, redrive_of, is_unique,
     incarnation)
SELECT ?2, f.owner, f.domain, f.event_type, f.biz_key, f.idem_key,
       (SELECT max(o.redrive) + 1 FROM orch_operation AS o
        WHERE o.owner = f.owner AND o.domain = f.domain AND o.event_type = f.event_type
          AND o.biz_key = f.biz_key AND o.idem_key = f.idem_key),
       f.fingerprint, ?3, f.time_budget_ms, ?4, f.payload, f.key_seed, ?3, 'PENDING', f.op_id,
       f.is_unique,
       (SELECT max(i.number) FROM orch_incarnation AS i WHERE i.confirmed_at IS NOT NULL)
FROM orch_operation AS f WHERE f.op_id = ?1 AND f.status = 'FAILED'
