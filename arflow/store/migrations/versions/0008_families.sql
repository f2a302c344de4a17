DROP INDEX ix_account_family;

CREATE INDEX ix_account_family ON account (family) WHERE family <> id;
