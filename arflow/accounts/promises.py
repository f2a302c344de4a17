"""Verdicts on promises, derived anew from the payments in force: a reversal judges again (contract, section 5)."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from arflow.accounts.entries import Clearing, Promise
from arflow.isodates import ONE_DAY


class Terms(Struct, frozen=True, kw_only=True):
    """How a policy judges promises: `grace_days` after the due date, `tolerance` in minor units.

    Its days begin at `act_at`, on the account's own clock: until then a promise of the day before is open.
    """

    grace_days: int = 0
    tolerance: int = 0
    act_at: dt.time = dt.time(0)


class Verdict(Struct, frozen=True, kw_only=True):
    """Where a promise stands on a policy day.

    `status` is open, kept, partly_kept, broken or cancelled; `on` dates the verdict; `came` is what was paid towards
    it; `end` is its due date plus grace; `kept_at` is the instant at which the payment was recorded that kept it.
    """

    promise: Promise
    status: str
    came: int
    end: dt.date
    on: dt.date | None = None
    kept_at: dt.datetime | None = None

    @property
    def outstanding(self) -> int:
        """What it still covers while it is open."""
        return self.promise.amount - self.came if self.status == "open" else 0


@dataclass(slots=True)
class _Purse:
    """What one promise has received so far, while payments are dealt out."""

    promise: Promise
    end: dt.date
    needed: int
    came: int = 0
    kept_on: dt.date | None = None
    kept_at: dt.datetime | None = None

    def is_open_for(self, payment: Clearing) -> bool:
        promise = self.promise
        if self.kept_on or payment.recorded <= promise.recorded or payment.on > self.end:
            return False
        return promise.cancelled is None or payment.recorded < promise.cancelled

    def take(self, pieces: list[tuple[str | None, int]], payment: Clearing) -> None:
        """Take what this promise lacks out of `pieces` of a payment, (invoice, amount) pairs, and lower them."""
        for at, (invoice, amount) in enumerate(pieces):
            if self.promise.invoices and invoice not in self.promise.invoices:
                continue
            part = min(amount, self.promise.amount - self.came)
            self.came += part
            pieces[at] = (invoice, amount - part)
        if self.came >= self.needed and self.kept_on is None:
            self.kept_on, self.kept_at = payment.on, payment.recorded[0]


def verdicts(promises: Iterable[Promise], payments: Sequence[Clearing], day: dt.date, terms: Terms) -> list[Verdict]:
    """Where each promise stands on the policy day `day`, in the order in which they were made.

    A payment counts once: to the earliest-due promise that was open at its date, then to the next.
    """
    grace = dt.timedelta(days=terms.grace_days)
    purses = [
        _Purse(promise, promise.due + grace, max(0, promise.amount - terms.tolerance))
        for promise in sorted(promises, key=lambda promise: promise.recorded)
    ]
    for payment in payments if purses else ():
        pieces = _pieces(payment)
        for purse in sorted((p for p in purses if p.is_open_for(payment)), key=lambda p: p.end):
            purse.take(pieces, payment)
    return [_verdict(purse, day) for purse in purses]


def _pieces(payment: Clearing) -> list[tuple[str | None, int]]:
    pieces: list[tuple[str | None, int]] = [(part.invoice, part.amount) for part in payment.allocations]
    return [*pieces, (None, payment.unapplied)]


def _verdict(purse: _Purse, day: dt.date) -> Verdict:
    status, on = _status(purse, day)
    return Verdict(promise=purse.promise, status=status, came=purse.came, end=purse.end, on=on, kept_at=purse.kept_at)


def _status(purse: _Purse, day: dt.date) -> tuple[str, dt.date | None]:
    if purse.kept_on is not None:
        return "kept", purse.kept_on
    if purse.promise.cancelled is not None:
        return "cancelled", None
    if day <= purse.end:
        return "open", None
    return ("partly_kept" if purse.came else "broken"), purse.end + ONE_DAY
