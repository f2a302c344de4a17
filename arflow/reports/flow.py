"""What moved between the ends of two days, from the journal: from which state to which, and by which steps."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, Subquery, Text, column, func, select, text

from arflow.vocabulary import State

_ORDER = [str(state) for state in State]
NEW = "new"
"""Stands for the state of an account of which nothing was recorded yet."""

_WENT = text(
    """
    WITH moved AS (SELECT DISTINCT account_id FROM journal WHERE kind = 'step' AND "on" > :start)
    SELECT account.id, account.currency,
           CASE WHEN began."on" > :start THEN :new
                WHEN moved.account_id IS NULL THEN account.state
                ELSE coalesce((SELECT "to" FROM journal WHERE account_id = account.id AND kind = 'step'
                               AND "on" <= :start ORDER BY seq DESC LIMIT 1), :first) END AS source,
           CASE WHEN moved.account_id IS NULL THEN account.state
                ELSE coalesce((SELECT "to" FROM journal WHERE account_id = account.id AND kind = 'step'
                               AND "on" <= :until ORDER BY seq DESC LIMIT 1), :first) END AS "to"
    FROM (SELECT account_id, min("on") AS "on" FROM event GROUP BY account_id) AS began
    JOIN account ON account.id = began.account_id
    LEFT JOIN moved ON moved.account_id = account.id
    WHERE began."on" <= :until
    """
)
"""Where each account stood at the end of two days. One that has not moved since the first stands where it stood."""

_STEPS = text(
    """
    SELECT currency, source, "to", count(*) AS steps, count(DISTINCT account_id) AS accounts
    FROM journal JOIN account ON account.id = account_id
    WHERE kind = 'step' AND "on" > :start AND "on" <= :until
    GROUP BY currency, source, "to"
    """
)


@dataclass(frozen=True, kw_only=True)
class Went:
    """Which accounts: those that stood in `source` at the end of the day `start` (NEW: nowhere yet), later in `to`."""

    start: dt.date
    source: str
    to: str


@dataclass(frozen=True, kw_only=True)
class Flow:
    """`accounts` of a currency stood in `source` at the end of the first day, and in `to` at the end of the last."""

    currency: str
    source: str
    to: str
    accounts: int


@dataclass(frozen=True, kw_only=True)
class Moves:
    """The steps from `source` to `to` in between: how many, of how many accounts."""

    currency: str
    source: str
    to: str
    steps: int
    accounts: int


def flow(connection: Connection, start: dt.date, until: dt.date) -> list[Flow]:
    """How many went from where to where, by currency; those that stayed are counted too."""
    one = _went(start, until)
    which = (one.c.currency, one.c.source, one.c.to)
    rows = connection.execute(select(*which, func.count().label("accounts")).group_by(*which))
    found = [Flow(currency=row.currency, source=row.source, to=row.to, accounts=row.accounts) for row in rows]
    return sorted(found, key=lambda one: (one.currency, _place(one.source), _place(one.to)))


def who_went(which: Went, until: dt.date) -> Select[tuple[str]]:
    """The ids of those accounts, `until` whose end they went."""
    one = _went(which.start, until)
    return select(one.c.id).where(one.c.source == which.source, one.c.to == which.to)


def _went(start: dt.date, until: dt.date) -> Subquery:
    """The currency, the source and the end of every account of which anything was recorded by `until`."""
    bound = _WENT.bindparams(start=start, until=until, new=NEW, first=State.CURRENT.value)
    return bound.columns(*(column(name, Text) for name in ("id", "currency", "source", "to"))).subquery("went")


def moves(connection: Connection, start: dt.date, until: dt.date) -> list[Moves]:
    """The steps after the end of `start` up to the end of `until`, by currency."""
    rows = connection.execute(_STEPS, {"start": start, "until": until})
    found = [Moves(currency=r.currency, source=r.source, to=r.to, steps=r.steps, accounts=r.accounts) for r in rows]
    return sorted(found, key=lambda one: (one.currency, _place(one.source), _place(one.to)))


def _place(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else -1


def as_json(one: Flow) -> Mapping[str, object]:
    """One line with documented names."""
    return {"currency": one.currency, "from": one.source, "to": one.to, "accounts": one.accounts}
