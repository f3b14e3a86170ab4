//! Triggers that the checker installs: they write down every change that the engine must never
//! make, and what is needed to judge the others. They name tables of the engine's schema, and
//! share nothing else with it.

/// What `chaos_audit.what` says.
///
/// | word | recorded |
/// |---|---|
/// | `made` | an operation for a seat, new or a redrive, or one of the kind whose identity changes was stored |
/// | `fence` | a claim, or any change of a fence: old and new |
/// | `released` | a worker gave a claim back to one that has what it lacks itself |
/// | `log` | an entry of the log that has effect, with its fence and source |
/// | `finished` | an operation became terminal, with its outcome |
/// | `letter` | a dead letter was written |
/// | `changed` | a terminal outcome or dead letter was changed |
/// | `removed` | a row of the log, a dead letter or an operation went away |
/// | `renewed` | a lease was moved on, with its fence and owner |
/// | `stranger` | a lease was renewed, or an end logged, over a connection that is not the owner's |
/// | `early` | a lease was taken back before its end, by the server's clock |
pub(crate) const POSTGRES: &str = "
CREATE TABLE chaos_booking (order_number bigint NOT NULL, amount bigint NOT NULL);
CREATE TABLE chaos_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL, op_id uuid NOT NULL, fence bigint, old_fence bigint, worker text,
    detail text);

CREATE FUNCTION chaos_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id) VALUES ('made', NEW.op_id);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_made AFTER INSERT ON orch_operation FOR EACH ROW
    WHEN (NEW.event_type IN ('SEAT', 'IDENTITY_CHANGED')) EXECUTE FUNCTION chaos_made();

CREATE FUNCTION chaos_fence() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, old_fence, worker)
    VALUES ('fence', NEW.op_id, NEW.fence, OLD.fence, NEW.worker);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_fence AFTER UPDATE ON orch_queue FOR EACH ROW
    WHEN (OLD.fence <> NEW.fence OR NEW.worker IS NOT NULL AND OLD.worker IS DISTINCT FROM NEW.worker)
    EXECUTE FUNCTION chaos_fence();

CREATE FUNCTION chaos_released() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker)
    VALUES ('released', NEW.op_id, NEW.fence, OLD.worker);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_released AFTER UPDATE ON orch_queue FOR EACH ROW
    WHEN (OLD.fence = NEW.fence AND OLD.worker IS NOT NULL AND NEW.worker IS NULL
          AND NEW.unhandled_since IS NOT NULL)
    EXECUTE FUNCTION chaos_released();

CREATE FUNCTION chaos_early() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
    VALUES ('early', NEW.op_id, OLD.fence, OLD.worker, (OLD.lease_expires_at - clock_timestamp())::text);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_early AFTER UPDATE ON orch_queue FOR EACH ROW
    WHEN (OLD.lease_expires_at > clock_timestamp() AND OLD.fence <> NEW.fence)
    EXECUTE FUNCTION chaos_early();

CREATE FUNCTION chaos_renewal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('application_name') <> split_part(NEW.worker, '-', 1) THEN
        INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
        VALUES ('stranger', NEW.op_id, NEW.fence, NEW.worker, current_setting('application_name'));
    END IF;
    INSERT INTO chaos_audit (what, op_id, fence, worker)
    VALUES ('renewed', NEW.op_id, NEW.fence, NEW.worker);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_renewal AFTER UPDATE ON orch_queue FOR EACH ROW
    WHEN (OLD.fence = NEW.fence AND OLD.worker = NEW.worker
          AND OLD.lease_expires_at <> NEW.lease_expires_at)
    EXECUTE FUNCTION chaos_renewal();

CREATE FUNCTION chaos_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.source NOT IN ('engine', 'provider')
       AND current_setting('application_name') IS DISTINCT FROM split_part(NEW.worker, '-', 1) THEN
        INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
        VALUES ('stranger', NEW.op_id, NEW.fence, NEW.worker, current_setting('application_name'));
    END IF;
    INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
    VALUES ('log', NEW.op_id, NEW.fence, NEW.worker, NEW.source);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_log AFTER INSERT ON orch_write_ahead_log FOR EACH ROW
    WHEN (NOT NEW.late) EXECUTE FUNCTION chaos_log();

CREATE FUNCTION chaos_finished() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, detail)
    VALUES ('finished', NEW.op_id, NEW.fence, NEW.outcome || ' ' || coalesce(md5(NEW.output), ''));
    RETURN NULL; END $$;
CREATE TRIGGER chaos_finished AFTER INSERT ON orch_write_ahead_log FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION chaos_finished();
CREATE TRIGGER chaos_finishes AFTER UPDATE ON orch_write_ahead_log FOR EACH ROW
    WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION chaos_finished();

CREATE FUNCTION chaos_letter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('letter', NEW.op_id, NEW.failure::text);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_letter AFTER INSERT ON orch_dead_letter FOR EACH ROW
    EXECUTE FUNCTION chaos_letter();

CREATE FUNCTION chaos_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('changed', OLD.op_id, TG_TABLE_NAME);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_changed_outcome AFTER UPDATE ON orch_write_ahead_log FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION chaos_changed();
CREATE TRIGGER chaos_changed_letter AFTER UPDATE ON orch_dead_letter FOR EACH ROW
    WHEN (OLD.failure::text <> NEW.failure::text) EXECUTE FUNCTION chaos_changed();

