"""Promises across accounts, for whoever looks after them: what comes due, and what the last week made of the others.

What is found stands as the account's own page says: today is each account's own policy day.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, select

from arflow import money
from arflow.isodates import ONE_DAY
from arflow.reports.judged import Judged, judged
from arflow.reports.positions import judging
from arflow.rules.catalogue import WINDOWS
from arflow.store import accounts, tables

TABS: Mapping[str, str] = MappingProxyType(
    {"due": "Due today", "coming": "Coming", "unkept": "Not kept this week", "kept": "Kept this week"}
)
"""The lists, and what people call them. Not kept is what is broken, for nothing came, or partly kept: something did."""

AHEAD = dt.timedelta(days=14)
WEEK = 7
_BROKEN_LATELY = WINDOWS["broken_promises_90d"]

_account = tables.account


@dataclass(frozen=True, kw_only=True)
class Line:
    """A promise, its account as people know it, and how many promises of that account were broken in 90 days."""

    promise: Judged
    name: str
    owner: str
    broken: int


@dataclass(frozen=True, kw_only=True)
class Total:
    """What the promises of a list come to in one currency, in minor units."""

    currency: str
    count: int
    amount: int
    came: int

    @property
    def left(self) -> int:
        """What has not come of them."""
        return self.amount - self.came


def tab_of(one: Judged) -> str | None:
    """On which of TABS a promise stands; what was due before and is waited for beyond its day is coming."""
    verdict, day = one.verdict, one.day
    if verdict.status == "open":
        if day in (verdict.promise.due, verdict.end):
            return "due"
        return "coming" if verdict.promise.due <= day + AHEAD else None
    if verdict.on is None or (day - verdict.on).days >= WEEK:
        return None
    return "kept" if verdict.status == "kept" else "unkept"


def recent(connection: Connection, day: dt.date, among: Collection[str] | None = None) -> list[Judged]:
    """The promises that stand on any of TABS, `day` being today's; `among`: of these accounts only.

    A promise can be kept long before it is due, so there is no last day of those that are looked at.
    """
    first = day - _longest_grace(connection) - (WEEK + 1) * ONE_DAY  # in the west it is still yesterday
    return [one for one in judged(connection, None, first, dt.date.max, among) if tab_of(one)]


def standing(found: Iterable[Judged]) -> dict[str, list[Judged]]:
    """The promises of each of TABS: within a currency those of which most has still to come first."""
    by_tab: dict[str, list[Judged]] = {tab: [] for tab in TABS}
    for one in found:
        by_tab[tab_of(one) or ""].append(one)
    return {tab: sorted(promises, key=_order) for tab, promises in by_tab.items()}


def _order(one: Judged) -> tuple[object, ...]:
    promise = one.verdict.promise
    return one.currency, -left(one), -promise.amount, promise.due, one.account, promise.id


def left(one: Judged) -> int:
    """What has not come of a promise, whether it is still waited for or not."""
    return one.verdict.promise.amount - one.verdict.came


def totals(found: Iterable[Judged]) -> list[Total]:
    """What promises come to, one line a currency; never across."""
    by_currency: dict[str, list[Judged]] = {}
    for one in found:
        by_currency.setdefault(one.currency, []).append(one)
    return [
        Total(
            currency=currency,
            count=len(promises),
            amount=sum(one.verdict.promise.amount for one in promises),
            came=sum(one.verdict.came for one in promises),
        )
        for currency, promises in sorted(by_currency.items())
    ]


def lines(connection: Connection, found: Sequence[Judged], day: dt.date) -> list[Line]:
    """Promises as a page shows them, in their order."""
    ids = accounts.listed(sorted({one.account for one in found}))
    query = select(_account.c.id, _account.c.name, _account.c.owner).where(_account.c.id.in_(ids))
    known = {row.id: row for row in connection.execute(query)}
    broken = _broken_lately(connection, {one.account for one in found}, day)
    return [
        Line(promise=one, name=known[one.account].name, owner=known[one.account].owner, broken=broken[one.account])
        for one in found
    ]


def _broken_lately(connection: Connection, ids: set[str], day: dt.date) -> Counter[str]:
    """The fact `broken_promises_90d` of each account."""
    if not ids:
        return Counter()
    first = day - _longest_grace(connection) - (_BROKEN_LATELY + 1) * ONE_DAY
    return Counter(one.account for one in judged(connection, None, first, day, ids) if is_broken_lately(one))


def is_broken_lately(one: Judged) -> bool:
    """Whether the fact `broken_promises_90d` counts a promise."""
    verdict = one.verdict
    return verdict.status == "broken" and verdict.on is not None and (one.day - verdict.on).days < _BROKEN_LATELY


def _longest_grace(connection: Connection) -> dt.timedelta:
    return judging(connection).longest * ONE_DAY


def as_json(line: Line) -> Mapping[str, object]:
    """One line with documented names; amounts are decimal strings."""
    one, verdict, promise = line.promise, line.promise.verdict, line.promise.verdict.promise
    return {
        "account": one.account,
        "name": line.name,
        "owner": line.owner,
        "currency": one.currency,
        "promised_amount": money.show(promise.amount, one.currency),
        "came_amount": money.show(verdict.came, one.currency),
        "due": promise.due.isoformat(),
        "waits_until": verdict.end.isoformat(),
        "status": verdict.status,
        "status_since": verdict.on.isoformat() if verdict.on else "",
        "made_on": promise.on.isoformat(),
        "made_by": one.actor,
        "broken_promises_90d": line.broken,
    }


COLUMNS = (
    *("account", "name", "owner", "currency", "promised_amount", "came_amount", "due", "waits_until"),
    *("status", "status_since", "made_on", "made_by", "broken_promises_90d"),
)
"""The columns of a list as a file."""
