ALTER TABLE policy_version ADD COLUMN saved_by TEXT DEFAULT '' NOT NULL;

ALTER TABLE event ADD COLUMN actor TEXT DEFAULT '' NOT NULL;

COMMENT ON COLUMN event.actor IS 'who recorded it, for what people recorded';

ALTER TABLE clock ADD COLUMN is_demo BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE clock ADD COLUMN is_running BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE clock ADD COLUMN seconds_per_day DOUBLE PRECISION DEFAULT 5 NOT NULL;
ALTER TABLE clock ADD CONSTRAINT ck_clock_speed CHECK (seconds_per_day > 0);
ALTER TABLE clock ADD CONSTRAINT ck_clock_runs_in_demo_only CHECK (is_demo OR NOT is_running);

ALTER TABLE account ADD COLUMN due_on DATE;

COMMENT ON COLUMN account.due_on IS 'the local date of next_due, by which a stepped clock goes';

-- The local date is not known here; a date too early only means one look too many.
UPDATE account SET due_on = (next_due AT TIME ZONE 'UTC')::date - 1 WHERE next_due IS NOT NULL;

ALTER TABLE account ADD CONSTRAINT ck_account_due_on CHECK ((next_due IS NULL) = (due_on IS NULL));
CREATE INDEX ix_account_owner ON account (owner);
CREATE INDEX ix_account_parked ON account (id) WHERE parked IS NOT NULL;

CREATE TABLE app_user (
    name TEXT NOT NULL,
    full_name TEXT DEFAULT '' NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    password TEXT,
    roles TEXT[] NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_app_user PRIMARY KEY (name),
    CONSTRAINT ck_app_user_roles CHECK (roles <@ ARRAY['admin', 'caller', 'lead', 'policy_owner']),
    CONSTRAINT ck_app_user_name CHECK (name = lower(name) AND name <> '')
);

COMMENT ON COLUMN app_user.name IS 'what is typed at log-in, and what `owner` and `actor` hold';

COMMENT ON COLUMN app_user.password IS 'an Argon2 hash; without one nobody logs in';

CREATE TABLE queue (
    name TEXT NOT NULL,
    title TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_queue PRIMARY KEY (name)
);

COMMENT ON COLUMN queue.name IS 'what `call:` and `assign:` of a policy name';

CREATE TABLE queue_member (
    queue TEXT NOT NULL,
    user_name TEXT NOT NULL,
    CONSTRAINT pk_queue_member PRIMARY KEY (queue, user_name),
    CONSTRAINT fk_queue_member_queue FOREIGN KEY(queue) REFERENCES queue (name) ON DELETE CASCADE,
    CONSTRAINT fk_queue_member_user_name FOREIGN KEY(user_name) REFERENCES app_user (name)
);

CREATE INDEX ix_queue_member_user_name ON queue_member (user_name);

CREATE TABLE session (
    token BYTEA NOT NULL,
    user_name TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_session PRIMARY KEY (token),
    CONSTRAINT fk_session_user_name FOREIGN KEY(user_name) REFERENCES app_user (name)
);

COMMENT ON COLUMN session.token IS 'SHA-256 of what the cookie holds';

CREATE TABLE failed_log_in (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT DEFAULT '' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_failed_log_in PRIMARY KEY (id)
);

CREATE INDEX ix_failed_log_in_address ON failed_log_in (address, at);

CREATE INDEX ix_failed_log_in_name ON failed_log_in (name, at);

CREATE TABLE one_time_link (
    token BYTEA NOT NULL,
    user_name TEXT,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_one_time_link PRIMARY KEY (token)
);

COMMENT ON COLUMN one_time_link.token IS 'SHA-256 of what the link holds';

COMMENT ON COLUMN one_time_link.user_name IS 'who sets a password by it; none: makes the first admin';

