"""Events as rows: everything recorded, as received. An event is applied once, in the transaction that marks it so."""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from arflow.accounts.events import Event, parse
from arflow.accounts.timeline import references_first
from arflow.life.records import Part
from arflow.store import tables
from arflow.store.accounts import listed
from arflow.store.rows import Row


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """An event of the table, and what is known of it. `known_at` or `known_on` is the business now of its import."""

    row: int
    event: Event
    applied: bool
    known_at: dt.datetime | None
    known_on: dt.date | None
    was: Mapping[str, object] | None = None


def canonical(event: Event) -> str:
    """The content of `event` as canonical JSON, without its account: two events say the same if this is the same."""
    content = {"date": event.on.isoformat(), "time": f"{event.clock:%H:%M}", **event.data}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(value)


def digest(event: Event) -> bytes:
    """The SHA-256 of the canonical content."""
    return hashlib.sha256(canonical(event).encode()).digest()


def from_row(row: Mapping[str, object]) -> StoredEvent:
    """The event that a row of the table holds."""
    content = {**row["content"], "event": row["kind"], "account": row["account_id"]}  # type: ignore[dict-item]  # JSON
    return StoredEvent(
        row=row["id"],  # type: ignore[arg-type]  # columns of the table
        event=parse(content),
        applied=bool(row["applied"]),
        known_at=row["known_at"],  # type: ignore[arg-type]  # columns of the table
        known_on=row["known_on"],  # type: ignore[arg-type]  # columns of the table
        was=row["was"],  # type: ignore[arg-type]  # columns of the table
    )


def of_accounts(
    connection: Connection, ids: Sequence[str], *, only_pending: bool = False
) -> dict[str, list[StoredEvent]]:
    """The events of the accounts `ids`, each account's in the order of (date, time, arrival)."""
    table = tables.event
    query = select(table).where(table.c.account_id.in_(listed(ids)))
    if only_pending:
        query = query.where(~table.c.applied)
    found: dict[str, list[StoredEvent]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.c.on, table.c.clock, table.c.id)).mappings():
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
        connection.execute(update(table).where(table.c.id.in_(list(rows))).values(applied=True, was=None))


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write new events."""
    if rows:
        connection.execute(tables.event.insert(), list(rows))


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
