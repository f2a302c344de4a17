"""Events as rows: everything recorded, as received. An event is applied once, in the transaction that marks it so."""

import datetime as dt
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Date,
    Select,
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from arflow.accounts.events import Event, parse
from arflow.accounts.timeline import references_first
from arflow.errors import Refused
from arflow.life.records import Part
from arflow.store import bulk, tables
from arflow.store.accounts import asked, listed
from arflow.store.jsontext import text_of
from arflow.store.rows import Row
from arflow.store.together import Rows, named


class StoredEvent(Struct, frozen=True, kw_only=True):
    """An event of the table, and what is known of it. `known_at` or `known_on` is the business now of its import."""

    row: int
    event: Event
    applied: bool
    known_at: dt.datetime | None
    known_on: dt.date | None
    was: Mapping[str, object] | None = None
    actor: str = ""


def _plain(value: object) -> object:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(value)


def canonical(event: Event) -> str:
    """The content of `event` as canonical JSON, without its account: two events say the same if this is the same."""
    return text_of({"date": event.on.isoformat(), "time": f"{event.clock:%H:%M}", **event.data}, _plain)


def digest(event: Event) -> bytes:
    """The SHA-256 of the canonical content."""
    return _digest(canonical(event))


def _digest(said: str) -> bytes:
    return hashlib.sha256(said.encode()).digest()


def from_row(row: Mapping[Any, Any]) -> StoredEvent:
    """The event that a row of the table holds."""
    content = {**row["content"], "event": row["kind"], "account": row["account_id"]}
    return StoredEvent(
        row=row["id"],
        event=parse(content),
        applied=bool(row["applied"]),
        known_at=row["known_at"],
        known_on=row["known_on"],
        was=row["was"],
        actor=row["actor"],
    )


