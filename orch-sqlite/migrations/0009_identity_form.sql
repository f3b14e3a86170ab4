-- In which form the identities of a kind's operations are made, so that no two releases accept a kind in two.
-- docs/adr/0022-the-form-of-an-identity.md has the reasons.

CREATE TABLE orch_identity_form (
    domain TEXT NOT NULL,
    event_type TEXT NOT NULL,
    number INTEGER NOT NULL CONSTRAINT number_counts_from_1 CHECK (number >= 1),
    keys TEXT NOT NULL,
    PRIMARY KEY (domain, event_type)
) STRICT, WITHOUT ROWID;
