"""PURE. What follows for the books where a file that has everything open has an invoice no more, or has it again.

Ordinary events and nothing else: a payment of what is open, and its reversal. So books, decisions and audits need not
know where they came from.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from arflow import money
from arflow.accounts.entries import Account, ClearingKind, Ledger
from arflow.accounts.events import MAX_NAME, Event
from arflow.ledger.contradictions import folded

PREFIX = "gone "
"""How the id of every payment begins that was taken for granted; the invoice follows, and the day."""

LONGEST = MAX_NAME - len(PREFIX) - len(" 2026-11-30 999999")
"""How much of the invoice's id stands in it: an id has a largest length."""

Moment = tuple[dt.date, dt.time]


@dataclass(frozen=True, kw_only=True)
class Owed:
    """Something of an invoice, from when on it is owed, and how much."""

    invoice: str
    moment: Moment
    due: dt.date
    open: int


def books(blank: Account, events: Iterable[Event], moment: Moment) -> Ledger:
    """The books at a moment, of `events` in any order."""
    return folded(blank, [event for event in events if _moment(event) <= moment]).ledger


def paid(
    blank: Account, events: Sequence[Event], gone: Collection[str], now: Moment, *, kept: int = 0
) -> Iterator[Event]:
    """Payments of what is open of the invoices of `gone`, the oldest first, until only `kept` is left of them.

    Now, or as soon as there is an invoice that is dated ahead. `events` are all that is known of the account.
    """
    owed = sorted(_owed(blank, events, gone, now), key=lambda one: (one.moment, one.due, one.invoice))
    left = sum(one.open for one in owed) - kept
    ids = {event.id for event in events if event.kind == "payment"}
    for one in owed:
        if (part := min(one.open, left)) > 0:
            left -= part
            amount, moment = money.show(part, blank.currency), one.moment
            data = {"id": _free_id(one.invoice, moment[0], ids), "amount": amount, "invoice": one.invoice}
            ids.add(data["id"])
            yield Event(kind="payment", account=blank.id, on=moment[0], clock=moment[1], data=data)


def _owed(blank: Account, events: Sequence[Event], gone: Collection[str], now: Moment) -> Iterator[Owed]:
    made = {event.text("id"): max(now, _moment(event)) for event in events if event.kind == "invoice"}
    moments: dict[Moment, list[str]] = defaultdict(list)
    for invoice in gone:
        moments[made.get(invoice, now)].append(invoice)
    for moment, keys in moments.items():
        known = books(blank, events, moment).invoices
        for invoice in known.keys() & set(keys):
            due = known[invoice].items[0].due
            yield Owed(invoice=invoice, moment=moment, due=due, open=known[invoice].open)


@dataclass(frozen=True, kw_only=True)
class Apart:
    """What a file has open of an account that money has settled in the books: it may have been meant for another debt.

    So as much of what is gone may well be open. `total` is less than the invoices come to where the file's own credit
    notes, which settle nothing there yet, tell why.
    """

    invoices: Mapping[str, int]
    total: int


def settled_here_only(here: Ledger, said: Ledger, unread: Iterable[str]) -> Apart:
    """Of the books as they are `here`, and as the file alone has `said`; of `unread` it only says that it has them.

    What people credited or wrote off is owed no more, whatever the file says: that was meant for this invoice.
    """
    paid_here: Counter[str] = Counter()
    for clearing in here.clearings.values():
        if clearing.kind in (ClearingKind.PAYMENT, ClearingKind.CREDIT_NOTE) and not clearing.reversed_on:
            for part in clearing.allocations:
                paid_here[part.invoice] += part.amount
    known = said.invoices.keys() & here.invoices.keys()
    more = {key: said.invoices[key].open - here.invoices[key].open for key in sorted(known)}
    found = {key: min(part, paid_here[key]) for key, part in more.items()}
    found |= {key: paid_here[key] for key in unread}
    apart = {key: part for key, part in found.items() if part > 0}
    explained = max(0, said.unapplied - here.unapplied)
    return Apart(invoices=apart, total=max(0, sum(apart.values()) - explained))


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
