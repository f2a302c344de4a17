"""What has become of each promise, judged anew from all payments that stand (contract, section 5)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tests.naive.clocks import DAY
from tests.naive.ledger import Ledger, Money

Order = tuple[dt.datetime, int]
"""When something was recorded: its instant, and its place among what was recorded then."""


@dataclass
class Promise:
    """A promise as it was made, and what has come of it."""

    id: str
    on: dt.date
    due: dt.date
    amount: int
    invoices: Sequence[str]
    made: Order
    cancelled: Order | None = None
    came: int = 0
    kept_on: dt.date | None = None
    status: str = "open"
    over_on: dt.date | None = None
    over_at: dt.datetime | None = None


@dataclass
class _Piece:
    """What of a payment went to an invoice, or to none, as far as it has not counted yet."""

    invoice: str
    amount: int


def judge(
    promises: Sequence[Promise], ledger: Ledger, recorded: Sequence[Order], day: dt.date, grace: int, tolerance: int
) -> None:
    """Say of each promise what has come and how it stands on `day`. `recorded`: when each event of the ledger was."""
    for payment in ledger.payments():
        _count(payment, promises, recorded[payment.at], grace, tolerance)
    for one in promises:
        ends = one.due + grace * DAY
        if one.kept_on:
            one.status, one.over_on = "kept", one.kept_on
        elif one.cancelled:
            one.status = "cancelled"
        elif day > ends:
            one.status, one.over_on = ("partly_kept" if one.came else "broken"), ends + DAY


def _count(payment: Money, promises: Sequence[Promise], at: Order, grace: int, tolerance: int) -> None:
    """Let a payment count once, to the earliest-due promise first: what has gone to an invoice, then what is left."""
    pieces = [_Piece(part.invoice, amount) for part, amount in payment.paid]
    pieces.append(_Piece("", payment.rest))
    for one in sorted(promises, key=lambda promise: promise.due):
        if not _counts(payment, at, one, grace):
            continue
        for piece in pieces:
            if not one.invoices or piece.invoice in one.invoices:
                counts = min(piece.amount, one.amount - one.came)
                piece.amount -= counts
                one.came += counts
        if one.came >= one.amount - tolerance:
            one.kept_on, one.over_at = payment.on, at[0]


def _counts(payment: Money, at: Order, one: Promise, grace: int) -> bool:
    """Whether the promise is open at the payment, and was made before it."""
    if one.kept_on or at < one.made or payment.on > one.due + grace * DAY:
        return False
    return one.cancelled is None or at < one.cancelled
