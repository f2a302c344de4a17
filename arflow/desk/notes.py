"""Notes on accounts: what people write down, to be written as if the customer reads it, for one day they may."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

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
    query = select(note.c.id, note.c.event_id, note.c.on, note.c.author, note.c.text)
    for row in connection.execute(query.where(note.c.event_id.in_(list(events))).order_by(note.c.id)):
        found[row.event_id].append(Note(id=row.id, event=row.event_id, on=row.on, author=row.author, text=row.text))
    return found
