"""PURE. What follows for the books where a file that has everything open has an invoice no more, or has it again.

Ordinary events and nothing else: a payment of what is open, and its reversal. So books, decisions and audits need not
know where they came from.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import count

from arflow import money
from arflow.accounts.entries import Account
from arflow.accounts.events import MAX_NAME, Event
from arflow.ledger.contradictions import folded

PREFIX = "gone "
"""How the id of every payment begins that was taken for granted; the invoice follows, and the day."""

LONGEST = MAX_NAME - len(PREFIX) - len(" 2026-11-30 999999")
"""How much of the invoice's id stands in it: an id has a largest length."""

Moment = tuple[dt.date, dt.time]


def paid(blank: Account, events: Sequence[Event], gone: Collection[str], now: Moment) -> list[Event]:
    """A payment of what is open of each invoice of `gone` now, or after the last of `events` that is about it.

    None where nothing is open then. `events` are all that is known of the account, in any order.
    """
    latest = dict.fromkeys(gone, now)
    for event in events:
        latest |= {key: max(latest[key], _moment(event)) for key in _invoices(event) if key in latest}
    moments: dict[Moment, list[str]] = defaultdict(list)
    for invoice in sorted(gone):
        moments[latest[invoice]].append(invoice)
    ids = {event.id for event in events if event.kind == "payment"}
    return [payment for moment, keys in moments.items() for payment in _paid(blank, events, keys, moment, ids)]


def _paid(
    blank: Account, events: Sequence[Event], invoices: Sequence[str], moment: Moment, ids: set[str | None]
) -> Iterator[Event]:
    known = folded(blank, [event for event in events if _moment(event) <= moment]).ledger.invoices
    for invoice in invoices:
        still_open = known[invoice].open if invoice in known else 0
        if still_open:
            amount = money.show(still_open, blank.currency)
            data = {"id": _free_id(invoice, moment[0], ids), "amount": amount, "invoice": invoice}
            ids.add(data["id"])
            yield Event(kind="payment", account=blank.id, on=moment[0], clock=moment[1], data=data)


def _free_id(invoice: str, on: dt.date, taken: Collection[str | None]) -> str:
    """An id that says what the payment is; an invoice may be gone twice on a day."""
    name = f"{PREFIX}{invoice[:LONGEST]} {on}"
    return next(key for number in count(1) if (key := f"{name} {number}" if number > 1 else name) not in taken)


def taken_back(events: Sequence[Event], payments: Collection[str], now: Moment) -> list[Event]:
    """A reversal of each of `payments` that stands, now or at its own moment if that is still to come."""
    reversed_ = {event.text("payment") for event in events if event.kind == "payment_reversed"}
    standing = [
        event for event in events if event.kind == "payment" and event.id in payments and event.id not in reversed_
    ]
    return [_reversal(payment, max(now, _moment(payment))) for payment in standing]


def _reversal(payment: Event, moment: Moment) -> Event:
    data = {"payment": payment.text("id")}
    return Event(kind="payment_reversed", account=payment.account, on=moment[0], clock=moment[1], data=data)


def _moment(event: Event) -> Moment:
    return event.on, event.clock


def _invoices(event: Event) -> Collection[str]:
    """The invoices that an event brings or names."""
    if event.kind == "invoice":
        return (event.text("id"),)
    several = event.data.get("invoices")
    return several if isinstance(several, tuple) else (event.text("invoice"),)
