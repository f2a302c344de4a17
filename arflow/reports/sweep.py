"""How the pipeline changed day by day: one pass over all accounts, from which every past day is added up.

A day's figures are the sum of all changes until its end. They are what `past` takes off today's books for one day, and
what `positions` folds from the events: the same accounts, states and amounts. SQL says it of all accounts but those of
which something recorded is still to be applied, and those whose promises name invoices: they are folded, day by day.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Date, Row, Text, TextClause, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from arflow.reports.dealing import dealt
from arflow.reports.past import unsettled
from arflow.reports.positions import Judging, Position, judging, positions_by_day
from arflow.store import tables
from arflow.vocabulary import State

BATCH = 5000
"""Accounts of one statement."""

Key = tuple[str, str, dt.date]
"""A currency, a state, and the day at whose end it is different."""


@dataclass(kw_only=True, slots=True)
class Change:
    """What the accounts and amounts of a state are more than the day before; minor units."""

    accounts: int = 0
    open_amount: int = 0
    gross: int = 0
    disputed: int = 0
    promised: int = 0

    def add(self, other: "Row[Any] | Change", sign: int = 1) -> None:
        """Add another one, or take it off."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))


NUMBERS = tuple(each.name for each in fields(Change))


def sweep(
    connection: Connection, upto: dt.date, after: Callable[[int, float], object] = lambda *_: None
) -> Mapping[Key, Change]:
    """All changes until the end of `upto`; `after` is told of each batch how many accounts, and how many seconds."""
    connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))  # each batch has accounts of its own
    connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))  # the other cores are for who waits
    connection.execute(text("SET LOCAL work_mem = '32MB'"))
    terms, apart = judging(connection), _apart(connection, upto)
    found: dict[Key, Change] = defaultdict(Change)
    for ids in _batches(connection):
        begun = monotonic()
        folded = [key for key in ids if key in apart]
        for row in _by_sql(connection, (ids[0], ids[-1]), upto, folded, terms):
            found[row.currency, row.state, row.on].add(row)
        for line in positions_by_day(connection, folded, upto):
            _add(found, line)
        after(len(ids), monotonic() - begun)
    return found


def _by_sql(
    connection: Connection, between: tuple[str, str], upto: dt.date, apart: Sequence[str], terms: Judging
) -> Iterable[Row[Any]]:
    """The changes through the accounts from one to another, but for those `apart`."""
    first, last = between
    covered = list(dealt(connection, between, upto, terms))
    given = {
        "first": first,
        "last": last,
        "upto": upto,
        "apart": apart,
        "grace": terms.grace,
        "states": [state.value for state in State],
        "dealt_accounts": [account for account, _, _ in covered],
        "dealt_days": [day for _, day, _ in covered],
        "dealt_amounts": [amount for _, _, amount in covered],
    }
    return connection.execute(_statement(), given)


@cache
def _statement() -> TextClause:
    types: dict[str, Any] = {
        "upto": Date,
        "apart": ARRAY(Text),
        "grace": JSONB,
        "states": ARRAY(Text),
        "dealt_accounts": ARRAY(Text),
        "dealt_days": ARRAY(Date),
        "dealt_amounts": ARRAY(BigInteger),
    }
    said = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    return text(said).bindparams(*(bindparam(name, type_=kind) for name, kind in types.items()))


def _add(found: dict[Key, Change], line: Sequence[tuple[dt.date, Position]]) -> None:
    """Add how one account stood from the end of each of these days on."""
    before: tuple[str, str, Change] | None = None
    for day, position in line:
        now = Change(
            accounts=1,
            open_amount=position.open_amount,
            gross=position.gross,
            disputed=position.disputed,
            promised=position.promised,
        )
        if before is not None:
            found[before[0], before[1], day].add(before[2], -1)
        found[position.currency, position.state, day].add(now)
        before = position.currency, position.state, now


def _batches(connection: Connection) -> Iterator[Sequence[str]]:
    """The ids of all accounts, in the order in which the database has them."""
    account, after = tables.account, ""
    while True:
        query = select(account.c.id).where(account.c.id > after).order_by(account.c.id).limit(BATCH)
        ids = connection.execute(query).scalars().all()
        if not ids:
            return
        yield ids
        after = ids[-1]


def _apart(connection: Connection, upto: dt.date) -> set[str]:
    """The accounts that are folded."""
    promise = tables.promise
    naming = select(promise.c.account_id).where(promise.c.on <= upto, func.cardinality(promise.c.invoices) > 0)
    return {*unsettled(connection, upto), *connection.execute(naming).scalars()}
