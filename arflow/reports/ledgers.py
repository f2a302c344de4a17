"""The ledgers of all accounts as SQL reads them: as they are kept today, and as they were at the end of a past day.

What is kept is what all events come to in their order, and the events up to a day are the first of them. No later event
moves what an earlier one has allocated; it is taken back whole, on a date. So the books of a past day are those entries
of today's that were there by then, less what was taken back by then.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, Subquery, and_, func, literal_column, or_, select, tuple_

from arflow.accounts.entries import ClearingKind
from arflow.store import tables

_item, _dispute, _promise, _clearing = tables.item, tables.dispute, tables.promise, tables.clearing


@dataclass(frozen=True, kw_only=True)
class Ledgers:
    """What is open: each a source of rows with the columns of its table.

    `item` holds instalments of which something is open, `dispute` those not closed, `promise` those not cancelled.
    """

    item: FromClause
    dispute: FromClause
    promise: FromClause
    has_seen_money: Callable[[FromClause], ColumnElement[bool]]
    """Whether a payment that is in force may count towards a promise."""


def present() -> Ledgers:
    """As they are kept."""
    return Ledgers(
        item=select(_item).where(_item.c.open > 0).subquery("item"),
        dispute=select(_dispute).where(_dispute.c.closed_on.is_(None)).subquery("dispute"),
        promise=select(_promise).where(_promise.c.cancelled_at.is_(None)).subquery("promise"),
        has_seen_money=_since_it_was_recorded,
    )


def past(day: dt.date) -> Ledgers:
    """As they were at the end of `day`, of accounts of which everything recorded until then is applied."""
    return Ledgers(
        item=_items_then(day),
        dispute=select(_dispute)
        .where(_dispute.c.on <= day, or_(_dispute.c.closed_on.is_(None), _dispute.c.closed_on > day))
        .subquery("dispute"),
        promise=select(_promise)
        .where(_promise.c.on <= day, or_(_promise.c.cancelled_at.is_(None), ~_was_cancelled(day)))
        .subquery("promise"),
        has_seen_money=lambda promise: _paid(promise, _clearing.c.on >= promise.c.on, _clearing.c.on <= day),
    )


def _since_it_was_recorded(promise: FromClause) -> ColumnElement[bool]:
    recorded = tuple_(_clearing.c.recorded_at, _clearing.c.recorded_place)
    since = recorded > tuple_(promise.c.recorded_at, promise.c.recorded_place)
    return _paid(promise, since, _clearing.c.reversed_on.is_(None))


def _paid(promise: FromClause, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    is_payment = _clearing.c.kind == ClearingKind.PAYMENT.value
    came = select(_clearing.c.id).where(_clearing.c.account_id == promise.c.account_id, is_payment, *which)
    return came.exists()


def _items_then(day: dt.date) -> Subquery:
    event, cleared = tables.event, _cleared(day)
    is_its_invoice = and_(
        event.c.account_id == _item.c.account_id,
        event.c.kind == literal_column("'invoice'"),
        event.c.identity == _item.c.invoice_id,
        event.c.on <= day,
    )
    is_of_it = and_(
        cleared.c.account_id == _item.c.account_id,
        cleared.c.invoice_id == _item.c.invoice_id,
        cleared.c.item == _item.c.number,
    )
    left = _item.c.amount - func.coalesce(cleared.c.amount, 0)
    return (
        select(_item.c.account_id, _item.c.invoice_id, _item.c.due, left.label("open"))
        .select_from(_item.join(event, is_its_invoice).outerjoin(cleared, is_of_it))
        .where(left > 0)
        .subquery("item")
    )


def _cleared(day: dt.date) -> Subquery:
    """By instalment: what stood against it at the end of `day`."""
    part = tables.allocation
    is_its_own = and_(
        part.c.account_id == _clearing.c.account_id,
        part.c.kind == _clearing.c.kind,
        part.c.clearing_id == _clearing.c.id,
    )
    was_in_force = or_(_clearing.c.reversed_on.is_(None), _clearing.c.reversed_on > day)
    return (
        select(part.c.account_id, part.c.invoice_id, part.c.item, func.sum(part.c.amount).label("amount"))
        .select_from(part.join(_clearing, is_its_own))
        .where(_clearing.c.on <= day, was_in_force)
        .group_by(part.c.account_id, part.c.invoice_id, part.c.item)
        .subquery("cleared")
    )


def _was_cancelled(day: dt.date) -> ColumnElement[bool]:
    event = tables.event
    said = (event.c.account_id == _promise.c.account_id, event.c.content["id"].astext == _promise.c.id)
    return select(event.c.id).where(*said, event.c.kind == "promise_cancelled", event.c.on <= day).exists()
