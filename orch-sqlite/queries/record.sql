-- Purpose: keeps what a provider has told.
-- Parameters: provider, account, reference, digest, domain, event_type, outcome, detail, output, source, now.
INSERT INTO orch_answer (provider, account, reference, digest, domain, event_type, outcome, detail,
                         output, source, received_at, due_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)
