"""How what is overdue today divides into disputed and promised parts, account by account, added up by SQL.

SQL says the same as `positions.division` where no promise names invoices and no money has come since one was made: then
a promise covers its whole amount, of any invoice. How payments are dealt out among promises is not told twice: the few
other accounts are read, and divided by that function.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    union,
)

from arflow.accounts.entries import Account, ClearingKind
from arflow.accounts.promises import Terms
from arflow.reports.positions import Division, division
from arflow.store import accounts, tables

_BATCH = 1000
_account, _item, _dispute, _promise = tables.account, tables.item, tables.dispute, tables.promise


def by_sql(day: dt.date, terms: Mapping[str, Terms]) -> Subquery:
    """`account_id`, `disputed` and `promised` of the accounts that something overdue divides in, but for the `others`.

    Amounts are minor units; promises are judged as `terms` says of each currency.
    """
    contested, promised = _contested(), _promised(day, terms)
    invoice = _overdue(contested, promised, day)
    contests = case((contested.c.is_whole, invoice.c.open), else_=func.coalesce(contested.c.amount, 0))
    joined = invoice.outerjoin(
        contested, (contested.c.account_id == invoice.c.account_id) & (contested.c.invoice_id == invoice.c.invoice_id)
    )
    book = (
        select(
            invoice.c.account_id,
            func.sum(invoice.c.open).label("overdue"),
            func.sum(func.least(invoice.c.open, contests)).label("disputed"),
        )
        .select_from(joined)
        .group_by(invoice.c.account_id)
        .cte("book")
    )
    covers = func.least(func.coalesce(promised.c.amount, 0), book.c.overdue - book.c.disputed)
    return (
        select(
            book.c.account_id,
            cast(book.c.disputed, BigInteger).label("disputed"),
            cast(covers, BigInteger).label("promised"),
        )
        .select_from(book.outerjoin(promised, promised.c.account_id == book.c.account_id))
        .where(promised.c.is_intricate.is_not(True))
        .subquery("divided")
    )


def others(connection: Connection, day: dt.date, terms: Mapping[str, Terms]) -> Iterator[tuple[Account, Division]]:
    """The accounts with a promise that names invoices or has seen money since, and how each divides."""
    promised = _promised(day, terms)
    ids = list(connection.execute(select(promised.c.account_id).where(promised.c.is_intricate)).scalars())
    for start in range(0, len(ids), _BATCH):
        for stored in accounts.load(connection, ids[start : start + _BATCH]).values():
            account = stored.account
            judged = terms.get(account.currency, Terms())
            yield account, division(account.ledger, account.promises.values(), day, judged)


def _contested() -> CTE:
    """By invoice: what open disputes contest; one without an amount contests the whole invoice."""
    return (
        select(
            _dispute.c.account_id,
            _dispute.c.invoice_id,
            func.sum(_dispute.c.amount).label("amount"),
            func.bool_or(_dispute.c.amount.is_(None)).label("is_whole"),
        )
        .where(_dispute.c.closed_on.is_(None))
        .group_by(_dispute.c.account_id, _dispute.c.invoice_id)
        .cte("contested")
    )


def _promised(day: dt.date, terms: Mapping[str, Terms]) -> CTE:
    """By account: its promises whose days of grace are not over, and whether SQL cannot say what they cover."""
    longest = max((judged.grace_days for judged in terms.values()), default=0)
    may_be_open = _promise.c.cancelled_at.is_(None) & (_promise.c.due >= day - dt.timedelta(days=longest))
    is_intricate = or_(func.cardinality(_promise.c.invoices) > 0, _has_seen_money())
    return (
        select(
            _promise.c.account_id,
            func.sum(_promise.c.amount).label("amount"),
            func.bool_or(is_intricate).label("is_intricate"),
        )
        .select_from(_promise.join(_account, _account.c.id == _promise.c.account_id))
        .where(may_be_open, _promise.c.due + _grace(terms) >= day)
        .group_by(_promise.c.account_id)
        .cte("promised")
    )


def _grace(terms: Mapping[str, Terms]) -> ColumnElement[int]:
    days = {currency: judged.grace_days for currency, judged in terms.items() if judged.grace_days}
    return case(days, value=_account.c.currency, else_=0) if days else literal(0, Integer)


def _has_seen_money() -> ColumnElement[bool]:
    """Whether a payment that is in force was recorded after the promise."""
    clearing = tables.clearing
    recorded = tuple_(clearing.c.recorded_at, clearing.c.recorded_place)
    since = recorded > tuple_(_promise.c.recorded_at, _promise.c.recorded_place)
    is_payment = (clearing.c.kind == ClearingKind.PAYMENT.value) & clearing.c.reversed_on.is_(None)
    came: Select[Any] = select(clearing.c.id).where(clearing.c.account_id == _promise.c.account_id, is_payment, since)
    return came.exists()


def _overdue(contested: CTE, promised: CTE, day: dt.date) -> CTE:
    """By invoice: what is overdue of the accounts that have a dispute or a promise."""
    those = union(select(contested.c.account_id), select(promised.c.account_id)).subquery("those")
    return (
        select(_item.c.account_id, _item.c.invoice_id, func.sum(_item.c.open).label("open"))
        .select_from(those.join(_item, _item.c.account_id == those.c.account_id))
        .where(_item.c.open > 0, _item.c.due < day)
        .group_by(_item.c.account_id, _item.c.invoice_id)
        .cte("invoice")
    )