def of_accounts(connection: Connection, ids: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """All events of the accounts `ids`, each account's in the order of (date, time, arrival)."""
    return _fetched(connection, select(tables.event).where(tables.event.c.account_id.in_(listed(ids))))


def payers_of(connection: Connection, ids: Sequence[str]) -> set[str]:
    """The accounts through which events of the accounts `ids` say that they pay, whenever."""
    table = tables.event
    payer = table.c.content["pays_through"].astext
    query = select(payer).distinct().where(table.c.account_id.in_(listed(ids)), table.c.kind == "account")
    return set(connection.execute(query.where(payer.is_not(None))).scalars())


def pending() -> Select[Any]:
    """The events of the accounts that are `asked` for that are not applied yet and dated up to `upto`.

    Of an account that is still to come, all of them.
    """
    table, account = tables.event, tables.account
    unborn = select(account.c.id).where(account.c.id == table.c.account_id, ~account.c.born).exists()
    query = select(table).where(table.c.account_id.in_(asked()), ~table.c.applied, (table.c.on <= _UPTO) | unborn)
    return query.order_by(*_IN_ORDER)


def pending_of(rows: Rows) -> dict[str, list[StoredEvent]]:
    """What the rows of `pending` say, account by account."""
    return _by_account(named(tables.event.columns.keys(), rows))


def next_pending() -> Select[Any]:
    """The first event of each account that is `asked` for that is not applied yet and dated after `upto`."""
    table = tables.event
    return (
        select(table.c.account_id, table.c.on, table.c.clock)
        .ext(distinct_on(table.c.account_id))
        .where(table.c.account_id.in_(asked()), ~table.c.applied, table.c.on > _UPTO)
        .order_by(table.c.account_id, table.c.on, table.c.clock)
    )


def next_of(rows: Rows) -> dict[str, tuple[dt.date, dt.time]]:
    """What the rows of `next_pending` say: a local date and time for each account that has one."""
    return {account: (on, at) for account, on, at in rows}


_UPTO = bindparam("upto", type_=Date)
_IN_ORDER = (tables.event.c.on, tables.event.c.clock, tables.event.c.id)


def _fetched(connection: Connection, query: Select[Any]) -> dict[str, list[StoredEvent]]:
    return _by_account(connection.execute(query.order_by(*_IN_ORDER)).mappings())


def _by_account(rows: Iterable[Mapping[Any, Any]]) -> dict[str, list[StoredEvent]]:
    found: dict[str, list[StoredEvent]] = defaultdict(list)
    for row in rows:
        found[row["account_id"]].append(from_row(row))
    return found


def parts_of(events: Iterable[StoredEvent]) -> list[Part]:
    """`events`, which are in order, as parts: those of one date and time together."""
    moments: dict[tuple[dt.date, dt.time], list[Event]] = {}
    for stored in events:
        moments.setdefault((stored.event.on, stored.event.clock), []).append(stored.event)
    return [Part(on=on, clock=clock, events=tuple(references_first(found))) for (on, clock), found in moments.items()]


def mark_applied(connection: Connection, rows: Sequence[int]) -> None:
    """Mark events as applied, in the transaction that applies them."""
    if rows:
        table = tables.event
        them = table.c.id == any_(bindparam(None, list(rows), type_=ARRAY(BigInteger)))  # a parameter each takes longer
        connection.execute(update(table).where(them).values(applied=True, was=None))


def record(
    connection: Connection, event: Event, *, actor: str, known_at: dt.datetime | None, known_on: dt.date | None
) -> int:
    """Record one event, to be applied; gives its row. Raises Refused when one with its id is recorded already."""
    table = tables.event
    key = str(event.id) if event.id is not None else digest(event).hex()
    same = (table.c.account_id == event.account, table.c.kind == event.kind, table.c.identity == key)
    there = int(connection.execute(select(func.count()).where(*same)).scalar_one())
    if there and event.id is not None:
        raise Refused(f"{event.kind} `{event.id}` is recorded already")
    row = row_of(event, identity=key, occurrence=there + 1) | {"known_at": known_at, "known_on": known_on}
    return int(connection.execute(insert(table).returning(table.c.id), row | {"actor": actor}).scalar_one())


def record_each(connection: Connection, known: Sequence[tuple[Event, dt.datetime]]) -> None:
    """Record events without an id, to be applied, each known from its instant on; what is said again is there again."""
    table = tables.event
    keys = [digest(event).hex() for event, _ in known]
    named = listed([event.account for event, _ in known])
    query = select(table.c.account_id, table.c.kind, table.c.identity, func.count()).where(
        table.c.account_id.in_(named), table.c.identity.in_(listed(keys))
    )
    counted = connection.execute(query.group_by(table.c.account_id, table.c.kind, table.c.identity))
    there = Counter({(account, kind, key): number for account, kind, key, number in counted})
    rows = []
    for (event, at), key in zip(known, keys, strict=True):
        there[event.account, event.kind, key] += 1
        row = row_of(event, identity=key, occurrence=there[event.account, event.kind, key])
        rows.append(row | {"known_at": at, "known_on": None, "actor": ""})
    bulk.insert(connection, table, rows)


def row_of(event: Event, *, identity: str, occurrence: int) -> Row:
    """The columns of an event that say what happened."""
    said = canonical(event)
    return {
        "account_id": event.account,
        "kind": event.kind,
        "identity": identity,
        "occurrence": occurrence,
        "on": event.on,
        "clock": event.clock,
        "content": json.loads(said),
        "digest": _digest(said),
    }


def withdraw(connection: Connection, account: str, kind: str) -> int:
    """Take back what people recorded of a kind for a later date and is not applied yet; gives how many there were."""
    table = tables.event
    mine = (table.c.account_id == account, table.c.kind == kind, table.c.actor != "")
    return connection.execute(delete(table).where(*mine, ~table.c.applied)).rowcount


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write new events."""
    bulk.insert(connection, tables.event, rows)


def correct(
    connection: Connection, stored: StoredEvent, event: Event, known_at: dt.datetime | None, known_on: dt.date | None
) -> None:
    """Replace the content of a stored event; it becomes pending, and the account's books will be folded anew."""
    table = tables.event
    connection.execute(
        update(table)
        .where(table.c.id == stored.row)
        .values(
            {
                "on": event.on,
                "clock": event.clock,
                "content": json.loads(canonical(event)),
                "digest": digest(event),
                "known_at": known_at,
                "known_on": known_on,
                "applied": False,
                "was": json.loads(canonical(stored.event)),
            }
        )
    )
