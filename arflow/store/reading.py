"""What a transaction reads of the accounts that it lives: how they stand, and what they have not lived through yet."""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache

from msgspec import Struct
from sqlalchemy import Connection, Table

from arflow.life.records import CashMark
from arflow.store import accounts, cash, events, fuse, policies, switch, tables, together
from arflow.store.accounts import Stored
from arflow.store.events import StoredEvent
from arflow.store.fuse import Fuse
from arflow.store.policies import Activation
from arflow.store.rows import PARTS
from arflow.store.switch import Turn
from arflow.store.together import Rows, records


class Present(Struct, frozen=True, kw_only=True):
    """What holds for all accounts alike, as it stands."""

    activations: list[Activation]
    fuses: list[Fuse]
    marks: tuple[CashMark, ...]
    switch: Turn | None


class Read(Struct, frozen=True, kw_only=True):
    """The accounts of a batch, by id."""

    stored: dict[str, Stored]
    pending: dict[str, list[StoredEvent]]
    """The events that are not applied yet and can be by now."""

    later: Mapping[str, tuple[dt.date, dt.time]]
    """The local date and time of the first event that is still too far ahead for that."""

    present: Present


def present(connection: Connection) -> Present:
    """What holds for all accounts alike."""
    return _present_of(together.ask(connection, _queries_of_present(), {}))


def _present_of(answers: Sequence[Rows]) -> Present:
    activations, fuses, marks, switched = answers
    return Present(
        activations=records(Activation, policies.ACTIVATIONS, activations),
        fuses=records(Fuse, fuse.FUSES, fuses),
        marks=tuple(records(CashMark, cash.MARKS, marks)),
        switch=next(iter(records(Turn, switch.LATEST, switched)), None),
    )


_OF_PRESENT = (policies.ACTIVATIONS, fuse.FUSES, cash.MARKS, switch.LATEST)


@cache
def _queries_of_present() -> str:
    return together.written(*_OF_PRESENT)


def load(connection: Connection, ids: Sequence[str], upto: dt.date, *, everybody: bool) -> Read:
    """The accounts `ids`, and their events that are dated up to `upto`, asked for at once.

    No rule looks at people: unless `everybody` is wanted they are read only where an event may give an account others.
    """
    parts = tuple(table for table in PARTS if everybody or table is not tables.person)
    given = {"ids": accounts.as_json(ids), "upto": upto}
    waiting, ahead, own, *rest = together.ask(connection, _queries(parts), given)
    rows, now = rest[: len(parts)], rest[len(parts) :]
    pending, found = events.pending_of(waiting), dict(zip(parts, rows, strict=True))
    if pending and not everybody:
        people = {"ids": accounts.as_json(sorted(pending))}
        (found[tables.person],) = together.ask(connection, _queries_of_people(), people)
    return Read(
        stored=accounts.stored_of(own, found),
        pending=pending,
        later=events.next_of(ahead),
        present=_present_of(now),
    )


@cache
def _queries(parts: tuple[Table, ...]) -> str:
    of_parts = (accounts.parts_of(table) for table in parts)
    return together.written(events.pending(), events.next_pending(), accounts.own_rows(), *of_parts, *_OF_PRESENT)


@cache
def _queries_of_people() -> str:
    return together.written(accounts.parts_of(tables.person))
