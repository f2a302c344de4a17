"""How each account stands today, from the books as they are kept: a few statements, whatever the number of accounts.

It gives what `positions` gives for today, once everything that is due has run. The difference is where it comes from:
`positions` folds every event of an account, and can do so up to any day; this adds up what the events have come to.
Only accounts with an open dispute, or a promise that may be open, are read whole, and judged by the same function.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, cast, func, or_, select
from sqlalchemy.dialects.postgresql import array

from arflow.accounts.promises import Terms
from arflow.reports.pipeline import Standing, in_all_states
from arflow.reports.positions import BUCKETS, Position, division, terms_by_currency
from arflow.store import accounts, tables

_account, _item = tables.account, tables.item


def present_positions(connection: Connection, day: dt.date) -> list[Position]:
    """Every account that anything has happened to, in the order of their ids, with what is overdue on `day`."""
    terms = terms_by_currency(connection)
    found = {row.id: _position(row) for row in connection.execute(_standings(day))}
    unequal = list(connection.execute(_divided(day, terms)).scalars())
    for key, stored in accounts.load(connection, unequal).items():
        judged = terms.get(stored.account.currency, Terms())
        parts = division(stored.account.ledger, stored.account.promises.values(), day, judged)
        found[key] = replace(
            found[key], disputed=parts.disputed, promised=parts.promised, collectible=parts.collectible
        )
    return list(found.values())


def present_pipeline(connection: Connection, day: dt.date) -> list[Standing]:
    """Every state in every currency that has accounts: what `pipeline` makes of today's positions, added up by SQL."""
    terms = terms_by_currency(connection)
    lines = {(line.currency, line.state): line for line in in_all_states(connection.execute(_currencies()).scalars())}
    for row in connection.execute(_counts()):
        lines[row.currency, row.state].accounts = row.number
    for row in connection.execute(_sums(day)):
        line = lines[row.currency, row.state]
        line.open_amount, line.gross, line.collectible = row.open, row.overdue, row.overdue
    unequal = list(connection.execute(_divided(day, terms)).scalars())
    for stored in accounts.load(connection, unequal).values():
        account = stored.account
        parts = division(account.ledger, account.promises.values(), day, terms.get(account.currency, Terms()))
        line = lines[account.currency, account.state.value]
        line.disputed += parts.disputed
        line.promised += parts.promised
        line.collectible -= parts.disputed + parts.promised
    return list(lines.values())


def _currencies() -> Select[Any]:
    return select(_account.c.currency).where(_account.c.born).distinct().order_by(_account.c.currency)


def _counts() -> Select[Any]:
    number = func.count().label("number")
    which = (_account.c.currency, _account.c.state)
    return select(*which, number).where(_account.c.born).group_by(*which)


def _sums(day: dt.date) -> Select[Any]:
    """What is open and overdue in each state and currency."""
    which = (_account.c.currency, _account.c.state)
    overdue = _sum(_item.c.open, _item.c.due < day).label("overdue")
    books = _account.join(_item, _item.c.account_id == _account.c.id)
    sums = select(*which, _sum(_item.c.open).label("open"), overdue).select_from(books)
    return sums.where(_account.c.born, _item.c.open > 0).group_by(*which)


def _position(row: Row[Any]) -> Position:
    return Position(
        account=row.id,
        currency=row.currency,
        state=row.state,
        open_invoices=row.open_invoices,
        open_amount=row.open_amount,
        gross=row.gross,
        disputed=0,
        promised=0,
        collectible=row.gross,
        oldest_days=row.oldest_days,
        buckets=tuple(zip(row.invoices, row.amounts, strict=True)),
    )


def _standings(day: dt.date) -> Select[Any]:
    """One row an account: what is open, and what is overdue by age."""
    overdue = _item.c.due < day
    invoice = (
        select(
            _item.c.account_id,
            func.sum(_item.c.open).label("open"),
            func.coalesce(func.sum(_item.c.open).filter(overdue), 0).label("overdue"),
            (day - func.min(_item.c.due).filter(overdue)).label("days"),
        )
        .where(_item.c.open > 0)
        .group_by(_item.c.account_id, _item.c.invoice_id)
        .subquery()
    )
    aged = [_is_aged(invoice.c.days, first, last) for first, last in BUCKETS]
    return (
        select(
            _account.c.id,
            _account.c.currency,
            _account.c.state,
            func.count(invoice.c.account_id).label("open_invoices"),
            _sum(invoice.c.open).label("open_amount"),
            _sum(invoice.c.overdue).label("gross"),
            func.coalesce(func.max(invoice.c.days), 0).label("oldest_days"),
            array([func.count().filter(each) for each in aged]).label("invoices"),
            array([_sum(invoice.c.overdue, each) for each in aged]).label("amounts"),
        )
        .select_from(_account.outerjoin(invoice, invoice.c.account_id == _account.c.id))
        .where(_account.c.born)
        .group_by(_account.c.id)
        .order_by(_account.c.id)
    )


def _is_aged(days: ColumnElement[Any], first: int, last: int | None) -> ColumnElement[bool]:
    return days >= first if last is None else days.between(first, last)


def _sum(amount: ColumnElement[Any], which: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    total = func.sum(amount)
    return cast(func.coalesce(total if which is None else total.filter(which), 0), BigInteger)


def _divided(day: dt.date, terms: Mapping[str, Terms]) -> Select[Any]:
    """The accounts with something overdue that disputes or promises may divide."""
    dispute, promise = tables.dispute, tables.promise
    grace = max((each.grace_days for each in terms.values()), default=0)
    disputed = select(dispute.c.id).where(dispute.c.account_id == _account.c.id, dispute.c.closed_on.is_(None))
    promised = select(promise.c.id).where(
        promise.c.account_id == _account.c.id,
        promise.c.cancelled_at.is_(None),
        promise.c.due >= day - dt.timedelta(days=grace),
    )
    overdue = select(_item.c.open).where(_item.c.account_id == _account.c.id, _item.c.open > 0, _item.c.due < day)
    return select(_account.c.id).where(overdue.exists(), or_(disputed.exists(), promised.exists()))
