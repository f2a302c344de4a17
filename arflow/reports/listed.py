"""The accounts behind a number of a report: those that were counted in it, with their names, in any order.

The database narrows, orders and adds up; of a list however long, no more is held than what is asked for.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    column,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from arflow import money
from arflow.reports import owners
from arflow.reports.flow import Went, who_went
from arflow.reports.given import given
from arflow.reports.owners import Owner
from arflow.reports.positions import BUCKETS, Position
from arflow.reports.present import total
from arflow.reports.stood import position, stood
from arflow.store import accounts
from arflow.store.tables import account

PARTS = ("open", "overdue", "disputed", "promised", "collectible")
"""The amounts that a list may be narrowed to: accounts of which there is something."""

_COLUMN: Mapping[str, str] = MappingProxyType({"open": "open_amount", "overdue": "gross"})
BATCH = 1000
"""How many lines are read at once of a list that is read as a whole."""


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which accounts: whatever is left empty does not narrow. `bucket` is a place in BUCKETS."""

    currency: str = ""
    state: str = ""
    bucket: int | None = None
    part: str = ""
    went: Went | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A list: how `which` accounts stood at the end of `day`, in one of ORDERS, `-` before it for downwards."""

    day: dt.date
    which: Which
    order: str


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
    found: int = getattr(position, _COLUMN.get(part, part))
    return found


@dataclass(frozen=True, kw_only=True)
class Total:
    """A list's accounts in one currency, and what they come to."""

    currency: str
    accounts: int
    amounts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """A part of a list, and what the whole of it comes to."""

    lines: Sequence[Listed]
    totals: Sequence[Total]


_TEXTS = ("account", "name", "owner", "state")
ORDERS = (*_TEXTS, "days", *PARTS, "bucket")
"""What a list can be ordered by."""


def behind(connection: Connection, asked: Asked, *, offset: int = 0, limit: int | None = None) -> Behind:
    """The lines of a list from number `offset` on. Amounts are compared and added up within a currency only."""
    chosen, everybody = _chosen(connection, asked).cte("chosen"), owners.known(connection)
    sums, by = _sums(chosen).subquery("sums"), _Order.read(asked)
    lines = _lines(chosen, by, everybody, offset, limit).subquery("line")
    query = select(sums.c.totals, *lines.c).select_from(sums.outerjoin(lines, true())).order_by(*by.clauses(lines))
    rows = connection.execute(query).all()
    return Behind(
        lines=[_listed(row, everybody) for row in rows if row.id is not None],
        totals=[Total(currency=key, accounts=of, amounts=sums) for key, of, sums in rows[0].totals or ()],
    )


def everyone(connection: Connection, asked: Asked) -> Iterator[Listed]:
    """All lines of a list, read as they are asked for."""
    everybody, by = owners.known(connection), _Order.read(asked)
    lines = _lines(_chosen(connection, asked).cte("chosen"), by, everybody).subquery("line")
    query = select(lines).order_by(*by.clauses(lines)).execution_options(yield_per=BATCH)
    for row in connection.execute(query):
        yield _listed(row, everybody)


def _chosen(connection: Connection, asked: Asked) -> Select[Any]:
    """The accounts of a list, as they stood."""
    one, which = stood(connection, asked.day), asked.which
    conditions = [
        *([one.c.currency == which.currency] if which.currency else ()),
        *([one.c.state == which.state] if which.state else ()),
        *([] if which.bucket is None else [one.c.invoices[which.bucket + 1] > 0]),
        *([_part(one, which.part) > 0] if which.part else ()),
        *([one.c.id.in_(who_went(which.went, asked.day))] if which.went else ()),
    ]
    return select(one).where(*conditions)


def _part(one: FromClause, part: str) -> ColumnElement[int]:
    """One of PARTS."""
    if part == "collectible":
        return one.c.gross - one.c.disputed - one.c.promised
    return one.c[_COLUMN.get(part, part)]


