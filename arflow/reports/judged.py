"""Promises across accounts: those due between two days, each with its account, who took it, and where it stood."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from arflow.accounts.promises import Terms, Verdict
from arflow.reports.positions import BATCH, judging
from arflow.reports.said import said
from arflow.store import accounts, tables

_account, _promise = tables.account, tables.promise


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One promise as it stood at the end of a day. `actor`: who recorded it; empty for one that was imported."""

    account: str
    currency: str
    actor: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class _Whose:
    """The account of a promise, and how it is judged."""

    currency: str
    terms: Terms


def judged(
    connection: Connection,
    day: dt.date,
    first: dt.date,
    last: dt.date,
    among: Collection[str] | None = None,
) -> Iterator[Judged]:
    """The promises due from `first` to `last` that were made by `day`, as they stood at the end of it, by account.

    `among`: of these accounts only. Each is judged as the policy does that has its account now.
    """
    found = _whose(connection, day, first, last)
    ids = sorted(found if among is None else found.keys() & set(among))
    for start in range(0, len(ids), BATCH):
        for one in _judged(connection, {key: found[key] for key in ids[start : start + BATCH]}, day):
            if first <= one.verdict.promise.due <= last:
                yield one


def _whose(connection: Connection, day: dt.date, first: dt.date, last: dt.date) -> dict[str, _Whose]:
    """The accounts with such a promise."""
    query = (
        select(_account.c.id, _account.c.currency, _account.c.policy_version)
        .distinct()
        .join(_promise, _promise.c.account_id == _account.c.id)
        .where(_promise.c.due.between(first, last), _promise.c.on <= day)
    )
    terms, rows = judging(connection), connection.execute(query)
    return {row.id: _Whose(currency=row.currency, terms=terms.of(row.currency, row.policy_version)) for row in rows}


def _judged(connection: Connection, whose: Mapping[str, _Whose], day: dt.date) -> Iterator[Judged]:
    """Every promise of these accounts."""
    ids = list(whose)
    found, actors = said(connection, ids, day, with_payers=True), _actors(connection, ids)
    for key, one in whose.items():
        for verdict in found[key].judged(day, one.terms):
            actor = actors.get((key, verdict.promise.id), "")
            yield Judged(account=key, currency=one.currency, actor=actor, verdict=verdict)


def _actors(connection: Connection, ids: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Who recorded each promise, by account and its id."""
    event = tables.event
    query = select(event.c.account_id, event.c.content["id"].astext.label("id"), event.c.actor).where(
        event.c.account_id.in_(accounts.listed(ids)), event.c.kind == "promise", event.c.actor != ""
    )
    return {(row.account_id, row.id): row.actor for row in connection.execute(query)}
