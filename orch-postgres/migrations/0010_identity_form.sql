-- In which form the identities of a kind's operations are made, so that no two releases accept a kind in two.
-- docs/adr/0022-the-form-of-an-identity.md has the reasons.

CREATE TABLE orch_identity_form (
    -- As in orch_queue: domain, a slash, event type.
    kind text COLLATE "C" NOT NULL PRIMARY KEY,
    number integer NOT NULL,
    keys text COLLATE "C" NOT NULL,

    CONSTRAINT number_counts_from_1 CHECK (number >= 1)
);

-- Waits for every transaction that has begun to accept, and keeps others from it until the form is stored.
-- An insert locks its table before it looks: it reads either the form before, and is waited for here, or
-- this one. The role needs UPDATE or DELETE on orch_operation, as one that runs workers has.
CREATE FUNCTION orch_raise_identity_form(of_kind text, to_number integer, of_keys text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE orch_operation IN SHARE MODE;
    INSERT INTO orch_identity_form AS f (kind, number, keys) VALUES (of_kind, to_number, of_keys)
    ON CONFLICT (kind) DO UPDATE SET number = EXCLUDED.number, keys = EXCLUDED.keys
        WHERE f.number < EXCLUDED.number;
END
$$;

-- Who may write operations uses it, and it belongs to the owner of the others.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                              ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
               bool_or(a.privilege_type <> 'SELECT') AS writes
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid IN ('orch_operation'::regclass, 'orch_queue'::regclass)
          AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        GROUP BY a.grantee
    LOOP
        EXECUTE format('GRANT SELECT ON orch_identity_form TO %s', held.grantee);
        IF held.writes THEN
            EXECUTE format('GRANT INSERT, UPDATE ON orch_identity_form TO %s', held.grantee);
            EXECUTE format('GRANT EXECUTE ON FUNCTION orch_raise_identity_form(text, integer, text)'
                           ' TO %s', held.grantee);
        END IF;
    END LOOP;
    EXECUTE format('ALTER TABLE orch_identity_form OWNER TO %I',
                   (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'orch_operation'::regclass));
END $$;
