"""The accounts behind a number of a report: those that were counted in it, with their names, in any order."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, select

from arflow import money
from arflow.reports import owners
from arflow.reports.positions import BUCKETS, Position
from arflow.store import accounts
from arflow.store.tables import account

PARTS = ("open", "overdue", "disputed", "promised", "collectible")
"""The amounts that a list may be narrowed to: accounts of which there is something."""


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which accounts: whatever is left empty does not narrow. `bucket` is a place in BUCKETS."""

    currency: str = ""
    state: str = ""
    bucket: int | None = None
    part: str = ""

    def has(self, position: Position) -> bool:
        """Whether an account is one of them."""
        return (
            self.currency in ("", position.currency)
            and self.state in ("", position.state)
            and (self.bucket is None or position.buckets[self.bucket][0] > 0)
            and (not self.part or amount(position, self.part) > 0)
        )


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One line: how the account stood, and what it is called and whose it is today.

    `owner_shown` is what people call the owner, `owner` the name that the ledger and files know.
    """

    position: Position
    name: str
    owner: str
    owner_shown: str
    is_parked: bool


def amount(position: Position, part: str) -> int:
    """One of PARTS of a position."""
    found: int = getattr(position, {"open": "open_amount", "overdue": "gross"}.get(part, part))
    return found


_Key = Callable[[Listed], Any]
_TEXTS: Mapping[str, _Key] = MappingProxyType(
    {
        "account": lambda line: line.position.account,
        "name": lambda line: line.name.casefold(),
        "owner": lambda line: line.owner_shown.casefold(),
        "state": lambda line: line.position.state,
    }
)
ORDERS = (*_TEXTS, "days", *PARTS, "bucket")
"""What a list can be ordered by."""


def listed(connection: Connection, found: Iterable[Position]) -> list[Listed]:
    """Positions with the names and owners of their accounts."""
    chosen = list(found)
    columns = (account.c.id, account.c.name, account.c.owner, accounts.is_parked().label("is_parked"))
    ids = accounts.listed([position.account for position in chosen])
    known = {row.id: row for row in connection.execute(select(*columns).where(account.c.id.in_(ids)))}
    everybody = owners.known(connection)
    return [
        Listed(
            position=position,
            name=known[position.account].name,
            owner=known[position.account].owner,
            owner_shown=owners.shown(known[position.account].owner, everybody),
            is_parked=known[position.account].is_parked,
        )
        for position in chosen
    ]


def names(connection: Connection, ids: Iterable[str]) -> Mapping[str, str]:
    """What accounts are called."""
    query = select(account.c.id, account.c.name).where(account.c.id.in_(accounts.listed(list(ids))))
    return {row.id: row.name for row in connection.execute(query)}


def in_order(lines: Iterable[Listed], by: str, bucket: int | None = None) -> list[Listed]:
    """Lines by one of ORDERS, `-` before it for downwards; amounts are compared within a currency only."""
    name, down = by.removeprefix("-"), by.startswith("-")
    found = sorted(lines, key=lambda line: line.position.account)
    found.sort(key=_TEXTS.get(name) or (lambda line: _number(line.position, name, bucket)), reverse=down)
    if name in PARTS or name == "bucket":
        found.sort(key=lambda line: line.position.currency)
    return found


def _number(position: Position, name: str, bucket: int | None) -> int:
    if name == "days":
        return position.oldest_days
    if name == "bucket":
        return 0 if bucket is None else position.buckets[bucket][1]
    return amount(position, name)


@dataclass(kw_only=True)
class Total:
    """A list's accounts in one currency, and what they come to."""

    currency: str
    accounts: int = 0
    amounts: dict[str, int]


def totals(found: Iterable[Position]) -> list[Total]:
    """The sums of a list, one a currency; never across."""
    sums: dict[str, Total] = {}
    for position in found:
        line = sums.setdefault(position.currency, Total(currency=position.currency, amounts=dict.fromkeys(PARTS, 0)))
        line.accounts += 1
        for part in PARTS:
            line.amounts[part] += amount(position, part)
    return [sums[currency] for currency in sorted(sums)]


def bucket_name(bucket: int) -> str:
    """A bucket as people say it: `8 to 14 days`."""
    first, last = BUCKETS[bucket]
    return f"{first} days and more" if last is None else f"{first} to {last} days"


COLUMNS = (
    *("as_of", "account", "name", "owner", "state", "currency", "days_overdue", "open_invoices", "overdue_invoices"),
    *(f"{part}_amount" for part in PARTS),
)
"""The columns of a list as a file."""


def as_records(lines: Sequence[Listed], day: dt.date) -> list[Mapping[str, object]]:
    """A list with documented names; amounts are decimal strings."""
    return [_record(line, day) for line in lines]


def _record(line: Listed, day: dt.date) -> Mapping[str, object]:
    position = line.position
    values = (
        *(day.isoformat(), position.account, line.name, line.owner, position.state, position.currency),
        *(position.oldest_days, position.open_invoices, position.overdue_invoices),
        *(money.show(amount(position, part), position.currency) for part in PARTS),
    )
    return dict(zip(COLUMNS, values, strict=True))
