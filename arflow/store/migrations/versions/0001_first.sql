CREATE TABLE clock (
    one BOOLEAN DEFAULT true NOT NULL,
    day DATE,
    CONSTRAINT pk_clock PRIMARY KEY (one),
    CONSTRAINT ck_clock_one CHECK (one)
);

COMMENT ON TABLE clock IS 'The business clock: no day means the real time, a day means a clock stepped to the end of that day.';

CREATE TABLE import_file (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    totals JSONB NOT NULL,
    CONSTRAINT pk_import_file PRIMARY KEY (id)
);

CREATE TABLE policy_version (
    version TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_policy_version PRIMARY KEY (version),
    CONSTRAINT ck_policy_version_named_by_content CHECK (version = encode(sha256(convert_to(source, 'UTF8')), 'hex'))
);

CREATE TABLE account (
    id TEXT NOT NULL,
    currency TEXT NOT NULL,
    name TEXT NOT NULL,
    timezone TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,
    segment TEXT NOT NULL,
    risk_grade TEXT NOT NULL,
    debtor_kind TEXT NOT NULL,
    collector_role TEXT NOT NULL,
    owner TEXT NOT NULL,
    credit_limit BIGINT,
    pays_through TEXT,
    family TEXT NOT NULL,
    policy_seen BIGINT NOT NULL,
    attributes JSONB NOT NULL,
    tags TEXT[] NOT NULL,
    on_hold BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    stay INTEGER NOT NULL,
    entered_on DATE,
    entered_at TIMESTAMP WITH TIME ZONE,
    fired JSONB NOT NULL,
    policy_version TEXT,
    policy_day DATE,
    last_harsher_day DATE,
    last_instant TIMESTAMP WITH TIME ZONE,
    wake TIMESTAMP WITH TIME ZONE,
    parked JSONB,
    call_open BOOLEAN NOT NULL,
    effects_decided INTEGER NOT NULL,
    born BOOLEAN NOT NULL,
    next_due TIMESTAMP WITH TIME ZONE,
    applied_to TIMESTAMP WITH TIME ZONE,
    version BIGINT DEFAULT 0 NOT NULL,
    journal_length BIGINT DEFAULT 0 NOT NULL,
    journal_head BYTEA,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT ck_account_state CHECK (state IN ('called', 'current', 'disputed', 'escalated', 'promised', 'reminded', 'resolved')),
    CONSTRAINT ck_account_pays_through_another CHECK (pays_through <> id),
    CONSTRAINT ck_account_parked_is_not_woken CHECK (parked IS NULL OR wake IS NULL),
    CONSTRAINT ck_account_credit_limit CHECK (credit_limit >= 0),
    CONSTRAINT ck_account_journal_head CHECK ((journal_length = 0) = (journal_head IS NULL)),
    CONSTRAINT fk_account_pays_through FOREIGN KEY(pays_through) REFERENCES account (id),
    CONSTRAINT fk_account_policy_version FOREIGN KEY(policy_version) REFERENCES policy_version (version)
);

COMMENT ON COLUMN account.family IS 'the account it pays through, now or in time to come; else itself';

COMMENT ON COLUMN account.policy_seen IS 'the last activation it has lived through';

COMMENT ON COLUMN account.applied_to IS 'instant of the latest event applied, to see late ones';

CREATE INDEX ix_account_family ON account (family);

CREATE INDEX ix_account_next_due ON account (next_due) WHERE next_due IS NOT NULL;

CREATE TABLE policy_activation (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    message TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    known_on DATE,
    CONSTRAINT pk_policy_activation PRIMARY KEY (id),
    CONSTRAINT ck_policy_activation_known CHECK ((known_at IS NULL) <> (known_on IS NULL)),
    CONSTRAINT fk_policy_activation_version FOREIGN KEY(version) REFERENCES policy_version (version)
);

