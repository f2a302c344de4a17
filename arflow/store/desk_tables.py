"""The tables of people and of delivery: who may do what, what was noted, what is to be handed over to others.

Nothing here decides a state. Instants here are of the real clock (leases, log-ins, retries) where they do not say
otherwise; dates are local to the account. A change needs a migration in `migrations/versions`; a test compares the two.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)

from arflow.store.tables import Instant, metadata

ROLES = ("admin", "caller", "lead", "policy_owner")
TASK_KINDS = ("address", "follow_up", "notice")
MESSAGE_STATUSES = ("queued", "sending", "sent", "failed", "moot")
"""`moot`: when it was to be handed over there was nothing left to write about, or the customer to be left alone."""

_NOW = text("now()")
_EMPTY = text("''")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=_EMPTY)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


user = Table(
    "app_user",
    metadata,
    Column("name", Text, primary_key=True, comment="what is typed at log-in, and what `owner` and `actor` hold"),
    _text("full_name"),
    _text("email"),
    Column("password", Text, nullable=True, comment="an Argon2 hash; without one nobody logs in"),
    Column("roles", ARRAY(Text), nullable=False),
    Column("made_at", Instant, nullable=False, server_default=_NOW),
    Column("disabled_at", Instant, nullable=True),
    CheckConstraint(f"roles <@ ARRAY[{_listed(ROLES)}]", name="roles"),
    CheckConstraint("name = lower(name) AND name <> ''", name="name"),
)

queue = Table(
    "queue",
    metadata,
    Column("name", Text, primary_key=True, comment="what `call:` and `assign:` of a policy name"),
    _text("title"),
)

queue_member = Table(
    "queue_member",
    metadata,
    Column("queue", Text, ForeignKey("queue.name", ondelete="CASCADE"), nullable=False),
    Column("user_name", Text, ForeignKey("app_user.name"), nullable=False),
    PrimaryKeyConstraint("queue", "user_name"),
    Index("ix_queue_member_user_name", "user_name"),
)

session = Table(
    "session",
    metadata,
    Column("token", LargeBinary, primary_key=True, comment="SHA-256 of what the cookie holds"),
    Column("user_name", Text, ForeignKey("app_user.name"), nullable=False),
    Column("made_at", Instant, nullable=False, server_default=_NOW),
    Column("seen_at", Instant, nullable=False, server_default=_NOW),
)

failed_log_in = Table(
    "failed_log_in",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("name"),
    _text("address"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Index("ix_failed_log_in_name", "name", "at"),
    Index("ix_failed_log_in_address", "address", "at"),
)

one_time_link = Table(
    "one_time_link",
    metadata,
    Column("token", LargeBinary, primary_key=True, comment="SHA-256 of what the link holds"),
    Column("user_name", Text, nullable=True, comment="who sets a password by it; none: makes the first admin"),
    Column("expires_at", Instant, nullable=False),
)

note = Table(
    "note",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False),
    Column("event_id", BigInteger, ForeignKey("event.id"), nullable=True, comment="the call, promise ... it is about"),
    Column("on", Date, nullable=False),
    _text("author"),
    _text("text"),
    Column("made_at", Instant, nullable=False, server_default=_NOW),
    CheckConstraint("char_length(text) BETWEEN 1 AND 2000", name="text"),
    Index("ix_note_account_id", "account_id", "id"),
)

task = Table(
    "task",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False),
    _text("kind"),
    _text("assignee"),
    Column("due_on", Date, nullable=False),
    Column(
        "due_at",
        Instant,
        nullable=False,
        server_default=_NOW,
        comment="when `due_on` begins where the account lives; a stepped clock knows dates alone",
    ),
    Column(
        "clock",
        Time,
        nullable=True,
        comment="the local time that was agreed, as for a call back; NULL: any time of the day",
    ),
    _text("text"),
    _text("made_by"),
    Column("made_at", Instant, nullable=False, server_default=_NOW),
    Column("done_at", Instant, nullable=True),
    _text("done_by"),
    CheckConstraint(f"kind IN ({_listed(TASK_KINDS)})", name="kind"),
    Index("ix_task_open", "account_id", postgresql_where=text("done_at IS NULL")),
    Index("ix_task_assignee", "assignee", postgresql_where=text("done_at IS NULL")),
    Index(
        "ix_task_one_open_notice",
        "account_id",
        "assignee",
        "text",
        unique=True,
        postgresql_where=text("kind = 'notice' AND done_at IS NULL"),
    ),
    comment="What a person is to do. Calls are no rows here: a call is open while its account says so (`call_open`).",
)

delivery_switch = Table(
    "delivery_switch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    _text("actor"),
    _text("reason"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("known_at", Instant, nullable=True, comment="the business now of it; on a stepped clock `known_on`"),
    Column("known_on", Date, nullable=True),
    CheckConstraint("(known_at IS NULL) <> (known_on IS NULL)", name="known"),
    comment="Whether anything leaves at all: what the last row says; no row: off. Never changed, only added to.",
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False),
    Column(
        "number", Integer, nullable=True, comment="the account's effect that it is; none for a notice to our people"
    ),
    _text("policy"),
    _text("template"),
    _text("recipient"),
    Column("decided_at", Instant, nullable=False, comment="the business instant at which it left the account"),
    Column("zone", Text, nullable=False, server_default=text("'UTC'"), comment="in which the account then lived"),
    _text("status"),
    Column("queued_at", Instant, nullable=False, server_default=_NOW),
    Column("tried_from", Instant, nullable=True, comment="when it was first tried, and is to be tried again"),
    Column("not_before", Instant, nullable=False, server_default=_NOW),
    Column("lease", Integer, nullable=False, server_default=text("0"), comment="counts the claims: a fence"),
    Column("leased_until", Instant, nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("message_id", Text, nullable=True, comment="the Message-ID, the same at each attempt"),
    _text("language"),
    _text("subject"),
    _text("text"),
    _text("error"),
    Column("settled_at", Instant, nullable=True),
    UniqueConstraint("account_id", "number", name="uq_message_effect"),
    UniqueConstraint("message_id", name="uq_message_message_id"),
    CheckConstraint(f"status IN ({_listed(MESSAGE_STATUSES)})", name="status"),
    CheckConstraint("(settled_at IS NULL) = (status IN ('queued', 'sending'))", name="settled"),
    CheckConstraint("(leased_until IS NULL) = (status <> 'sending')", name="leased"),
    Index("ix_message_unsettled", "not_before", "id", postgresql_where=text("settled_at IS NULL")),
    Index("ix_message_failed", "settled_at", "id", postgresql_where=text("status = 'failed'")),
    comment="The outbox: what is to be handed over. The row is there in the transaction that decided it.",
)

refused_address = Table(
    "refused_address",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("address"),
    _text("reason"),
    Column("message_id", BigInteger, ForeignKey("message.id"), nullable=True, comment="whose refusal it was"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("cleared_at", Instant, nullable=True),
    _text("cleared_by"),
    CheckConstraint("address = lower(address) AND address <> ''", name="address"),
    Index("ix_refused_address_refused", "address", unique=True, postgresql_where=text("cleared_at IS NULL")),
    comment="Addresses that a mail server refused for good. Nothing is sent to one until a person clears it.",
)

cash_mark = Table(
    "cash_mark",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("through", Date, nullable=True, comment="payments are complete through this date; none: until it was said"),
    _text("actor"),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("known_at", Instant, nullable=True, comment="the business now of it; on a stepped clock `known_on`"),
    Column("known_on", Date, nullable=True),
    CheckConstraint("(known_at IS NULL) <> (known_on IS NULL)", name="known"),
    comment="That every payment up to a moment is recorded. Never changed, only added to.",
)

departed = Table(
    "departed",
    metadata,
    _text("policy"),
    Column("on", Date, nullable=False),
    Column(
        "part", Integer, nullable=False, comment="so that processes do not wait for each other; a sum is over parts"
    ),
    Column("number", BigInteger, nullable=False),
    PrimaryKeyConstraint("policy", "on", "part"),
    comment="How many messages and calls have left accounts on each local date, by the name of the policy.",
)

blown_fuse = Table(
    "blown_fuse",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("policy"),
    Column("on", Date, nullable=False, comment="the local date on which too many left"),
    Column("number", BigInteger, nullable=False),
    Column("ceiling", BigInteger, nullable=False),
    Column("at", Instant, nullable=False, server_default=_NOW),
    Column("mended_at", Instant, nullable=True),
    Column("is_released", Boolean, nullable=True, comment="what waited may leave; else it was discarded"),
    _text("actor"),
    _text("reason"),
    Column("known_at", Instant, nullable=True, comment="the business now of the mending; stepped: `known_on`"),
    Column("known_on", Date, nullable=True),
    CheckConstraint("(mended_at IS NULL) = (is_released IS NULL)", name="mended"),
    CheckConstraint("(mended_at IS NULL) = (known_at IS NULL AND known_on IS NULL)", name="known"),
    Index("ix_blown_fuse_blown", "policy", unique=True, postgresql_where=text("mended_at IS NULL")),
    comment="The storm fuses that blew. While one is not mended nothing of its policy leaves.",
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", Instant, nullable=False, server_default=_NOW),
    comment="When each long-running process that is no RQ worker was last seen.",
)