def _sums(chosen: CTE) -> Select[Any]:
    """One row: a list of what there is in each currency."""
    amounts = (total(_part(chosen, part)).label(part) for part in PARTS)
    key = chosen.c.currency
    by_currency = select(key, func.count().label("accounts"), *amounts).group_by(key).subquery("by_currency").c
    parts = func.jsonb_build_object(*(said for part in PARTS for said in (literal(part), by_currency[part])))
    line = func.jsonb_build_array(by_currency.currency, by_currency.accounts, parts)
    return select(func.jsonb_agg(aggregate_order_by(line, by_currency.currency)).label("totals"))


@dataclass(frozen=True, kw_only=True)
class _Order:
    """One of ORDERS; those that are equal in it go by their ids."""

    name: str
    is_down: bool
    bucket: int | None

    @classmethod
    def read(cls, asked: Asked) -> "_Order":
        name = asked.order.removeprefix("-")
        return cls(name=name, is_down=name != asked.order, bucket=asked.which.bucket)

    def key(self, chosen: CTE, owner_shown: ColumnElement[str]) -> ColumnElement[Any]:
        """By what an account is put in its place."""
        texts = {
            "account": chosen.c.id,
            "name": func.lower(account.c.name),
            "owner": func.lower(owner_shown),
            "state": chosen.c.state,
        }
        if self.name in texts:
            return texts[self.name].collate("C")
        if self.name == "days":
            return chosen.c.oldest_days
        if self.name == "bucket":
            return literal(0) if self.bucket is None else chosen.c.amounts[self.bucket + 1]
        return _part(chosen, self.name)

    @property
    def is_of_money(self) -> bool:
        return self.name in (*PARTS, "bucket")

    def clauses(self, lines: FromClause) -> tuple[ColumnElement[Any], ...]:
        """The order of rows that have their `key`."""
        key = lines.c.key.desc() if self.is_down else lines.c.key.asc()
        return (*([lines.c.currency.collate("C")] if self.is_of_money else ()), key, lines.c.id.collate("C"))


def _lines(
    chosen: CTE, by: _Order, everybody: Mapping[str, Owner], offset: int = 0, limit: int | None = None
) -> Select[Any]:
    """Rows of `chosen` in their order, each with its `key`, and then with what its account is called today."""
    people = given(
        [{"name": name, "title": one.title} for name, one in everybody.items()],
        column("name", Text),
        column("title", Text),
    )
    is_named = by.name in ("name", "owner")
    joined = chosen.join(account, account.c.id == chosen.c.id).outerjoin(people, people.c.name == account.c.owner)
    key = by.key(chosen, func.coalesce(people.c.title, account.c.owner))
    keyed = select(chosen, key.label("key")).select_from(joined if is_named else chosen).subquery("keyed")
    part = select(keyed).order_by(*by.clauses(keyed)).offset(offset).limit(limit).subquery("part")
    columns = (account.c.name, account.c.owner, accounts.is_parked().label("is_parked"))
    return select(part, *columns).select_from(part.join(account, account.c.id == part.c.id))


def _listed(row: Row[Any], everybody: Mapping[str, Owner]) -> Listed:
    return Listed(
        position=position(row),
        name=row.name,
        owner=row.owner,
        owner_shown=owners.shown(row.owner, everybody),
        is_parked=row.is_parked,
    )


def names(connection: Connection, ids: Iterable[str]) -> Mapping[str, str]:
    """What accounts are called."""
    query = select(account.c.id, account.c.name).where(account.c.id.in_(accounts.listed(list(ids))))
    return {row.id: row.name for row in connection.execute(query)}


def bucket_name(bucket: int) -> str:
    """A bucket as people say it: `8 to 14 days`."""
    first, last = BUCKETS[bucket]
    return f"{first} days and more" if last is None else f"{first} to {last} days"


COLUMNS = (
    *("as_of", "account", "name", "owner", "state", "currency", "days_overdue", "open_invoices", "overdue_invoices"),
    *(f"{part}_amount" for part in PARTS),
)
"""The columns of a list as a file."""


def as_record(line: Listed, day: dt.date) -> Mapping[str, object]:
    """A line with documented names; amounts are decimal strings."""
    position = line.position
    values = (
        *(day.isoformat(), position.account, line.name, line.owner, position.state, position.currency),
        *(position.oldest_days, position.open_invoices, position.overdue_invoices),
        *(money.show(amount(position, part), position.currency) for part in PARTS),
    )
    return dict(zip(COLUMNS, values, strict=True))
