"""How what is overdue divides into disputed and promised parts, account by account, added up by SQL.

SQL says the same as `positions.division` where no promise names invoices and no money has come since one was made: then
a promise covers its whole amount, of any invoice. How payments are dealt out among promises is not told twice: the few
other accounts are read, and divided by that function.
"""

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Subquery,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union,
)

from arflow.accounts.entries import Account
from arflow.reports.ledgers import Ledgers, present
from arflow.reports.positions import Division, Judging, division
from arflow.store import accounts, tables

_BATCH = 1000
_account = tables.account


def by_sql(ledgers: Ledgers, day: dt.date, terms: Judging) -> Subquery:
    """`account_id`, `disputed` and `promised` of the accounts that something overdue divides in, but for the intricate.

    Amounts are minor units; promises are judged as `terms` says.
    """
    disputed, promised = contested(ledgers.dispute), _promised(ledgers, day, terms)
    invoice = _overdue(ledgers, disputed, promised, day)
    contests = case((disputed.c.is_whole, invoice.c.open), else_=func.coalesce(disputed.c.amount, 0))
    is_its_own = disputed.c.invoice_id == invoice.c.invoice_id
    joined = invoice.outerjoin(disputed, (disputed.c.account_id == invoice.c.account_id) & is_its_own)
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


def intricate(connection: Connection, ledgers: Ledgers, day: dt.date, terms: Judging) -> list[str]:
    """The accounts with a promise that names invoices or may have seen money since."""
    promised = _promised(ledgers, day, terms)
    query = select(promised.c.account_id).where(promised.c.is_intricate).order_by(promised.c.account_id)
    return list(connection.execute(query).scalars())


def others(connection: Connection, day: dt.date, terms: Judging) -> Iterator[tuple[Account, Division]]:
    """The accounts that are intricate today, and how each divides."""
    ids = intricate(connection, present(), day, terms)
    for start in range(0, len(ids), _BATCH):
        for stored in accounts.load(connection, ids[start : start + _BATCH]).values():
            account = stored.account
            judged = terms.of(account.currency, account.policy_version)
            yield account, division(account.ledger, account.promises.values(), day, judged)


def contested(dispute: FromClause) -> CTE:
    """By invoice: what these open disputes contest; one without an amount contests the whole invoice."""
    return (
        select(
            dispute.c.account_id,
            dispute.c.invoice_id,
            func.sum(dispute.c.amount).label("amount"),
            func.bool_or(dispute.c.amount.is_(None)).label("is_whole"),
        )
        .group_by(dispute.c.account_id, dispute.c.invoice_id)
        .cte("contested")
    )


def _promised(ledgers: Ledgers, day: dt.date, terms: Judging) -> CTE:
    """By account: its promises whose days of grace are not over, and whether SQL cannot say what they cover."""
    promise = ledgers.promise
    is_intricate = or_(func.cardinality(promise.c.invoices) > 0, ledgers.has_seen_money(promise))
    return (
        select(
            promise.c.account_id,
            func.sum(promise.c.amount).label("amount"),
            func.bool_or(is_intricate).label("is_intricate"),
        )
        .select_from(promise.join(_account, _account.c.id == promise.c.account_id))
        .where(promise.c.due >= day - dt.timedelta(days=terms.longest), promise.c.due + _grace(terms) >= day)
        .group_by(promise.c.account_id)
        .cte("promised")
    )


def _grace(terms: Judging) -> ColumnElement[int]:
    days = {currency: judged.grace_days for currency, judged in terms.first.items() if judged.grace_days}
    usual = case(days, value=_account.c.currency, else_=0) if days else literal(0, Integer)
    others = {version: judged.grace_days for version, judged in terms.others.items()}
    return case(others, value=_account.c.policy_version, else_=usual) if others else usual


def _overdue(ledgers: Ledgers, contested: CTE, promised: CTE, day: dt.date) -> CTE:
    """By invoice: what is overdue of the accounts that have a dispute or a promise."""
    item = ledgers.item
    those = union(select(contested.c.account_id), select(promised.c.account_id)).subquery("those")
    return (
        select(item.c.account_id, item.c.invoice_id, func.sum(item.c.open).label("open"))
        .select_from(those.join(item, item.c.account_id == those.c.account_id))
        .where(item.c.due < day)
        .group_by(item.c.account_id, item.c.invoice_id)
        .cte("invoice")
    )