CREATE TABLE note (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id TEXT NOT NULL,
    event_id BIGINT,
    "on" DATE NOT NULL,
    author TEXT DEFAULT '' NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_note PRIMARY KEY (id),
    CONSTRAINT ck_note_text CHECK (char_length(text) BETWEEN 1 AND 2000),
    CONSTRAINT fk_note_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_note_event_id FOREIGN KEY(event_id) REFERENCES event (id)
);

CREATE INDEX ix_note_account_id ON note (account_id, id);

COMMENT ON COLUMN note.event_id IS 'the call, promise ... it is about';

CREATE TABLE task (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id TEXT NOT NULL,
    kind TEXT DEFAULT '' NOT NULL,
    assignee TEXT DEFAULT '' NOT NULL,
    due_on DATE NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    made_by TEXT DEFAULT '' NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    done_by TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_task PRIMARY KEY (id),
    CONSTRAINT ck_task_kind CHECK (kind IN ('address', 'follow_up', 'notice')),
    CONSTRAINT fk_task_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE INDEX ix_task_open ON task (account_id) WHERE done_at IS NULL;

CREATE UNIQUE INDEX ix_task_one_open_notice ON task (account_id, assignee, text) WHERE kind = 'notice' AND done_at IS NULL;

COMMENT ON TABLE task IS 'What a person is to do. Calls are no rows here: a call is open while its account says so (`call_open`).';

CREATE TABLE delivery_switch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    is_on BOOLEAN NOT NULL,
    actor TEXT DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE,
    known_on DATE,
    CONSTRAINT pk_delivery_switch PRIMARY KEY (id),
    CONSTRAINT ck_delivery_switch_known CHECK ((known_at IS NULL) <> (known_on IS NULL))
);

COMMENT ON TABLE delivery_switch IS 'Whether anything leaves at all: what the last row says; no row: off. Never changed, only added to.';

COMMENT ON COLUMN delivery_switch.known_at IS 'the business now of it; on a stepped clock `known_on`';

CREATE TABLE message (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id TEXT NOT NULL,
    number INTEGER,
    template TEXT DEFAULT '' NOT NULL,
    recipient TEXT DEFAULT '' NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    zone TEXT DEFAULT 'UTC' NOT NULL,
    status TEXT DEFAULT '' NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    lease INTEGER DEFAULT 0 NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    message_id TEXT,
    language TEXT DEFAULT '' NOT NULL,
    subject TEXT DEFAULT '' NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    error TEXT DEFAULT '' NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_message PRIMARY KEY (id),
    CONSTRAINT uq_message_effect UNIQUE (account_id, number),
    CONSTRAINT uq_message_message_id UNIQUE (message_id),
    CONSTRAINT ck_message_status CHECK (status IN ('queued', 'sending', 'sent', 'failed', 'moot')),
    CONSTRAINT ck_message_settled CHECK ((settled_at IS NULL) = (status IN ('queued', 'sending'))),
    CONSTRAINT ck_message_leased CHECK ((leased_until IS NULL) = (status <> 'sending')),
    CONSTRAINT fk_message_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE INDEX ix_message_failed ON message (id) WHERE status = 'failed';

CREATE INDEX ix_message_unsettled ON message (not_before) WHERE settled_at IS NULL;

COMMENT ON TABLE message IS 'The outbox: what is to be handed over. The row is there in the transaction that decided it.';

COMMENT ON COLUMN message.number IS 'the account''s effect that it is; none for a notice to our people';

COMMENT ON COLUMN message.decided_at IS 'the business instant at which it left the account';

COMMENT ON COLUMN message.zone IS 'in which the account then lived';

COMMENT ON COLUMN message.lease IS 'counts the claims: a fence';

COMMENT ON COLUMN message.message_id IS 'the Message-ID, the same at each attempt';

CREATE TABLE heartbeat (
    name TEXT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_heartbeat PRIMARY KEY (name)
);

COMMENT ON TABLE heartbeat IS 'When each long-running process that is no RQ worker was last seen.';

CREATE TRIGGER delivery_switch_append_only BEFORE UPDATE OR DELETE ON delivery_switch FOR EACH ROW EXECUTE FUNCTION arflow_refuse_change();
