-- An operation in four tables, so that its big and lasting part is written once:
--
--   orch_operation        what was asked for; immutable
--   orch_queue            where an unfinished operation is; small rows, gone at the end
--   orch_write_ahead_log  one row per ended attempt; the one with finished_at holds the outcome
--   orch_dead_letter      why a failed operation failed
--
-- orch_status puts them together again, one row per operation. Why this layout, with figures:
-- docs/adr/0004-postgres-layout.md. There are no foreign keys: their triggers cost the drain
-- more than all of its other checks, and each statement writes or removes all parts at once.
-- Keys compare by bytes ("C"), so no collation of the host can change what is unique.

CREATE TABLE orch_operation (
    op_id uuid NOT NULL PRIMARY KEY,
    accepted_at timestamptz NOT NULL,
    time_budget_ms bigint NOT NULL,
    redrive integer NOT NULL DEFAULT 0,
    owner text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    biz_key text COLLATE "C" NOT NULL,
    idem_key text COLLATE "C" NOT NULL,
    redrive_of uuid,
    fingerprint bytea NOT NULL,
    payload bytea NOT NULL
);

-- What tells two identities apart comes first. Behind the owner and the two names, which are the
-- same for most rows, every comparison on the way down reads five columns: that alone was a sixth
-- of what an accept costs the server.
CREATE UNIQUE INDEX orch_operation_identity_idx
    ON orch_operation (biz_key, idem_key, event_type, domain, owner, redrive);

