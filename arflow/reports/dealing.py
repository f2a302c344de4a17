"""What open promises cover day by day where money has come since one was made, as `verdicts` deals it out among them.

Only of accounts whose promises name no invoices: then a promise covers its whole outstanding amount, of any invoice.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Select, func, select

from arflow.accounts.entries import Clearing, ClearingKind, Promise
from arflow.accounts.promises import ONE_DAY, Terms, verdicts
from arflow.reports.positions import Judging
from arflow.store import accounts, tables

_account, _promise, _clearing = tables.account, tables.promise, tables.clearing
Dealt = tuple[str, dt.date, int]
"""An account, a day, and by how many minor units more its promises cover from the end of that day on."""


@dataclass(frozen=True, kw_only=True)
class _Said:
    """The promises of an account, each with the day on which it was cancelled, and the payments, with their reversals.

    Payments are in the order of their recording.
    """

    promises: list[tuple[Promise, dt.date | None]] = field(default_factory=list)
    payments: list[tuple[Clearing, dt.date | None]] = field(default_factory=list)


def dealt(connection: Connection, between: tuple[str, str], upto: dt.date, terms: Judging) -> Iterator[Dealt]:
    """What changed until `upto`, of the accounts from one to another; every account that is dealt with has some row."""
    judged = _judged(connection, between, upto, terms)
    said = _said(connection, list(judged), upto)
    for account, as_judged in judged.items():
        covered = 0
        for day, covers in _covering(said[account], upto, as_judged):
            yield account, day, covers - covered
            covered = covers


def _judged(connection: Connection, between: tuple[str, str], upto: dt.date, terms: Judging) -> dict[str, Terms]:
    """The accounts to which a payment came while a promise of theirs may have been open, and how it is judged."""
    query = (
        select(_account.c.id, _account.c.currency, _account.c.policy_version)
        .distinct()
        .select_from(_account.join(_promise).join(_clearing, _clearing.c.account_id == _promise.c.account_id))
        .where(_promise.c.account_id.between(*between), _clearing.c.account_id.between(*between))
        .where(_promise.c.on <= upto, _clearing.c.kind == ClearingKind.PAYMENT.value)
        .where(_clearing.c.on.between(_promise.c.on, func.least(_promise.c.due + terms.longest, upto)))
    )
    return {row.id: terms.of(row.currency, row.policy_version) for row in connection.execute(query)}


def _said(connection: Connection, ids: Sequence[str], upto: dt.date) -> Mapping[str, _Said]:
    found: dict[str, _Said] = defaultdict(_Said)
    for row in connection.execute(_promises(ids, upto)):
        promise = Promise(
            id=row.id,
            amount=row.amount,
            due=row.due,
            invoices=(),
            on=row.on,
            recorded=(row.recorded_at, row.recorded_place),
            cancelled=None if row.cancelled_at is None else (row.cancelled_at, row.cancelled_place),
        )
        found[row.account_id].promises.append((promise, row.cancelled_on))
    payments = select(_clearing).where(
        _clearing.c.account_id.in_(accounts.listed(ids)),
        _clearing.c.kind == ClearingKind.PAYMENT.value,
        _clearing.c.on <= upto,
    )
    for row in connection.execute(payments.order_by(_clearing.c.recorded_at, _clearing.c.recorded_place)):
        recorded = (row.recorded_at, row.recorded_place)
        payment = Clearing(kind=ClearingKind.PAYMENT, id=row.id, on=row.on, recorded=recorded, amount=row.amount)
        found[row.account_id].payments.append((payment, row.reversed_on))
    return found


def _promises(ids: Sequence[str], upto: dt.date) -> Select[Any]:
    """With the day on which each was cancelled."""
    event = tables.event
    cancelled = select(func.min(event.c.on)).where(
        _promise.c.cancelled_at.is_not(None),
        event.c.account_id == _promise.c.account_id,
        event.c.kind == "promise_cancelled",
        event.c.content["id"].astext == _promise.c.id,
    )
    return select(_promise, cancelled.scalar_subquery().label("cancelled_on")).where(
        _promise.c.account_id.in_(accounts.listed(ids)), _promise.c.on <= upto
    )


def _covering(said: _Said, upto: dt.date, terms: Terms) -> Iterator[tuple[dt.date, int]]:
    """How much the promises cover from the end of each day on which that may change."""
    grace = dt.timedelta(days=terms.grace_days)
    days = {promise.due + grace + ONE_DAY for promise, _ in said.promises}
    days |= {day for promise, cancelled in said.promises for day in (promise.on, cancelled) if day}
    days |= {day for payment, reversed_on in said.payments for day in (payment.on, reversed_on) if day}
    for day in sorted(day for day in days if day <= upto):
        promises = [
            promise if cancelled and cancelled <= day else replace(promise, cancelled=None)
            for promise, cancelled in said.promises
            if promise.on <= day
        ]
        payments = [payment for payment, back in said.payments if payment.on <= day and not (back and back <= day)]
        yield day, sum(verdict.outstanding for verdict in verdicts(promises, payments, day, terms))
