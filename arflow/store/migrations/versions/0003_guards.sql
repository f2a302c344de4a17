CREATE TABLE cash_mark (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    through DATE,
    actor TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    known_on DATE,
    CONSTRAINT pk_cash_mark PRIMARY KEY (id),
    CONSTRAINT ck_cash_mark_known CHECK ((known_at IS NULL) <> (known_on IS NULL))
);

COMMENT ON TABLE cash_mark IS 'That every payment up to a moment is recorded. Never changed, only added to.';

COMMENT ON COLUMN cash_mark.through IS 'payments are complete through this date; none: until it was said';

COMMENT ON COLUMN cash_mark.known_at IS 'the business now of it; on a stepped clock `known_on`';

CREATE TABLE departed (
    policy TEXT DEFAULT '' NOT NULL,
    "on" DATE NOT NULL,
    part INTEGER NOT NULL,
    number BIGINT NOT NULL,
    CONSTRAINT pk_departed PRIMARY KEY (policy, "on", part)
);

COMMENT ON TABLE departed IS 'How many messages and calls have left accounts on each local date, by the name of the policy.';

COMMENT ON COLUMN departed.part IS 'so that processes do not wait for each other; a sum is over parts';

CREATE TABLE blown_fuse (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    policy TEXT DEFAULT '' NOT NULL,
    "on" DATE NOT NULL,
    number BIGINT NOT NULL,
    ceiling BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    mended_at TIMESTAMP WITH TIME ZONE,
    is_released BOOLEAN,
    actor TEXT DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    known_on DATE,
    CONSTRAINT pk_blown_fuse PRIMARY KEY (id),
    CONSTRAINT ck_blown_fuse_mended CHECK ((mended_at IS NULL) = (is_released IS NULL)),
    CONSTRAINT ck_blown_fuse_known CHECK ((mended_at IS NULL) = (known_at IS NULL AND known_on IS NULL))
);

CREATE UNIQUE INDEX ix_blown_fuse_blown ON blown_fuse (policy) WHERE mended_at IS NULL;

COMMENT ON TABLE blown_fuse IS 'The storm fuses that blew. While one is not mended nothing of its policy leaves.';

COMMENT ON COLUMN blown_fuse."on" IS 'the local date on which too many left';

COMMENT ON COLUMN blown_fuse.is_released IS 'what waited may leave; else it was discarded';

COMMENT ON COLUMN blown_fuse.known_at IS 'the business now of the mending; stepped: `known_on`';

ALTER TABLE message ADD COLUMN policy TEXT DEFAULT '' NOT NULL;

UPDATE message SET policy = policy_version.name
FROM account JOIN policy_version ON policy_version.version = account.policy_version
WHERE account.id = message.account_id;

CREATE TRIGGER cash_mark_append_only BEFORE UPDATE OR DELETE ON cash_mark FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();