CREATE TABLE contact (
    account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    channel TEXT NOT NULL,
    direction TEXT NOT NULL,
    outcome TEXT,
    "on" DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_place INTEGER NOT NULL,
    CONSTRAINT pk_contact PRIMARY KEY (account_id, position),
    CONSTRAINT ck_contact_channel CHECK (channel IN ('call', 'email', 'letter', 'sms')),
    CONSTRAINT ck_contact_direction CHECK (direction IN ('in', 'out')),
    CONSTRAINT fk_contact_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE effect (
    account_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    rule TEXT NOT NULL,
    stay INTEGER NOT NULL,
    overdue_then BOOLEAN NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_on DATE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    status TEXT NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    sent_on DATE,
    settled_at TIMESTAMP WITH TIME ZONE,
    settled_day DATE,
    CONSTRAINT pk_effect PRIMARY KEY (account_id, number),
    CONSTRAINT ck_effect_kind CHECK (kind IN ('call', 'send')),
    CONSTRAINT ck_effect_status CHECK (status IN ('delivered', 'dropped', 'failed', 'sent', 'waiting')),
    CONSTRAINT ck_effect_sent CHECK ((sent_at IS NULL) = (status IN ('waiting', 'dropped'))),
    CONSTRAINT ck_effect_sent_on CHECK ((sent_at IS NULL) = (sent_on IS NULL)),
    CONSTRAINT fk_effect_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE UNIQUE INDEX ix_effect_one_message_a_day ON effect (account_id, sent_on) WHERE kind = 'send' AND sent_on IS NOT NULL;

CREATE INDEX ix_effect_waiting ON effect (account_id) WHERE status = 'waiting';

CREATE TABLE episode (
    account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    started_on DATE NOT NULL,
    spans JSONB NOT NULL,
    CONSTRAINT pk_episode PRIMARY KEY (account_id, position),
    CONSTRAINT fk_episode_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    identity TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    "on" DATE NOT NULL,
    clock TIME WITHOUT TIME ZONE NOT NULL,
    content JSONB NOT NULL,
    digest BYTEA NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    known_on DATE,
    applied BOOLEAN DEFAULT false NOT NULL,
    was JSONB,
    import_id BIGINT,
    CONSTRAINT pk_event PRIMARY KEY (id),
    CONSTRAINT uq_event_identity UNIQUE (account_id, kind, identity, occurrence),
    CONSTRAINT ck_event_known CHECK ((known_at IS NULL) <> (known_on IS NULL)),
    CONSTRAINT fk_event_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_event_import_id FOREIGN KEY(import_id) REFERENCES import_file (id)
);

COMMENT ON TABLE event IS 'Everything recorded, as received; the other tables are what it comes to.';

COMMENT ON COLUMN event.was IS 'the content that a correction, not applied yet, replaces';

CREATE INDEX ix_event_payer ON event ((content ->> 'pays_through')) WHERE (content ->> 'pays_through') IS NOT NULL;

CREATE INDEX ix_event_pending ON event (account_id, "on", clock) WHERE NOT applied;

CREATE TABLE invoice (
    account_id TEXT NOT NULL,
    id TEXT NOT NULL,
    issued DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_place INTEGER NOT NULL,
    written_off BOOLEAN NOT NULL,
    CONSTRAINT pk_invoice PRIMARY KEY (account_id, id),
    CONSTRAINT fk_invoice_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE journal (
    account_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    "on" DATE NOT NULL,
    clock TIME WITHOUT TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    rule TEXT,
    source TEXT,
    "to" TEXT,
    policy_version TEXT,
    details JSONB NOT NULL,
    previous BYTEA,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_journal PRIMARY KEY (account_id, seq),
    CONSTRAINT ck_journal_kind CHECK (kind IN ('acts', 'correction', 'dropped', 'effect', 'parked', 'step')),
    CONSTRAINT ck_journal_seq CHECK (seq > 0),
    CONSTRAINT ck_journal_first CHECK ((seq = 1) = (previous IS NULL)),
    CONSTRAINT ck_journal_hash CHECK (octet_length(hash) = 32),
    CONSTRAINT ck_journal_step CHECK (kind <> 'step' OR (source IS NOT NULL AND "to" IS NOT NULL)),
    CONSTRAINT fk_journal_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_journal_policy_version FOREIGN KEY(policy_version) REFERENCES policy_version (version)
);

CREATE INDEX ix_journal_step ON journal (account_id, "on") WHERE kind = 'step';

CREATE TABLE person (
    account_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    role TEXT NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (account_id, position),
    CONSTRAINT fk_person_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE promise (
    account_id TEXT NOT NULL,
    id TEXT NOT NULL,
    amount BIGINT NOT NULL,
    due DATE NOT NULL,
    invoices TEXT[] NOT NULL,
    "on" DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_place INTEGER NOT NULL,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    cancelled_place INTEGER,
    CONSTRAINT pk_promise PRIMARY KEY (account_id, id),
    CONSTRAINT ck_promise_amount CHECK (amount > 0),
    CONSTRAINT ck_promise_due CHECK (due >= "on"),
    CONSTRAINT fk_promise_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE clearing (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    "on" DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_place INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    invoice_id TEXT,
    reversed_on DATE,
    CONSTRAINT pk_clearing PRIMARY KEY (account_id, kind, id),
    CONSTRAINT fk_clearing_account_id_invoice_id FOREIGN KEY(account_id, invoice_id) REFERENCES invoice (account_id, id),
    CONSTRAINT ck_clearing_kind CHECK (kind IN ('credit', 'credit_note', 'payment', 'write_off')),
    CONSTRAINT ck_clearing_amount CHECK (amount >= 0),
    CONSTRAINT fk_clearing_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE dispute (
    account_id TEXT NOT NULL,
    id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    amount BIGINT,
    reason TEXT NOT NULL,
    "on" DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_place INTEGER NOT NULL,
    closed_on DATE,
    outcome TEXT,
    CONSTRAINT pk_dispute PRIMARY KEY (account_id, id),
    CONSTRAINT fk_dispute_account_id_invoice_id FOREIGN KEY(account_id, invoice_id) REFERENCES invoice (account_id, id),
    CONSTRAINT ck_dispute_amount CHECK (amount > 0),
    CONSTRAINT ck_dispute_closed_with_outcome CHECK ((closed_on IS NULL) = (outcome IS NULL)),
    CONSTRAINT ck_dispute_outcome CHECK (outcome IN ('partly_upheld', 'rejected', 'upheld', 'withdrawn')),
    CONSTRAINT fk_dispute_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE item (
    account_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    due DATE NOT NULL,
    amount BIGINT NOT NULL,
    open BIGINT NOT NULL,
    CONSTRAINT pk_item PRIMARY KEY (account_id, invoice_id, number),
    CONSTRAINT fk_item_account_id_invoice_id FOREIGN KEY(account_id, invoice_id) REFERENCES invoice (account_id, id),
    CONSTRAINT ck_item_open CHECK (open BETWEEN 0 AND amount),
    CONSTRAINT fk_item_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE allocation (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    clearing_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    invoice_id TEXT NOT NULL,
    item INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT pk_allocation PRIMARY KEY (account_id, kind, clearing_id, position),
    CONSTRAINT fk_allocation_account_id_kind_clearing_id FOREIGN KEY(account_id, kind, clearing_id) REFERENCES clearing (account_id, kind, id),
    CONSTRAINT fk_allocation_account_id_invoice_id_item FOREIGN KEY(account_id, invoice_id, item) REFERENCES item (account_id, invoice_id, number),
    CONSTRAINT ck_allocation_amount CHECK (amount > 0),
    CONSTRAINT fk_allocation_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE FUNCTION arflow_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only';
END
$$;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();

CREATE TRIGGER policy_version_append_only BEFORE UPDATE OR DELETE ON policy_version FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();

CREATE TRIGGER policy_activation_append_only BEFORE UPDATE OR DELETE ON policy_activation FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();

CREATE VIEW arflow_mark AS SELECT 1 AS one;

COMMENT ON VIEW arflow_mark IS 'arflow:1';

INSERT INTO clock (one) VALUES (true);
