"""What moved between the ends of two days, from the journal: from which state to which, and by which steps."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from arflow.vocabulary import State

_ORDER = [str(state) for state in State]
NEW = "new"
"""Stands for the state of an account of which nothing was recorded yet."""

_STOOD = text(
    """
    SELECT account.id, account.currency,
           (SELECT min("on") FROM event WHERE account_id = account.id) AS began,
           before."to" AS was, after."to" AS became
    FROM account
    LEFT JOIN LATERAL (SELECT "to" FROM journal WHERE account_id = account.id AND kind = 'step' AND "on" <= :start
                       ORDER BY seq DESC LIMIT 1) AS before ON true
    LEFT JOIN LATERAL (SELECT "to" FROM journal WHERE account_id = account.id AND kind = 'step' AND "on" <= :until
                       ORDER BY seq DESC LIMIT 1) AS after ON true
    ORDER BY account.id
    """
)

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
    """One account: where it stood at the end of the first day (NEW: nowhere yet), and at the end of the last."""

    account: str
    currency: str
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


def went(connection: Connection, start: dt.date, until: dt.date) -> list[Went]:
    """Every account of which anything was recorded by `until`, in the order of their ids."""
    rows = connection.execute(_STOOD, {"start": start, "until": until})
    return [
        Went(
            account=row.id,
            currency=row.currency,
            source=NEW if row.began > start else row.was or State.CURRENT.value,
            to=row.became or State.CURRENT.value,
        )
        for row in rows
        if row.began is not None and row.began <= until
    ]


def flow(found: Sequence[Went]) -> list[Flow]:
    """How many went from where to where, by currency; those that stayed are counted too."""
    counts = Counter((one.currency, one.source, one.to) for one in found)
    return [
        Flow(currency=currency, source=source, to=to, accounts=counts[currency, source, to])
        for currency, source, to in sorted(counts, key=lambda key: (key[0], _place(key[1]), _place(key[2])))
    ]


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
