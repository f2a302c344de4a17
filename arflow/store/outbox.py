"""What leaves an account becomes rows, in the transaction that decided it: messages to hand over, tasks for people."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct
from sqlalchemy import Connection, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from arflow.life.records import Entry, EntryKind
from arflow.store import bulk, desk_tables
from arflow.store.rows import Row
from arflow.vocabulary import EffectKind

NOTICE = "notice: "
"""What the template of a notice to our own people begins with; the rule follows."""

_ASKS = re.compile(r"rule `(?P<rule>.*)` asks you to look at this account")

_LEAVES = (EffectKind.SEND.value, EffectKind.NOTIFY.value)


class Leaving(Struct, frozen=True, kw_only=True):
    """A journal entry, with the zone in which its account lives, and the name of the policy that decided it."""

    entry: Entry
    zone: str
    policy: str


def put_out(connection: Connection, entries: Iterable[Leaving], *, with_messages: bool) -> None:
    """Write the rows of those of `entries` that leave; messages only where they are really sent."""
    leaving = [one for one in entries if one.entry.kind is EntryKind.EFFECT and one.entry.effect in _LEAVES]
    messages = [_message(one) for one in leaving if with_messages and _is_mail(one.entry)]
    tasks = [_task(one.entry) for one in leaving if not _is_mail(one.entry)]
    bulk.insert(connection, desk_tables.message, messages)
    if tasks:  # a notice that is still open is not told again
        connection.execute(insert(desk_tables.task).on_conflict_do_nothing(), tasks)


def rule_that_asks(text: str) -> str | None:
    """The rule that a notice to our own people is of, by its text; None for any other text."""
    found = _ASKS.fullmatch(text)
    return found["rule"] if found else None


def _is_mail(entry: Entry) -> bool:
    """Whether the effect is a mail: to the customer, or a notice to an address; other notices are tasks of a role."""
    return entry.effect == EffectKind.SEND or "@" in (entry.name or "")


def discard(connection: Connection, policy: str, error: str) -> list[Row]:
    """End the messages of a policy that have not left; gives what is to be told to the rules.

    One that somebody claimed is theirs no more. It may be leaving at this moment, which its error says.
    """
    table = desk_tables.message
    is_claimed = table.c.status == "sending"
    ended = connection.execute(
        update(table)
        .where(table.c.policy == policy, table.c.settled_at.is_(None))
        .values(
            status="failed",
            settled_at=func.now(),
            leased_until=None,
            lease=table.c.lease + 1,
            error=case((is_claimed, f"{error}; it was being handed over, and may have left"), else_=error),
        )
        .returning(table.c.account_id, table.c.number, table.c.template, table.c.decided_at, table.c.zone)
    )
    return [
        {"account": row.account_id, "template": row.template, "decided_at": row.decided_at, "zone": row.zone}
        for row in ended
        if row.number is not None
    ]


def old_letters(connection: Connection, before: dt.datetime, after: int, limit: int) -> list[Row]:
    """Up to `limit` letters behind the row `after` that were settled, and decided before an instant, in order."""
    table = desk_tables.message
    names = ("id", "account_id", "number", "decided_at", "template", "recipient", "language", "subject", "text")
    query = select(*(table.c[name] for name in names)).where(
        table.c.settled_at.is_not(None), table.c.decided_at < before, table.c.text != "", table.c.id > after
    )
    return [dict(row) for row in connection.execute(query.order_by(table.c.id).limit(limit)).mappings()]


def shed(connection: Connection, ids: Sequence[int]) -> None:
    """Take the texts out of the letters `ids`; that they left, and what became of them, stays."""
    table = desk_tables.message
    connection.execute(update(table).where(table.c.id.in_(ids)).values(text=""))


def _message(leaving: Leaving) -> Row:
    entry = leaving.entry
    to_customer = entry.effect == EffectKind.SEND
    return {
        "account_id": entry.account,
        "number": entry.number if to_customer else None,
        "template": entry.name if to_customer else f"{NOTICE}{entry.rule}",
        "recipient": "" if to_customer else entry.name,
        "decided_at": entry.at,
        "zone": leaving.zone,
        "policy": leaving.policy,
        "status": "queued",
    }


def _task(entry: Entry) -> Row:
    return {
        "account_id": entry.account,
        "kind": "notice",
        "assignee": entry.name,
        "due_on": entry.on,
        "text": f"rule `{entry.rule}` asks you to look at this account",
    }
