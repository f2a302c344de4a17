CREATE TABLE refused_address (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    address TEXT DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    message_id BIGINT,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    cleared_at TIMESTAMP WITH TIME ZONE,
    cleared_by TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_refused_address PRIMARY KEY (id),
    CONSTRAINT ck_refused_address_address CHECK (address = lower(address) AND address <> ''),
    CONSTRAINT fk_refused_address_message_id FOREIGN KEY(message_id) REFERENCES message (id)
);

CREATE UNIQUE INDEX ix_refused_address_refused ON refused_address (address) WHERE cleared_at IS NULL;

COMMENT ON TABLE refused_address IS 'Addresses that a mail server refused for good. Nothing is sent to one until a person clears it.';

COMMENT ON COLUMN refused_address.message_id IS 'whose refusal it was';

CREATE TABLE anchor (
    number BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    accounts BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    ends JSONB NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT pk_anchor PRIMARY KEY (number),
    CONSTRAINT ck_anchor_digest CHECK (octet_length(digest) = 32)
);

COMMENT ON TABLE anchor IS 'One digest over everything journalled until then; the file of anchors outside the database says the same.';

COMMENT ON COLUMN anchor.ends IS 'the last id of each table that is only added to';

CREATE TABLE anchored (
    anchor BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    length BIGINT NOT NULL,
    CONSTRAINT pk_anchored PRIMARY KEY (anchor, account_id),
    CONSTRAINT fk_anchored_anchor FOREIGN KEY(anchor) REFERENCES anchor (number) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX ix_anchored_account_id ON anchored (account_id, anchor);

COMMENT ON TABLE anchored IS 'How long the journals were that had grown since the anchor before. Nothing relies on it: the digest does.';

COMMENT ON COLUMN anchored.account_id IS 'no key of another table: making an anchor locks no account';

COMMENT ON COLUMN anchored.anchor IS 'it is made of these rows, so they come first';

CREATE TRIGGER anchor_append_only BEFORE UPDATE OR DELETE ON anchor FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();

CREATE TRIGGER anchored_append_only BEFORE UPDATE OR DELETE ON anchored FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();