CREATE FUNCTION chaos_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('removed', OLD.op_id, TG_TABLE_NAME);
    RETURN NULL; END $$;
CREATE TRIGGER chaos_removed AFTER DELETE ON orch_write_ahead_log FOR EACH ROW
    EXECUTE FUNCTION chaos_removed();
CREATE TRIGGER chaos_removed AFTER DELETE ON orch_dead_letter FOR EACH ROW
    EXECUTE FUNCTION chaos_removed();
CREATE TRIGGER chaos_removed AFTER DELETE ON orch_operation FOR EACH ROW
    EXECUTE FUNCTION chaos_removed();
";

/// The same for SQLite, where a connection has no name: a stranger is known by a renewal that the
/// owner did not ask for, and by an end that the provider did not tell it.
pub(crate) const SQLITE: &str = "
CREATE TABLE chaos_booking (order_number INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE chaos_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    what TEXT NOT NULL, op_id BLOB NOT NULL, fence INTEGER, old_fence INTEGER, worker TEXT,
    detail TEXT);

CREATE TRIGGER chaos_made AFTER INSERT ON orch_operation
    WHEN NEW.event_type IN ('SEAT', 'IDENTITY_CHANGED')
BEGIN
    INSERT INTO chaos_audit (what, op_id) VALUES ('made', NEW.op_id);
END;

CREATE TRIGGER chaos_fence AFTER UPDATE ON orch_operation
    WHEN OLD.fence <> NEW.fence OR NEW.worker IS NOT NULL AND OLD.worker IS NOT NEW.worker
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, old_fence, worker)
    VALUES ('fence', NEW.op_id, NEW.fence, OLD.fence, NEW.worker);
END;

CREATE TRIGGER chaos_released AFTER UPDATE ON orch_operation
    WHEN OLD.fence = NEW.fence AND OLD.worker IS NOT NULL AND NEW.worker IS NULL
        AND NEW.unhandled_since IS NOT NULL
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker)
    VALUES ('released', NEW.op_id, NEW.fence, OLD.worker);
END;

CREATE TRIGGER chaos_early AFTER UPDATE ON orch_operation
    WHEN OLD.fence <> NEW.fence
     AND OLD.lease_expires_at > 1000 + CAST(unixepoch('subsec') * 1000000 AS INTEGER)
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
    VALUES ('early', NEW.op_id, OLD.fence, OLD.worker,
            OLD.lease_expires_at - CAST(unixepoch('subsec') * 1000000 AS INTEGER));
END;

CREATE TRIGGER chaos_renewal AFTER UPDATE ON orch_operation
    WHEN OLD.fence = NEW.fence AND OLD.worker = NEW.worker
     AND OLD.lease_expires_at <> NEW.lease_expires_at
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker)
    VALUES ('renewed', NEW.op_id, NEW.fence, NEW.worker);
END;

CREATE TRIGGER chaos_log AFTER INSERT ON orch_write_ahead_log WHEN NOT NEW.late
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, worker, detail)
    VALUES ('log', NEW.op_id, NEW.fence, NEW.worker, NEW.source);
END;

CREATE TRIGGER chaos_finished AFTER UPDATE ON orch_operation
    WHEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL
BEGIN
    INSERT INTO chaos_audit (what, op_id, fence, detail)
    VALUES ('finished', NEW.op_id, NEW.finished_fence, NEW.status || ' ' || NEW.outcome || ' ' || coalesce(NEW.failure, ''));
END;

CREATE TRIGGER chaos_letter AFTER INSERT ON orch_dead_letter
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('letter', NEW.op_id, NEW.failure);
END;

CREATE TRIGGER chaos_changed AFTER UPDATE ON orch_operation
    WHEN OLD.finished_at IS NOT NULL
     AND (OLD.status, OLD.outcome, OLD.finished_fence, OLD.failure, OLD.finished_at)
         IS NOT (NEW.status, NEW.outcome, NEW.finished_fence, NEW.failure, NEW.finished_at)
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('changed', OLD.op_id, 'orch_operation');
END;
CREATE TRIGGER chaos_changed_output AFTER UPDATE ON orch_write_ahead_log
    WHEN OLD.output IS NOT NEW.output
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail)
    VALUES ('changed', OLD.op_id, 'orch_write_ahead_log');
END;
CREATE TRIGGER chaos_changed_letter AFTER UPDATE ON orch_dead_letter
    WHEN OLD.failure <> NEW.failure
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('changed', OLD.op_id, 'orch_dead_letter');
END;

CREATE TRIGGER chaos_removed_entry AFTER DELETE ON orch_write_ahead_log
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail)
    VALUES ('removed', OLD.op_id, 'orch_write_ahead_log');
END;
CREATE TRIGGER chaos_removed_letter AFTER DELETE ON orch_dead_letter
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('removed', OLD.op_id, 'orch_dead_letter');
END;
CREATE TRIGGER chaos_removed AFTER DELETE ON orch_operation
BEGIN
    INSERT INTO chaos_audit (what, op_id, detail) VALUES ('removed', OLD.op_id, 'orch_operation');
END;
";
