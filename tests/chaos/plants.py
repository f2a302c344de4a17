"""Faults of arflow itself, planted from outside into processes of the suite: each run with one must be caught.

They are what a durable engine must not do. Nothing in arflow knows of them: `planted/sitecustomize.py` puts one into
every process that is started with that folder on its PYTHONPATH, `planted` into this one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Engine, select, update

from arflow import advance, deliver
from arflow.mail import ACCEPTED, Mail
from arflow.store import accounts, tables
from arflow.store.accounts import Changed
from arflow.store.leases import Claim

_turn, _record, _claim, _save = deliver._turn, advance.record, accounts.claim, accounts._save_accounts


def _mark_before_send(engine: Engine, batch: deliver._Batch, claim: Claim, mail: Mail) -> deliver._Turn:
    """A letter counts as sent before it is handed over, so whoever dies in between has lost it."""
    turn = _turn(engine, batch, claim, mail)
    if turn is deliver._Turn.OURS:
        deliver._settle(engine, batch, [(claim, deliver._Outcome(result=ACCEPTED))])
    return turn


def _record_whatever_was_seen(*arguments: Any, seen: int | None = None, **named: Any) -> Any:  # noqa: ANN401
    """What a person records counts, whatever has changed since they looked."""
    return _record(*arguments, seen=None, **named)


def _save_whatever_was_read(connection: Connection, changes: Sequence[Changed]) -> None:
    """An account is written over whatever somebody else has written meanwhile."""
    keys = accounts.listed([change.account.id for change in changes])
    query = select(tables.account.c.id, tables.account.c.version).where(tables.account.c.id.in_(keys))
    present = {row.id: row.version for row in connection.execute(query)}
    _save(connection, [replace(c, before=replace(c.before, version=present[c.account.id])) for c in changes])


def _clear_before_commit(connection: Connection, is_due: ColumnElement[bool], limit: int) -> list[str]:
    """Who is claimed is not due any more, in a transaction that ends before they are lived."""
    with connection.engine.begin() as aside:
        ids = _claim(aside, is_due, limit)
        cleared = update(tables.account).values(next_due=None, due_on=None)
        aside.execute(cleared.where(tables.account.c.id.in_(accounts.listed(ids))))
    return accounts.lock(connection, ids)


PLANTS: dict[str, list[tuple[object, str, Callable[..., Any]]]] = {
    "mark-before-send": [(deliver, "_turn", _mark_before_send)],
    "no-version-guard": [
        (advance, "record", _record_whatever_was_seen),
        (accounts, "_save_accounts", _save_whatever_was_read),
    ],
    "wake-cleared-before-commit": [(accounts, "claim", _clear_before_commit)],
}
"""Each with what it puts in the place of what."""


def _named(names: str) -> list[tuple[object, str, Callable[..., Any]]]:
    """What the faults put in place, whose names are joined by `+`."""
    return [one for name in names.split("+") if name for one in PLANTS[name]]


@contextmanager
def planted(names: str) -> Iterator[None]:
    """Have faults in this process while the block runs; no name, none."""
    patches = [patch.object(place, what, by) for place, what, by in _named(names)]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def plant(names: str) -> None:
    """Have faults in this process for good."""
    for place, what, by in _named(names):
        setattr(place, what, by)
