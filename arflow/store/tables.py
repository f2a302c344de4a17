"""The tables, with the constraints that make lies impossible. Amounts are minor units of the account's currency.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from arflow.accounts.entries import ClearingKind, EffectStatus
from arflow.life.records import EntryKind
from arflow.vocabulary import TIMED_EFFECTS, State

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_NOW = text("now()")
Instant = DateTime(timezone=True)


def _one_of(column: str, words: object) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in sorted(str(word) for word in words))  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _amount(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _account() -> Column[str]:
    return Column("account_id", Text, ForeignKey("account.id"), nullable=False)


policy_version = Table(
    "policy_version",
    metadata,
    Column("version", Text, primary_key=True),
    _text("name"),
    _text("source"),
    Column("saved_at", Instant, nullable=False, server_default=_NOW),
    Column("saved_by", Text, nullable=False, server_default=text("''")),
    CheckConstraint("version = encode(sha256(convert_to(source, 'UTF8')), 'hex')", name="named_by_content"),
)

policy_activation = Table(
    "policy_activation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("name"),
    Column("version", Text, ForeignKey("policy_version.version"), nullable=False),
    _text("message"),
    _text("actor"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("known_at", Instant, nullable=True),
    Column("known_on", Date, nullable=True),
    CheckConstraint("(known_at IS NULL) <> (known_on IS NULL)", name="known"),
)

clock = Table(
    "clock",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("day", Date, nullable=True),
    Column("is_demo", Boolean, nullable=False, server_default=text("false")),
    Column("is_running", Boolean, nullable=False, server_default=text("false")),
    Column("seconds_per_day", Double, nullable=False, server_default=text("5")),
    CheckConstraint("one", name="one"),
    CheckConstraint("seconds_per_day > 0", name="speed"),
    CheckConstraint("is_demo OR NOT is_running", name="runs_in_demo_only"),
    comment="The business clock: no day means the real time, a day means a clock stepped to the end of that day.",
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    _text("currency"),
    *(_text(name) for name in ("name", "timezone", "country", "language", "segment", "risk_grade")),
    *(_text(name) for name in ("debtor_kind", "collector_role", "owner")),
    _amount("credit_limit", nullable=True),
    Column("pays_through", Text, ForeignKey("account.id"), nullable=True),
    Column("family", Text, nullable=False, comment="the account it pays through, now or in time to come; else itself"),
    Column("policy_seen", BigInteger, nullable=False, comment="the last activation it has lived through"),
    Column("attributes", JSONB(none_as_null=True), nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("on_hold", Boolean, nullable=False),
    _text("state"),
    Column("stay", Integer, nullable=False),
    Column("entered_on", Date, nullable=True),
    Column("entered_at", Instant, nullable=True),
    Column("fired", JSONB(none_as_null=True), nullable=False),
    Column("policy_version", Text, ForeignKey("policy_version.version"), nullable=True),
    Column("policy_day", Date, nullable=True),
    Column("last_harsher_day", Date, nullable=True),
    Column("last_instant", Instant, nullable=True),
    Column("wake", Instant, nullable=True),
    Column("parked", JSONB(none_as_null=True), nullable=True),
    Column("call_open", Boolean, nullable=False),
    Column("call_queue", Text, nullable=True, comment="the queue on which its open call is"),
    Column("effects_decided", Integer, nullable=False),
    Column("born", Boolean, nullable=False),
    Column("next_due", Instant, nullable=True),
    Column("due_on", Date, nullable=True, comment="the local date of next_due, by which a stepped clock goes"),
    Column("applied_to", Instant, nullable=True, comment="instant of the latest event applied, to see late ones"),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("journal_length", BigInteger, nullable=False, server_default=text("0")),
    Column("journal_head", LargeBinary, nullable=True),
    _one_of("state", State),
    CheckConstraint("pays_through <> id", name="pays_through_another"),
    CheckConstraint("parked IS NULL OR wake IS NULL", name="parked_is_not_woken"),
    CheckConstraint("call_open OR call_queue IS NULL", name="call_queue"),
    CheckConstraint("credit_limit >= 0", name="credit_limit"),
    CheckConstraint("(next_due IS NULL) = (due_on IS NULL)", name="due_on"),
    CheckConstraint("(journal_length = 0) = (journal_head IS NULL)", name="journal_head"),
    Index("ix_account_next_due", "next_due", postgresql_where=text("next_due IS NOT NULL")),
    Index("ix_account_family", "family", postgresql_where=text("family <> id")),
    Index("ix_account_owner", "owner"),
    Index("ix_account_call_queue", "call_queue", postgresql_where=text("call_queue IS NOT NULL")),
    Index("ix_account_parked", "id", postgresql_where=text("parked IS NOT NULL")),
)

person = Table(
    "person",
    metadata,
    _account(),
    Column("position", Integer, nullable=False),
    *(_text(name) for name in ("name", "email", "phone", "role")),
    PrimaryKeyConstraint("account_id", "position"),
)

invoice = Table(
    "invoice",
    metadata,
    _account(),
    _text("id"),
    Column("issued", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_place", Integer, nullable=False),
    Column("written_off", Boolean, nullable=False),
    PrimaryKeyConstraint("account_id", "id"),
)

Index("ix_invoice_number", func.lower(invoice.c.id).label("number"), postgresql_ops={"number": "text_pattern_ops"})

item = Table(
    "item",
    metadata,
    _account(),
    _text("invoice_id"),
    Column("number", Integer, nullable=False),
    Column("due", Date, nullable=False),
    _amount("amount"),
    _amount("open"),
    PrimaryKeyConstraint("account_id", "invoice_id", "number"),
    ForeignKeyConstraint(["account_id", "invoice_id"], ["invoice.account_id", "invoice.id"]),
    CheckConstraint("open BETWEEN 0 AND amount", name="open"),
)

clearing = Table(
    "clearing",
    metadata,
    _account(),
    _text("kind"),
    _text("id"),
    Column("on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_place", Integer, nullable=False),
    _amount("amount"),
    _text("invoice_id", nullable=True),
    Column("reversed_on", Date, nullable=True),
    PrimaryKeyConstraint("account_id", "kind", "id"),
    ForeignKeyConstraint(["account_id", "invoice_id"], ["invoice.account_id", "invoice.id"]),
    _one_of("kind", ClearingKind),
    CheckConstraint("amount >= 0", name="amount"),
)

allocation = Table(
    "allocation",
    metadata,
    _account(),
    _text("kind"),
    _text("clearing_id"),
    Column("position", Integer, nullable=False),
    _text("invoice_id"),
    Column("item", Integer, nullable=False),
    _amount("amount"),
    PrimaryKeyConstraint("account_id", "kind", "clearing_id", "position"),
    ForeignKeyConstraint(
        ["account_id", "kind", "clearing_id"], ["clearing.account_id", "clearing.kind", "clearing.id"]
    ),
    ForeignKeyConstraint(["account_id", "invoice_id", "item"], ["item.account_id", "item.invoice_id", "item.number"]),
    CheckConstraint("amount > 0", name="amount"),
)

dispute = Table(
    "dispute",
    metadata,
    _account(),
    _text("id"),
    _text("invoice_id"),
    _amount("amount", nullable=True),
    _text("reason"),
    Column("on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_place", Integer, nullable=False),
    Column("closed_on", Date, nullable=True),
    _text("outcome", nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id", "invoice_id"], ["invoice.account_id", "invoice.id"]),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(closed_on IS NULL) = (outcome IS NULL)", name="closed_with_outcome"),
    _one_of("outcome", ("upheld", "partly_upheld", "rejected", "withdrawn")),
)

promise = Table(
    "promise",
    metadata,
    _account(),
    _text("id"),
    _amount("amount"),
    Column("due", Date, nullable=False),
    Column("invoices", ARRAY(Text), nullable=False),
    Column("on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_place", Integer, nullable=False),
    Column("cancelled_at", Instant, nullable=True),
    Column("cancelled_place", Integer, nullable=True),
    PrimaryKeyConstraint("account_id", "id"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint('due >= "on"', name="due"),
)

contact = Table(
    "contact",
    metadata,
    _account(),
    Column("position", Integer, nullable=False),
    _text("channel"),
    _text("direction"),
    _text("outcome", nullable=True),
    Column("on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_place", Integer, nullable=False),
    PrimaryKeyConstraint("account_id", "position"),
    _one_of("channel", ("call", "email", "letter", "sms")),
    _one_of("direction", ("in", "out")),
)

episode = Table(
    "episode",
    metadata,
    _account(),
    Column("position", Integer, nullable=False),
    Column("started_on", Date, nullable=False),
    Column("spans", JSONB(none_as_null=True), nullable=False),
    PrimaryKeyConstraint("account_id", "position"),
)

effect = Table(
    "effect",
    metadata,
    _account(),
    Column("number", Integer, nullable=False),
    _text("kind"),
    _text("name"),
    _text("rule"),
    Column("stay", Integer, nullable=False),
    Column("overdue_then", Boolean, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("due_at", Instant, nullable=True),
    _text("status"),
    Column("sent_at", Instant, nullable=True),
    Column("sent_on", Date, nullable=True),
    Column("settled_at", Instant, nullable=True),
    Column("settled_day", Date, nullable=True),
    PrimaryKeyConstraint("account_id", "number"),
    _one_of("kind", TIMED_EFFECTS),
    _one_of("status", EffectStatus),
    CheckConstraint("(sent_at IS NULL) = (status IN ('waiting', 'dropped'))", name="sent"),
    CheckConstraint("(sent_at IS NULL) = (sent_on IS NULL)", name="sent_on"),
    Index("ix_effect_waiting", "account_id", postgresql_where=text("status = 'waiting'")),
    Index(
        "ix_effect_one_message_a_day",
        "account_id",
        "sent_on",
        unique=True,
        postgresql_where=text("kind = 'send' AND sent_on IS NOT NULL"),
    ),
)

import_file = Table(
    "import_file",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("name"),
    _text("profile"),
    _text("sha256"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("totals", JSONB(none_as_null=True), nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _account(),
    _text("kind"),
    _text("identity"),
    Column("occurrence", Integer, nullable=False),
    Column("on", Date, nullable=False),
    Column("clock", Time, nullable=False),
    Column("content", JSONB(none_as_null=True), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("known_at", Instant, nullable=True),
    Column("known_on", Date, nullable=True),
    Column("applied", Boolean, nullable=False, server_default=text("false")),
    Column(
        "was",
        JSONB(none_as_null=True),
        nullable=True,
        comment="the content that a correction, not applied yet, replaces",
    ),
    Column("import_id", BigInteger, ForeignKey("import_file.id"), nullable=True),
    Column(
        "actor", Text, nullable=False, server_default=text("''"), comment="who recorded it, for what people recorded"
    ),
    UniqueConstraint("account_id", "kind", "identity", "occurrence", name="uq_event_identity"),
    CheckConstraint("(known_at IS NULL) <> (known_on IS NULL)", name="known"),
    Index("ix_event_pending", "account_id", "on", "clock", postgresql_where=text("NOT applied")),
    Index(
        "ix_event_payer",
        text("(content ->> 'pays_through')"),
        postgresql_where=text("(content ->> 'pays_through') IS NOT NULL"),
    ),
    comment="Everything recorded, as received; the other tables are what it comes to.",
)

journal = Table(
    "journal",
    metadata,
    _account(),
    Column("seq", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("on", Date, nullable=False),
    Column("clock", Time, nullable=False),
    _text("kind"),
    _text("cause"),
    _text("actor"),
    _text("rule", nullable=True),
    _text("source", nullable=True),
    _text("to", nullable=True),
    Column("policy_version", Text, ForeignKey("policy_version.version"), nullable=True),
    Column("details", JSONB(none_as_null=True), nullable=False),
    Column("previous", LargeBinary, nullable=True),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "seq"),
    _one_of("kind", EntryKind),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint("(seq = 1) = (previous IS NULL)", name="first"),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
    CheckConstraint("kind <> 'step' OR (source IS NOT NULL AND \"to\" IS NOT NULL)", name="step"),
    Index("ix_journal_step", "account_id", "on", postgresql_where=text("kind = 'step'")),
)

anchor = Table(
    "anchor",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("accounts", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("ends", JSONB, nullable=False, comment="the last id of each table that is only added to"),
    Column("digest", LargeBinary, nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    comment="One digest over everything journalled until then; the file of anchors outside the database says the same.",
)

anchored = Table(
    "anchored",
    metadata,
    Column(
        "anchor",
        BigInteger,
        ForeignKey("anchor.number", deferrable=True, initially="DEFERRED"),
        nullable=False,
        comment="it is made of these rows, so they come first",
    ),
    Column("account_id", Text, nullable=False, comment="no key of another table: making an anchor locks no account"),
    Column("length", BigInteger, nullable=False),
    PrimaryKeyConstraint("anchor", "account_id"),
    Index("ix_anchored_account_id", "account_id", "anchor"),
    comment="How long the journals were that had grown since the anchor before. Nothing relies on it: the digest does.",
)

pipeline_sweep = Table(
    "pipeline_sweep",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("at", Instant, nullable=False, comment="what was recorded until then is in it, of the real clock"),
    Column("upto", Date, nullable=False, comment="the last day of which it tells"),
    Column("activation", BigInteger, nullable=False, comment="the policies by which promises were judged"),
    Column("seconds", Double, nullable=False, comment="how long it took"),
    CheckConstraint("one", name="one"),
    comment="When a large company was last gone through for its past days; nothing relies on it but their pages.",
)

pipeline_change = Table(
    "pipeline_change",
    metadata,
    _text("currency"),
    _text("state"),
    Column("on", Date, nullable=False),
    Column("accounts", BigInteger, nullable=False),
    *(_amount(name) for name in ("open_amount", "gross", "disputed", "promised")),
    PrimaryKeyConstraint("currency", "state", "on"),
    _one_of("state", State),
    comment="By how much each state had more at the end of a day than the day before; replaced as a whole.",
)
