"""The promises and payments of accounts as they stood at the end of a day: what `verdicts` judges by."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Select, func, select

from arflow.accounts.entries import Allocation, Clearing, ClearingKind, Promise, before_others
from arflow.accounts.promises import Terms, Verdict, verdicts
from arflow.store import accounts, tables

_account, _promise, _clearing, _allocation = tables.account, tables.promise, tables.clearing, tables.allocation
_IS_PAYMENT = _clearing.c.kind == ClearingKind.PAYMENT.value


@dataclass(frozen=True, kw_only=True)
class Said:
    """The promises of an account, each with the day on which it was cancelled, and the payments, with their reversals.

    Payments are in the order of their recording.
    """

    promises: list[tuple[Promise, dt.date | None]] = field(default_factory=list)
    payments: list[tuple[Clearing, dt.date | None]] = field(default_factory=list)

    def judged(self, day: dt.date, terms: Terms) -> list[Verdict]:
        """Where each promise that was made by then stood at the end of `day`."""
        promises = [
            promise if cancelled and cancelled <= day else replace(promise, cancelled=None)
            for promise, cancelled in self.promises
            if promise.on <= day
        ]
        payments = [payment for payment, back in self.payments if payment.on <= day and not (back and back <= day)]
        return verdicts(promises, payments, day, terms)


def said(connection: Connection, ids: Sequence[str], upto: dt.date, *, with_payers: bool = False) -> Mapping[str, Said]:
    """What was promised and paid until `upto`, of those of `ids` that promised anything.

    `with_payers`: of an account that pays through another, the payments of that one, by which its promises are judged
    (contract, section 5); else those in its own books.
    """
    whose = func.coalesce(_account.c.pays_through, _account.c.id) if with_payers else _account.c.id
    found: dict[str, Said] = defaultdict(Said)
    for row in connection.execute(_promises(ids, upto)):
        promise = Promise(
            id=row.id,
            amount=row.amount,
            due=row.due,
            invoices=tuple(row.invoices),
            on=row.on,
            recorded=(row.recorded_at, row.recorded_place),
            cancelled=None if row.cancelled_at is None else (row.cancelled_at, row.cancelled_place),
        )
        told = before_others(promise) if with_payers and row.pays_through else promise
        found[row.account_id].promises.append((told, row.cancelled_on))
    named = [key for key, one in found.items() if any(promise.invoices for promise, _ in one.promises)]
    parts = _parts(connection, named, whose)
    for row in connection.execute(_payments(list(found), upto, whose)):
        payment = Clearing(
            kind=ClearingKind.PAYMENT,
            id=row.id,
            on=row.on,
            recorded=(row.recorded_at, row.recorded_place),
            amount=row.amount,
            allocations=tuple(parts.get((row.paid_for, row.id), ())),
        )
        found[row.paid_for].payments.append((payment, row.reversed_on))
    return found


def _promises(ids: Sequence[str], upto: dt.date) -> Select[Any]:
    """With the day on which each was cancelled, and whom its account pays through."""
    event = tables.event
    cancelled = select(func.min(event.c.on)).where(
        _promise.c.cancelled_at.is_not(None),
        event.c.account_id == _promise.c.account_id,
        event.c.kind == "promise_cancelled",
        event.c.content["id"].astext == _promise.c.id,
    )
    return (
        select(_promise, _account.c.pays_through, cancelled.scalar_subquery().label("cancelled_on"))
        .join(_account, _account.c.id == _promise.c.account_id)
        .where(_promise.c.account_id.in_(accounts.listed(ids)), _promise.c.on <= upto)
    )


def _payments(ids: Sequence[str], upto: dt.date, whose: ColumnElement[str]) -> Select[Any]:
    """In the order of their recording, each with the account whose promises it counts for."""
    return (
        select(_clearing, _account.c.id.label("paid_for"))
        .join(_clearing, _clearing.c.account_id == whose)
        .where(_account.c.id.in_(accounts.listed(ids)), _IS_PAYMENT, _clearing.c.on <= upto)
        .order_by(_clearing.c.recorded_at, _clearing.c.recorded_place)
    )


def _parts(
    connection: Connection, ids: Sequence[str], whose: ColumnElement[str]
) -> Mapping[tuple[str, str], list[Allocation]]:
    """What of each payment stands against which invoice: by the account whose promises it counts for, and its id."""
    found: dict[tuple[str, str], list[Allocation]] = defaultdict(list)
    if not ids:
        return found
    query = (
        select(_allocation, _account.c.id.label("paid_for"))
        .join(_allocation, _allocation.c.account_id == whose)
        .where(_account.c.id.in_(accounts.listed(ids)), _allocation.c.kind == ClearingKind.PAYMENT.value)
        .order_by(_allocation.c.position)
    )
    for row in connection.execute(query):
        part = Allocation(invoice=row.invoice_id, item=row.item, amount=row.amount)
        found[row.paid_for, row.clearing_id].append(part)
    return found
