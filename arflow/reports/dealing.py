"""What open promises cover day by day where money has come since one was made, as `verdicts` deals it out among them.

Only of accounts whose promises name no invoices: then a promise covers its whole outstanding amount, of any invoice.
"""

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from arflow.accounts.entries import ClearingKind
from arflow.accounts.promises import Terms
from arflow.isodates import ONE_DAY
from arflow.reports.positions import Judging
from arflow.reports.said import Said, said
from arflow.store import tables

_account, _promise, _clearing = tables.account, tables.promise, tables.clearing
Dealt = tuple[str, dt.date, int]
"""An account, a day, and by how many minor units more its promises cover from the end of that day on."""


def dealt(connection: Connection, between: tuple[str, str], upto: dt.date, terms: Judging) -> Iterator[Dealt]:
    """What changed until `upto`, of the accounts from one to another; every account that is dealt with has some row."""
    judged = _judged(connection, between, upto, terms)
    found = said(connection, list(judged), upto)
    for account, as_judged in judged.items():
        covered = 0
        for day, covers in _covering(found[account], upto, as_judged):
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


def _covering(told: Said, upto: dt.date, terms: Terms) -> Iterator[tuple[dt.date, int]]:
    """How much the promises cover from the end of each day on which that may change."""
    grace = dt.timedelta(days=terms.grace_days)
    days = {promise.due + grace + ONE_DAY for promise, _ in told.promises}
    days |= {day for promise, cancelled in told.promises for day in (promise.on, cancelled) if day}
    days |= {day for payment, reversed_on in told.payments for day in (payment.on, reversed_on) if day}
    for day in sorted(day for day in days if day <= upto):
        yield day, sum(verdict.outstanding for verdict in told.judged(day, terms))
