"""Notes on accounts: what people write down, to be written as if the customer reads it, for one day they may."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from arflow.errors import Refused
from arflow.store.desk_tables import note

LONGEST = 2000
_TWICE = dt.timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Note:
    """A text by `author`, on the account's local date `on`; about the event of row `event`, if about any."""

    id: int
    event: int | None
    on: dt.date
    author: str
    text: str


def add(connection: Connection, account: str, text: str, *, author: str, on: dt.date, about: int | None = None) -> None:
    """Keep a note. The last one once more within a minute, as when a form is sent twice, is one."""
    if not text.strip() or len(text) > LONGEST:
        raise Refused(f"a note has 1 to {LONGEST} characters")
    if about is None and _is_last(connection, account, text, author):
        return
    connection.execute(insert(note).values(account_id=account, event_id=about, on=on, author=author, text=text))


def _is_last(connection: Connection, account: str, text: str, author: str) -> bool:
    latest = (
        select(note.c.text, note.c.author)
        .where(note.c.account_id == account, note.c.made_at > func.now() - _TWICE)
        .order_by(note.c.id.desc())
        .limit(1)
    )
    row = connection.execute(latest).first()
    return row is not None and (row.text, row.author) == (text, author)


def about(connection: Connection, events: Sequence[int]) -> dict[int, list[Note]]:
    """The notes about each of the events of rows `events`."""
    found: dict[int, list[Note]] = {row: [] for row in events}
    if not events:
        return found
    for row in connection.execute(_NOTES.where(note.c.event_id.in_(list(events))).order_by(note.c.id)):
        found[row.event_id].append(_note(row))
    return found


def latest(connection: Connection, account: str, limit: int = 3) -> list[Note]:
    """The last notes that stand for themselves, newest first; those about a call are told with it."""
    query = _NOTES.where(note.c.account_id == account, note.c.event_id.is_(None)).order_by(note.c.id.desc())
    return [_note(row) for row in connection.execute(query.limit(limit))]


_NOTES = select(note.c.id, note.c.event_id, note.c.on, note.c.author, note.c.text)


def _note(row: Row[*tuple[Any, ...]]) -> Note:
    return Note(id=row.id, event=row.event_id, on=row.on, author=row.author, text=row.text)