-- Half of each page is left free, so that a claim's new version stays on its page: that spares
-- the record of a lock and, within the page, most of the row in the write-ahead log of Postgres.
-- first_called_at is the start of the oldest attempt in doubt, and NULL unless doubt stands: an
-- operation that is answered at once never writes it.
CREATE TABLE orch_queue (
    op_id uuid NOT NULL PRIMARY KEY,
    deadline timestamptz NOT NULL,
    due_at timestamptz,
    lease_expires_at timestamptz,
    started_at timestamptz,
    first_called_at timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    retries integer NOT NULL DEFAULT 0,
    lost_attempts integer NOT NULL DEFAULT 0,
    reconciles integer NOT NULL DEFAULT 0,
    key_generation integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3,
    max_reconciles integer NOT NULL DEFAULT 10,
    backoff_base_ms integer NOT NULL DEFAULT 1000,
    backoff_cap_ms integer NOT NULL DEFAULT 300000,
    hooked boolean NOT NULL DEFAULT false,
    replays_errors boolean NOT NULL DEFAULT false,
    kind text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'PENDING',
    phase text COLLATE "C",
    in_doubt text COLLATE "C" NOT NULL DEFAULT 'retry',
    worker text,
    reason text,

    CONSTRAINT state_is_unfinished CHECK (state IN ('PENDING', 'IN_PROGRESS')),
    CONSTRAINT phase_is_known CHECK (phase IN ('running', 'waiting', 'in_doubt', 'parked')),
    CONSTRAINT phase_iff_in_progress CHECK ((phase IS NOT NULL) = (state = 'IN_PROGRESS')),
    CONSTRAINT worker_iff_lease CHECK ((worker IS NOT NULL) = (lease_expires_at IS NOT NULL)),
    CONSTRAINT lease_only_when_held
        CHECK (lease_expires_at IS NULL OR phase IN ('running', 'in_doubt')),
    CONSTRAINT due_only_when_claimable
        CHECK (due_at IS NULL
               OR lease_expires_at IS NULL AND coalesce(phase IN ('waiting', 'in_doubt'), true)),
    CONSTRAINT due_when_pending_or_waiting
        CHECK (due_at IS NOT NULL OR coalesce(phase <> 'waiting', false))
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

-- Without deduplication: a claim removes entries one by one, and an entry that stands for many
-- rows could only be skipped once all of them are gone.
CREATE INDEX orch_queue_claim_idx ON orch_queue (kind, due_at)
    WITH (deduplicate_items = off) WHERE due_at IS NOT NULL;

CREATE INDEX orch_queue_lease_idx ON orch_queue (lease_expires_at)
    WITH (deduplicate_items = off) WHERE lease_expires_at IS NOT NULL;

-- Only what the sweep of time budgets can move, so that nothing else ever fills its page. The
-- kind is in it, so that PENDING operations of unknown kinds are passed over inside the index.
CREATE INDEX orch_queue_deadline_idx ON orch_queue (deadline, kind)
    WITH (deduplicate_items = off)
    WHERE due_at IS NOT NULL
      AND (state = 'PENDING' OR phase = 'waiting' OR phase = 'in_doubt' AND in_doubt = 'retry');

-- What only a PENDING entry needs, or only the last one, is NULL in the others: it costs nothing
-- there.
CREATE TABLE orch_write_ahead_log (
    op_id uuid NOT NULL,
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    fence bigint NOT NULL,
    logged_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    deadline timestamptz,
    finalize_due_at timestamptz,
    delay_ms bigint,
    after_ms bigint,
    attempt integer NOT NULL,
    retries integer,
    lost_attempts integer,
    finalize_failures integer,
    late boolean NOT NULL,
    source text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    worker text,
    detail text,
    note text,
    hook_error text,
    output bytea,

    CONSTRAINT source_is_known CHECK (source IN ('handler', 'reconcile', 'operator', 'engine')),
    CONSTRAINT outcome_is_known
        CHECK (outcome IN ('OK', 'RETRY', 'FAIL', 'IN_DOUBT', 'NOT_HAPPENED')),
    CONSTRAINT log_state_is_known CHECK (state IN ('PENDING', 'COMPLETED')),
    CONSTRAINT output_iff_ok CHECK ((output IS NOT NULL) = (outcome = 'OK')),
    CONSTRAINT finalize_due_iff_pending
        CHECK ((finalize_due_at IS NOT NULL) = (state = 'PENDING')),
    CONSTRAINT late_is_without_effect CHECK (NOT late OR state = 'COMPLETED' AND finished_at IS NULL),
    CONSTRAINT finished_is_finalized CHECK (finished_at IS NULL OR state = 'COMPLETED'),
    PRIMARY KEY (op_id, fence, late)
);

-- One terminal outcome per operation, whatever the code does.
CREATE UNIQUE INDEX orch_write_ahead_log_one_outcome_idx ON orch_write_ahead_log (op_id)
    WHERE finished_at IS NOT NULL;

CREATE INDEX orch_write_ahead_log_late_idx ON orch_write_ahead_log (op_id) WHERE late;

CREATE INDEX orch_write_ahead_log_pending_idx ON orch_write_ahead_log (finalize_due_at)
    WHERE finalize_due_at IS NOT NULL;

CREATE INDEX orch_write_ahead_log_completed_idx ON orch_write_ahead_log (finished_at)
    WHERE finished_at IS NOT NULL AND outcome = 'OK';

CREATE INDEX orch_write_ahead_log_failed_idx ON orch_write_ahead_log (finished_at)
    WHERE finished_at IS NOT NULL AND outcome <> 'OK';

CREATE TABLE orch_dead_letter (
    op_id uuid NOT NULL PRIMARY KEY,
    created_at timestamptz NOT NULL,
    failure json NOT NULL,
    redriven_as uuid,
    late_outcomes integer NOT NULL DEFAULT 0
);

-- The terminal parts cannot be changed, by anyone. They are never updated either, so the
-- triggers cost nothing.
CREATE FUNCTION orch_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'terminal_is_final: % never changes once it is written', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER orch_operation_is_immutable BEFORE UPDATE ON orch_operation
    FOR EACH ROW EXECUTE FUNCTION orch_refuse_change();

CREATE TRIGGER orch_outcome_is_final BEFORE UPDATE ON orch_write_ahead_log
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION orch_refuse_change();

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms,
       coalesce(q.state,
                CASE WHEN l.outcome = 'OK' THEN 'COMPLETED'
                     WHEN l.outcome IS NOT NULL THEN 'FAILED' END) AS state,
       q.phase,
       coalesce(q.attempt, l.attempt) AS attempt,
       coalesce(q.fence, l.fence) AS fence,
       coalesce(q.retries, l.retries) AS retries,
       coalesce(q.lost_attempts, l.lost_attempts) AS lost_attempts,
       coalesce(q.deadline, l.deadline) AS deadline,
       q.due_at, q.lease_expires_at, q.started_at, q.worker, q.reason, q.reconciles,
       q.first_called_at, q.key_generation, q.max_attempts, q.backoff_base_ms, q.backoff_cap_ms,
       q.in_doubt, q.max_reconciles, q.hooked, q.replays_errors,
       l.finished_at,
       d.failure::text AS failure,
       l.output,
       o.payload
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;
