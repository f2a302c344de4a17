"""Anchors: at a moment, one digest over the heads of all chains and over the tables that are only added to.

An anchor's digest is SHA-256 over the digest of the anchor before and what has grown since, so that the latest one
stands for everything. The database remembers how long each journal was at each anchor, so that a digest can be made
again when journals have gone on; who writes that anew as well gets another digest, and the file of anchors outside the
database (`arflow/anchors.py`) says which one it was.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Table, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from arflow.store.desk_tables import cash_mark, delivery_switch
from arflow.store.tables import account, anchor, anchored, journal, policy_activation

ANCHORING = 7238161
"""The advisory lock of who makes an anchor."""

_LISTS: Mapping[Table, tuple[str, ...]] = {
    policy_activation: ("id", "name", "version", "message", "actor", "known_at", "known_on"),
    delivery_switch: ("id", "is_on", "actor", "reason", "known_at", "known_on"),
    cash_mark: ("id", "through", "actor", "known_at", "known_on"),
}
"""The tables that are only added to, and what of them is in the digest. Fixed: old anchors are made again from it."""

_BEGINNING = b"\0" * 32
_BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Everything journalled until `at`: how many accounts and rows that was, and the digest over it."""

    number: int
    at: dt.datetime
    accounts: int
    rows: int
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An anchor as it stands, and whether its digest follows from what stands in the database now."""

    anchor: Anchor
    follows: bool


def latest(connection: Connection) -> Anchor | None:
    """The last anchor that was made."""
    return next(iter(_read(connection, select(anchor).order_by(anchor.c.number.desc()).limit(1))), None)


def is_due(connection: Connection) -> bool:
    """Whether anything was journalled, and no anchor was made on this date, of the real clock in UTC."""
    today = select(anchor.c.number).where(func.date(anchor.c.at) == func.date(func.now()))
    return bool(connection.execute(select(select(journal.c.seq).exists() & ~today.exists())).scalar_one())


def silent_for(connection: Connection) -> dt.timedelta | None:
    """How long ago the last anchor was made, or the first policy activated; None when nothing began."""
    last = func.coalesce(select(func.max(anchor.c.at)).scalar_subquery(), func.min(policy_activation.c.at))
    begun, now = connection.execute(select(last, func.now()).select_from(policy_activation)).one()
    return None if begun is None else now - begun


def make(engine: Engine, *, only_when_due: bool = False) -> Anchor | None:
    """Make an anchor of what stands in the database now; with `only_when_due` none when there is one of today."""
    with engine.begin() as connection:
        ends = _ends(connection)
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(ANCHORING)))
        if only_when_due and not is_due(connection):
            return None
        before = latest(connection)
        number = before.number + 1 if before else 1
        connection.execute(insert(anchored).from_select(["anchor", "account_id", "length"], _grown(number)))
        size = select(func.count(), func.coalesce(func.sum(account.c.journal_length), 0))
        accounts, rows = connection.execute(size.where(account.c.journal_length > 0)).one()
        begun = _ends_of(connection, before.number if before else 0)
        content = _content(connection, begun, ends, _heads(connection, number))
        row = {"number": number, "accounts": accounts, "rows": rows, "ends": ends}
        digest = _digest(before.digest if before else _BEGINNING, content)
        connection.execute(insert(anchor).values(**row, digest=digest))
        made = latest(connection)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE anchored"))  # or the next anchor takes it for as small as it was
    return made


def check(connection: Connection) -> Iterator[Checked]:
    """Every anchor in order, each made again from what stands in the database now and from the one before."""
    groups = groupby(_heads(connection), lambda head: int(head.anchor))
    number, heads = next(groups, _NONE)
    before, begun = _BEGINNING, dict[str, int]()
    for one in _read(connection, select(anchor).order_by(anchor.c.number)):
        ends, own = _ends_of(connection, one.number), heads if number == one.number else ()
        made = _digest(before, _content(connection, begun, ends, own))
        yield Checked(anchor=one, follows=made == one.digest)
        if number == one.number:
            number, heads = next(groups, _NONE)
        before, begun = one.digest, ends


_NONE: tuple[int, Iterator[Row[Any]]] = (0, iter(()))


def _read(connection: Connection, query: Select[Any]) -> list[Anchor]:
    rows = connection.execute(query).mappings().all()
    return [Anchor(**{name: row[name] for name in Anchor.__dataclass_fields__}) for row in rows]


# --- what is in a digest ----------------------------------------------------------------------------------------------


def _ends(connection: Connection) -> dict[str, int]:
    """The last id of each table that is only added to. Who is just adding to one is waited for, so none comes later."""
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in _LISTS)} IN SHARE MODE"))
    return {
        table.name: connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one() for table in _LISTS
    }


def _ends_of(connection: Connection, number: int) -> dict[str, int]:
    """The ends of an anchor that was made; none for 0."""
    return connection.execute(select(anchor.c.ends).where(anchor.c.number == number)).scalar() or {}


def _grown(number: int) -> Select[Any]:
    """The accounts whose journals are not as long as they were at their last anchor."""
    last = (
        select(anchored.c.account_id, anchored.c.length)
        .ext(distinct_on(anchored.c.account_id))
        .order_by(anchored.c.account_id, anchored.c.anchor.desc())
        .cte("last")  # read once: what is looked up in a table that grows meanwhile may read it whole each time
    )
    known = account.outerjoin(last, last.c.account_id == account.c.id)
    grown = account.c.journal_length.is_distinct_from(func.coalesce(last.c.length, 0))
    return select(literal(number), account.c.id, account.c.journal_length).select_from(known).where(grown)


def _heads(connection: Connection, number: int | None = None) -> Iterator[Row[Any]]:
    """What each journal ended with at its anchors, or at one; in an order that no database sorts otherwise."""
    place = (journal.c.account_id == anchored.c.account_id) & (journal.c.seq == anchored.c.length)
    query = select(anchored, journal.c.hash).select_from(anchored.outerjoin(journal, place))
    if number is not None:
        query = query.where(anchored.c.anchor == number)
    query = query.order_by(anchored.c.anchor, anchored.c.account_id.collate("C"))
    yield from connection.execute(query.execution_options(yield_per=_BATCH))


def _content(
    connection: Connection, begun: Mapping[str, int], ends: Mapping[str, int], heads: Iterable[Row[Any]]
) -> Iterator[bytes]:
    for table, names in _LISTS.items():
        rows = select(*(table.c[name] for name in names)).order_by(table.c.id)
        added = rows.where(table.c.id > begun.get(table.name, 0), table.c.id <= ends.get(table.name, 0))
        for row in connection.execute(added):
            yield json.dumps([table.name, *row], default=str, separators=(",", ":")).encode() + b"\n"
    for head in heads:
        yield f"{head.account_id}\0{head.length}\0".encode() + (head.hash or b"")


def _digest(before: bytes, content: Iterable[bytes]) -> bytes:
    made = hashlib.sha256(before)
    for part in content:
        made.update(part)
    return made.digest()
