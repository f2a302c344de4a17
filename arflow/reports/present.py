"""How each account stands today, from the books as they are kept: a few statements, whatever the number of accounts.

It gives what `positions` gives for today, once everything that is due has run. The difference is where it comes from:
`positions` folds every event of an account, and can do so up to any day; this adds up what the events have come to.
"""

import datetime as dt
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    cast,
    column,
    func,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import array

from arflow.reports import divided
from arflow.reports.given import given
from arflow.reports.ledgers import Ledgers, present
from arflow.reports.positions import BUCKETS, judging
from arflow.store import tables

_account = tables.account


def present_standings(connection: Connection, day: dt.date) -> Select[Any]:
    """`standings` of every account that anything has happened to, with what is overdue on `day`."""
    terms, ledgers = judging(connection), present()
    numbers = (column("disputed", BigInteger), column("promised", BigInteger))
    others = given(
        [
            {"account_id": account.id, "disputed": parts.disputed, "promised": parts.promised}
            for account, parts in divided.others(connection, day, terms)
        ],
        column("account_id", Text),
        *numbers,
    )
    parts = union_all(select(divided.by_sql(ledgers, day, terms)), select(others)).subquery("parts")
    return standings(books(ledgers, day), parts, _account.c.state, _account.c.born)


COLUMNS: tuple[ColumnClause[Any], ...] = (
    *(column(name, Text) for name in ("id", "currency", "state")),
    *(
        column(name, BigInteger)
        for name in ("open_invoices", "open_amount", "gross", "oldest_days", "disputed", "promised")
    ),
    *(column(name, ARRAY(BigInteger)) for name in ("invoices", "amounts")),
)
"""What `standings` says of an account, as `Position` names it; `invoices` and `amounts` are those of BUCKETS."""


def standings(book: Subquery, parts: Subquery, state: ColumnElement[str], which: ColumnElement[bool]) -> Select[Any]:
    """One row for each account that `which` says: its `book`, and how it divides. The columns are COLUMNS.

    What is not in `book` has nothing open; what is not in `parts` is not divided.
    """
    numbers = ("open_invoices", "open_amount", "gross", "oldest_days")
    places = range(len(BUCKETS))
    joined = _account.outerjoin(book, book.c.account_id == _account.c.id)
    return (
        select(
            _account.c.id,
            _account.c.currency,
            state.label("state"),
            *(func.coalesce(book.c[name], 0).label(name) for name in numbers),
            *(func.coalesce(part, 0).label(part.name) for part in (parts.c.disputed, parts.c.promised)),
            array([func.coalesce(book.c[f"invoices_{at}"], 0) for at in places]).label("invoices"),
            array([func.coalesce(book.c[f"amount_{at}"], 0) for at in places]).label("amounts"),
        )
        .select_from(joined.outerjoin(parts, parts.c.account_id == _account.c.id))
        .where(which)
    )


def books(ledgers: Ledgers, day: dt.date) -> Subquery:
    """One row for each account with something open: the numbers of its `Position`, before anything is divided.

    `invoices_0`, `amount_0` and so on are those of BUCKETS.
    """
    item = ledgers.item
    overdue = item.c.due < day
    invoice = (
        select(
            item.c.account_id,
            func.sum(item.c.open).label("open"),
            func.coalesce(func.sum(item.c.open).filter(overdue), 0).label("overdue"),
            (day - func.min(item.c.due).filter(overdue)).label("days"),
        )
        .group_by(item.c.account_id, item.c.invoice_id)
        .subquery("invoice")
    )
    aged = [_is_aged(invoice.c.days, first, last) for first, last in BUCKETS]
    return (
        select(
            invoice.c.account_id,
            func.count().label("open_invoices"),
            total(invoice.c.open).label("open_amount"),
            total(invoice.c.overdue).label("gross"),
            func.coalesce(func.max(invoice.c.days), 0).label("oldest_days"),
            *(func.count().filter(each).label(f"invoices_{at}") for at, each in enumerate(aged)),
            *(total(invoice.c.overdue, each).label(f"amount_{at}") for at, each in enumerate(aged)),
        )
        .group_by(invoice.c.account_id)
        .subquery("book")
    )


def _is_aged(days: ColumnElement[Any], first: int, last: int | None) -> ColumnElement[bool]:
    return days >= first if last is None else days.between(first, last)


def total(amount: ColumnElement[Any], which: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    """The sum of amounts, of those rows that `which` says; 0 of none."""
    found = func.sum(amount)
    return cast(func.coalesce(found if which is None else found.filter(which), 0), BigInteger)
