"""Promises across accounts: those due between two days, each with its account, who took it, and where it stood."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from arflow import clock
from arflow.accounts.promises import Terms, Verdict
from arflow.isodates import ONE_DAY
from arflow.reports.positions import BATCH, judging
from arflow.reports.said import said
from arflow.rules.calendar import Calendar
from arflow.store import accounts, policies, tables

_account, _promise = tables.account, tables.promise
_Row = Row[*tuple[Any, ...]]
_Day = Callable[[_Row], dt.date]
"""The day at whose end the promises of an account are judged."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One promise as it stood at the end of `day`. `actor`: who recorded it; empty for one that was imported."""

    account: str
    currency: str
    actor: str
    verdict: Verdict
    day: dt.date


@dataclass(frozen=True, kw_only=True)
class _Whose:
    """The account of a promise, and how and of which day it is judged."""

    currency: str
    terms: Terms
    day: dt.date


def judged(
    connection: Connection,
    day: dt.date | None,
    first: dt.date,
    last: dt.date,
    among: Collection[str] | None = None,
) -> Iterator[Judged]:
    """The promises due from `first` to `last` that were made by `day`, as they stood at the end of it, by account.

    `day` None: today, which is for each account its own policy day, so that they stand as its facts say. `among`: of
    these accounts only. Each is judged as the policy does that has its account now.
    """
    upto = day or clock.read(connection).today + ONE_DAY  # in the east it is tomorrow already
    found = _whose(connection, upto, (first, last), among, _policy_day(connection) if day is None else lambda _: upto)
    ids = sorted(found)
    for start in range(0, len(ids), BATCH):
        for one in _judged(connection, {key: found[key] for key in ids[start : start + BATCH]}, upto):
            if first <= one.verdict.promise.due <= last:
                yield one


def _policy_day(connection: Connection) -> _Day:
    """Today's policy day of each account."""
    now, calendars = clock.read(connection), dict[str | None, Calendar]()

    def day_of(row: _Row) -> dt.date:
        if now.at is None:
            return now.today
        if row.policy_version not in calendars:
            policy = policies.version(connection, row.policy_version) if row.policy_version else None
            calendars[row.policy_version] = policy.calendar if policy else Calendar()
        calendar = calendars[row.policy_version]
        return max(row.policy_day or dt.date.min, calendar.policy_day(calendar.zone(row.timezone), now.at))

    return day_of


def _whose(
    connection: Connection,
    upto: dt.date,
    between: tuple[dt.date, dt.date],
    among: Collection[str] | None,
    day_of: _Day,
) -> dict[str, _Whose]:
    """The accounts with such a promise."""
    which = (_account.c.id, _account.c.currency, _account.c.policy_version, _account.c.policy_day, _account.c.timezone)
    query = (
        select(*which)
        .distinct()
        .join(_promise, _promise.c.account_id == _account.c.id)
        .where(_promise.c.due.between(*between), _promise.c.on <= upto)
    )
    if among is not None:
        query = query.where(_promise.c.account_id.in_(accounts.listed(sorted(among))))
    terms = judging(connection)
    return {
        row.id: _Whose(currency=row.currency, terms=terms.of(row.currency, row.policy_version), day=day_of(row))
        for row in connection.execute(query).all()
    }


def _judged(connection: Connection, whose: Mapping[str, _Whose], upto: dt.date) -> Iterator[Judged]:
    """Every promise of these accounts."""
    ids = list(whose)
    found, actors = said(connection, ids, upto, with_payers=True), _actors(connection, ids)
    for key, one in whose.items():
        for verdict in found[key].judged(one.day, one.terms):
            actor = actors.get((key, verdict.promise.id), "")
            yield Judged(account=key, currency=one.currency, actor=actor, verdict=verdict, day=one.day)


def _actors(connection: Connection, ids: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Who recorded each promise, by account and its id."""
    event = tables.event
    query = select(event.c.account_id, event.c.content["id"].astext.label("id"), event.c.actor).where(
        event.c.account_id.in_(accounts.listed(ids)), event.c.kind == "promise", event.c.actor != ""
    )
    return {(row.account_id, row.id): row.actor for row in connection.execute(query)}
