"""Open disputes across accounts, the oldest first: what is contested, why, since when, and who recorded it.

A dispute of a whole invoice contests all that is open of it, one of an amount never more than that.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import CTE, BigInteger, ColumnElement, Connection, Row, Select, case, cast, func, select, true

from arflow import money
from arflow.desk import reasons
from arflow.desk.whose import Whose
from arflow.store import tables

OTHER = "other"
"""Stands for the reasons that are not of the list from which callers choose."""

_account, _dispute, _event, _item = tables.account, tables.dispute, tables.event, tables.item


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which of them: whatever is left empty does not narrow. `reason` is a code of `reasons.LABELS`, or OTHER."""

    whose: Whose
    currency: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Contested:
    """An open dispute. `amount` is what it contests now, `named` what was said then; None was all of the invoice.

    `actor`: who recorded it; empty for one that was imported.
    """

    account: str
    name: str
    owner: str
    currency: str
    invoice: str
    amount: int
    named: int | None
    reason: str
    on: dt.date
    actor: str


@dataclass(frozen=True, kw_only=True)
class Total:
    """The disputes of a list in one currency; of an invoice no more is contested than is open."""

    currency: str
    count: int
    amount: int


def currencies(connection: Connection, whose: Whose) -> list[str]:
    """The currencies in which there is any."""
    query = select(_account.c.currency).distinct().join(_dispute, _dispute.c.account_id == _account.c.id)
    query = query.where(_dispute.c.closed_on.is_(None), whose.condition())
    return list(connection.execute(query.order_by(_account.c.currency)).scalars())


def by_reason(connection: Connection, which: Which) -> dict[str, int]:
    """How many there are for each reason in the currency, the most frequent first."""
    found = _found(which)
    number = func.count().label("number")
    query = select(found.c.code, number).where(_is_in(found, which.currency)).group_by(found.c.code)
    return {row.code: row.number for row in connection.execute(query.order_by(number.desc(), found.c.code))}


def totals(connection: Connection, which: Which) -> list[Total]:
    """What the list comes to, one line a currency; never across."""
    found = _found(which)
    invoice = (
        select(
            found.c.currency,
            func.count().label("number"),
            func.least(func.max(found.c.open), func.sum(found.c.amount)).label("amount"),
        )
        .where(_is_listed(found, which))
        .group_by(found.c.currency, found.c.account_id, found.c.invoice_id)
        .subquery("invoice")
    )
    query = select(
        invoice.c.currency,
        cast(func.sum(invoice.c.number), BigInteger).label("number"),
        cast(func.sum(invoice.c.amount), BigInteger).label("amount"),
    ).group_by(invoice.c.currency)
    rows = connection.execute(query.order_by(invoice.c.currency))
    return [Total(currency=row.currency, count=row.number, amount=row.amount) for row in rows]


def page(connection: Connection, which: Which, offset: int = 0, limit: int | None = None) -> Sequence[Contested]:
    """The disputes of a page, or all of them."""
    found = _found(which)
    shown = select(found).where(_is_listed(found, which)).order_by(*_order(found)).offset(offset).limit(limit)
    part = shown.cte("shown")
    recorded = (_event.c.account_id == part.c.account_id, _event.c.kind == "dispute", _event.c.identity == part.c.id)
    actor = select(func.max(_event.c.actor)).where(*recorded).correlate(part).scalar_subquery()
    query = select(part, func.coalesce(actor, "").label("actor")).order_by(*_order(part))
    return [_contested(row) for row in connection.execute(query)]


def _contested(row: Row[*tuple[object, ...]]) -> Contested:
    return Contested(
        account=row.account_id,
        name=row.name,
        owner=row.owner,
        currency=row.currency,
        invoice=row.invoice_id,
        amount=row.amount,
        named=row.named,
        reason=row.reason,
        on=row.on,
        actor=row.actor,
    )


def _order(found: CTE) -> tuple[ColumnElement[object], ...]:
    return found.c.on, found.c.account_id, found.c.id


def _found(which: Which) -> CTE:
    """The open disputes of these accounts, of any currency and reason, with what is open of their invoices."""
    still_open = (
        select(func.coalesce(func.sum(_item.c.open), 0))
        .where(_item.c.account_id == _dispute.c.account_id, _item.c.invoice_id == _dispute.c.invoice_id)
        .correlate(_dispute)
        .scalar_subquery()
    )
    disputes = _disputes(which.whose, still_open).subquery("open_dispute")
    amount = func.least(func.coalesce(disputes.c.named, disputes.c.open), disputes.c.open).label("amount")
    return select(disputes, amount).cte("found")


def _disputes(whose: Whose, still_open: ColumnElement[int]) -> Select[*tuple[object, ...]]:
    code = func.split_part(_dispute.c.reason, ":", 1)
    return (
        select(
            _dispute.c.account_id,
            _dispute.c.id,
            _dispute.c.invoice_id,
            _dispute.c.amount.label("named"),
            _dispute.c.reason,
            _dispute.c.on,
            _account.c.currency,
            _account.c.name,
            _account.c.owner,
            case((code.in_(list(reasons.LABELS)), code), else_=OTHER).label("code"),
            cast(still_open, BigInteger).label("open"),
        )
        .join(_account, _account.c.id == _dispute.c.account_id)
        .where(_dispute.c.closed_on.is_(None), whose.condition())
    )


def _is_in(found: CTE, currency: str) -> ColumnElement[bool]:
    return found.c.currency == currency if currency else true()


def _is_listed(found: CTE, which: Which) -> ColumnElement[bool]:
    of_reason = found.c.code == which.reason if which.reason else true()
    return _is_in(found, which.currency) & of_reason


def as_json(one: Contested) -> Mapping[str, object]:
    """One dispute with documented names; amounts are decimal strings."""
    return {
        "account": one.account,
        "name": one.name,
        "owner": one.owner,
        "currency": one.currency,
        "invoice": one.invoice,
        "contested_amount": money.show(one.amount, one.currency),
        "reason": reasons.shown(one.reason),
        "since": one.on.isoformat(),
        "recorded_by": one.actor,
    }


COLUMNS = (*("account", "name", "owner", "currency", "invoice", "contested_amount", "reason", "since", "recorded_by"),)
"""The columns of the list as a file."""
