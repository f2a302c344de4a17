"""The outbox from the side of who hands messages over: claims with a lease, and what came of them.

A claim gives its message a new lease number. Everything later is done only while that number still stands, so whoever
was taken for dead and comes back can change nothing. Instants are the database's own, whatever the business clock says.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, update

from arflow.store import database, fuse
from arflow.store.accounts import listed
from arflow.store.desk_tables import blown_fuse, message

GIVE_UP = dt.timedelta(days=5)
"""How long a message is tried, from its first attempt; mail servers do so among themselves as well.

What waited untried before, because of a hold or a fuse or while delivery was off, does not count.
"""

FIRST_PAUSE, LONGEST_PAUSE = 60, 3600
"""Seconds to the second attempt, and at most between two; the pause doubles each time, and varies by a fifth."""

_ENOUGH_DOUBLINGS = 10


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A message that is ours to hand over while its lease stands. `number`: the effect that it is; None: a notice."""

    id: int
    account_id: str
    number: int | None
    template: str
    recipient: str
    decided_at: dt.datetime
    zone: str
    lease: int
    attempts: int
    message_id: str


def is_ready() -> ColumnElement[bool]:
    """Whether a message may be handed over now: also one whose lease ran out, never one that a fuse stops.

    The letters of one account go one after the other: who has two under way at once could get both on one day.
    """
    free = message.c.leased_until.is_(None) | (message.c.leased_until < func.now())
    earlier = message.alias("earlier")
    of_account = (earlier.c.account_id == message.c.account_id) & (earlier.c.number < message.c.number)
    is_behind = select(earlier.c.id).where(of_account, earlier.c.settled_at.is_(None)).exists()
    return message.c.settled_at.is_(None) & (message.c.not_before <= func.now()) & free & ~is_stopped() & ~is_behind


def is_tried() -> ColumnElement[bool]:
    """Whether a message was tried in vain, and has not been put off since."""
    return message.c.tried_from.is_not(None) & (message.c.error != "")


def is_stopped() -> ColumnElement[bool]:
    """Whether the storm fuse of the policy of a message is blown."""
    return message.c.policy.in_(select(blown_fuse.c.policy).where(fuse.is_blown()))


def claim(connection: Connection, *, limit: int, seconds: int, domain: str) -> list[Claim]:
    """Up to `limit` messages that are ready, or whose lease ran out, and that nobody else is just claiming."""
    database.by_index(connection)
    ready = select(message.c.id).where(is_ready()).order_by(message.c.not_before, message.c.id)
    found = ready.limit(database.up_to(limit))
    name = func.concat("<", message.c.id, ".", func.replace(_uuid(), "-", ""), f"@{domain}>")
    statement = (
        update(message)
        .where(message.c.id.in_(found.with_for_update(skip_locked=True)))
        .values(
            status="sending",
            lease=message.c.lease + 1,
            attempts=message.c.attempts + 1,
            leased_until=_after(seconds),
            message_id=func.coalesce(message.c.message_id, name),
        )
        .returning(*(message.c[field] for field in Claim.__dataclass_fields__))
    )
    rows = connection.execute(statement).mappings()
    return sorted((Claim(**row) for row in rows), key=lambda claim: claim.id)


def last_sent(connection: Connection, ids: Sequence[str]) -> dict[str, dt.datetime]:
    """When the last letter of each of the accounts `ids` left, for those that had one."""
    sent = (message.c.account_id.in_(listed(ids)), message.c.status == "sent", message.c.number.is_not(None))
    query = select(message.c.account_id, func.max(message.c.settled_at).label("at")).where(*sent)
    return {row.account_id: row.at for row in connection.execute(query.group_by(message.c.account_id))}


def renew(connection: Connection, claimed: Claim, seconds: int) -> bool:
    """Have the lease run `seconds` from now on; False when somebody else has the message, or a fuse stops it."""
    return _changed(connection, claimed, ~is_stopped(), leased_until=_after(seconds))


def put_back(connection: Connection, claimed: Claim, *, not_before: dt.datetime | None = None) -> bool:
    """Queue a message that was not tried as if it had not been claimed; False when somebody else has it.

    With `not_before` it is put off, and waits for that alone: why it was tried in vain before is no longer said.
    """
    when: dict[str, object] = {} if not_before is None else {"not_before": not_before, "error": ""}
    return _changed(connection, claimed, status="queued", leased_until=None, attempts=message.c.attempts - 1, **when)


def try_again(connection: Connection, claimed: Claim, error: str) -> bool:
    """Queue a message for another attempt after a pause; False, and nothing is changed, when it was tried for long."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(claimed.attempts - 1, _ENOUGH_DOUBLINGS))
    varied = func.make_interval(0, 0, 0, 0, 0, 0, pause * (0.8 + 0.4 * func.random()))
    began = func.coalesce(message.c.tried_from, func.now())
    return _changed(
        connection,
        claimed,
        began > func.now() - literal(GIVE_UP),
        status="queued",
        leased_until=None,
        not_before=func.now() + varied,
        tried_from=began,
        error=error,
    )


def settle(connection: Connection, claimed: Claim, status: str, **values: str) -> bool:
    """Mark a message as sent, failed or moot, with what was sent to whom; False when somebody else has it."""
    return _changed(connection, claimed, status=status, leased_until=None, settled_at=func.now(), **values)


def _changed(connection: Connection, claimed: Claim, *conditions: ColumnElement[bool], **values: object) -> bool:
    """Change the message if the lease of `claimed` still stands, and `conditions` hold."""
    mine = and_(message.c.id == claimed.id, message.c.lease == claimed.lease, message.c.status == "sending")
    done = connection.execute(update(message).where(mine, *conditions).values(**values))
    return done.rowcount == 1


def _after(seconds: int) -> ColumnElement[Any]:
    return func.now() + literal(dt.timedelta(seconds=seconds))


def _uuid() -> ColumnElement[str]:
    return func.gen_random_uuid().cast(message.c.message_id.type)


# --- failed messages --------------------------------------------------------------------------------------------------


def queue_again(connection: Connection, number: int, error: str) -> bool:
    """Queue a failed message as a new one, with the same Message-ID; False when there is no such failed message."""
    done = connection.execute(
        update(message)
        .where(message.c.id == number, message.c.status == "failed")
        .values(
            status="queued",
            settled_at=None,
            attempts=0,
            queued_at=func.now(),
            not_before=func.now(),
            tried_from=None,
            error=error,
        )
    )
    return done.rowcount == 1


def failed(connection: Connection, limit: int) -> Sequence[Any]:
    """The rows of the messages that failed last, the latest first."""
    query = select(message).where(message.c.status == "failed")
    latest = query.order_by(message.c.settled_at.desc(), message.c.id.desc())
    return connection.execute(latest.limit(limit)).all()
