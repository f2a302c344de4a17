"""PURE. What follows for the books where a file that has everything open has an invoice no more, or has it again.

One rule: **after the file an account owes what the file says, net**, that is what is open less what is credited. Where
the books say more, the difference is taken as paid; where they say less, what was taken as paid before is taken back.
Net, because money without a reference may have settled another invoice here than in the company's own books.

Ordinary events and nothing else: a payment of what is open, and its reversal. So books, decisions and audits need not
know where they came from.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from arflow import money
from arflow.accounts.entries import Account, Clearing, ClearingKind, Ledger
from arflow.accounts.events import MAX_NAME, Event
from arflow.ledger.contradictions import folded

PREFIX = "gone "
"""How the id of every payment begins that was taken for granted; the invoice follows, and the day."""

LONGEST = MAX_NAME - len(PREFIX) - len(" 2026-11-30 999999")
"""How much of the invoice's id stands in it: an id has a largest length."""

Moment = tuple[dt.date, dt.time]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known of an account beside its events, by id."""

    ours: AbstractSet[str] = frozenset()
    """Invoices and credit notes that the file has as long as they are open: files of its profiles brought them."""
    present: AbstractSet[str] = frozenset()
    """Invoices and credit notes that it has, also where their rows could not be read."""
    guesses: AbstractSet[str] = frozenset()
    """Payments that were taken for granted and stand."""


class File(NamedTuple):
    """The invoices and payments of the file that could be read."""

    taken: Sequence[Event]
    rejected: Sequence[Event] = ()
    """What contradicts the books: of these invoices the file only says that it has them."""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What follows, and what there is to tell: amounts in minor units by invoice, none of them zero."""

    events: Sequence[Event]
    changes: Mapping[str, int]
    """How much more of each invoice is taken as paid than before, or less."""
    settled_here: Mapping[str, int]
    """What the file has open and the books do not."""
    unmatched: Mapping[str, int]
    """What stays open though it is gone, of accounts with money that stands against no invoice."""
    used_again: AbstractSet[str]
    """Numbers of paid invoices under which the file has new ones."""


def books(blank: Account, events: Iterable[Event], moment: Moment) -> Ledger:
    """The books at a moment, of `events` in any order."""
    return folded(blank, [event for event in events if _moment(event) <= moment]).ledger


def settlement(
    blank: Account, known: Sequence[Event], file: File, found: Found, now: Moment, *, is_complete: bool = True
) -> Settlement:
    """What follows now of `file`, where `known` are all events of the account, the new ones included.

    Nothing is taken as paid unless the file `is_complete`: a row that does not say what it is of may be of anything.
    """
    settling = _Settling(blank, known, file, found, now)
    settling.take_back()
    if is_complete:
        settling.take_as_paid()
    return settling.done()


class _Settling:
    """The books of one account on their way to what a file says of it."""

    def __init__(self, blank: Account, known: Sequence[Event], file: File, found: Found, now: Moment) -> None:
        self._blank, self._known, self._now = blank, known, now
        self._made = {event.text("id"): event for event in known if event.kind == "invoice"}
        scope = (found.ours | found.present) & self._made.keys()
        self._moment = max([now, *(_moment(self._made[key]) for key in scope)])
        self._added: list[Event] = []
        self._here = books(blank, known, self._moment)
        self._notes = {key for key in scope if _is_note(self._made[key])}
        self._debts = (scope - self._notes) & self._here.invoices.keys()
        self._used_again = {row.text("id") for row in (*file.taken, *file.rejected) if self._is_new(row)}
        self._gone = self._debts - (found.present - self._used_again)
        self._said, self._credit = self._claims(file.taken, found.present - self._used_again)
        undone = {event.text("payment") for event in known if event.kind == "payment_reversed"}
        guesses = [event for event in known if event.kind == "payment" and event.id in found.guesses - undone]
        self._guesses = [guess for guess in guesses if guess.text("invoice") in self._debts]

    def _is_new(self, row: Event) -> bool:
        """Whether a row is of a new invoice by the number of an old one: that was paid by the new one's date."""
        old = self._here.invoices.get(row.text("id")) if row.kind == "invoice" else None
        if old is None or old.open or row.on <= old.recorded[0].date():
            return False
        return row.on >= self._here.last_paid_on.get(old.id, dt.date.max)

    # --- what the file says, and what the books say -------------------------------------------------------------------

    def _claims(self, file: Sequence[Event], present: AbstractSet[str]) -> tuple[Mapping[str, int], int]:
        """What the file has open of each invoice, once its own credit is set off against the oldest; and what is left.

        What people credited or wrote off is owed no more, whatever the file says. Of a row that could not be read the
        whole is believed to be open: a debt that is asked for too often is seen, and one that is forgotten is not.
        """
        rows = [event for event in file if event.kind != "invoice" or event.id in present]
        notes = [event for event in rows if _is_note(event)]
        said = books(self._blank, [event for event in rows if not _is_note(event)], self._moment)
        credit = said.unapplied - sum(_amount(self._blank, note) for note in notes)
        here = _allotted(clearing for clearing in _standing(self._here) if self._is_money(clearing))
        claims = {}
        for key in sorted(present & self._debts, key=self._age):
            most = self._here.invoices[key].open + here[key]
            part = min(said.invoices[key].open, most) if key in said.invoices else most
            claims[key] = part - (off := min(part, credit))
            credit -= off
        return claims, credit

    def _is_money(self, clearing: Clearing) -> bool:
        """Whether it may have been meant for another invoice than it settled here."""
        of_no_invoice = (ClearingKind.PAYMENT, ClearingKind.CREDIT_NOTE)
        return clearing.kind in of_no_invoice and not self._is_elsewhere(clearing)

    def _is_elsewhere(self, clearing: Clearing) -> bool:
        """Whether it is a credit note of which this file says nothing: another company's, or one that people made."""
        return clearing.kind is ClearingKind.CREDIT_NOTE and clearing.id not in self._notes

    def _surplus(self) -> int:
        """How much more the books say than the file; below zero where they say less."""
        here = sum(self._here.invoices[key].open for key in self._debts) - self._loose()
        return here - (sum(self._said.values()) - self._credit)

    def _loose(self) -> int:
        """How much money stands against no invoice."""
        loose = [clearing for clearing in _standing(self._here) if not self._is_elsewhere(clearing)]
        return sum(clearing.unapplied for clearing in loose)

    def _age(self, invoice: str) -> tuple[Moment, dt.date, str]:
        return max(self._now, _moment(self._made[invoice])), self._here.invoices[invoice].items[0].due, invoice

    # --- what follows -------------------------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Take back payments, until none is of what the file has open, and they are no more than the file explains.

        Nor does one stand against nothing that would have an invoice to stand against. Once one is taken back other
        money takes its place, and may leave another invoice of the file with less.
        """
        while self._open_what_is_back() or self._make_room() or self._free_what_is_loose():
            pass

    def _open_what_is_back(self) -> bool:
        """Take back payments of invoices that the file has, as of now, as far as less of these is open here."""
        missing = {key: part - self._here.invoices[key].open for key, part in self._said.items()}
        chosen = []
        for guess in self._youngest_guesses():
            if missing.get(key := guess.text("invoice"), 0) > 0:
                missing[key] -= _amount(self._blank, guess)
                chosen.append(guess)
        return self._reverse(chosen, self._now)

    def _make_room(self) -> bool:
        """Take back further payments while the books say less than the file: what was paid came in other ways as well.

        That is as of their own moments: money that came since takes their places, as if it had been first.
        """
        missing, chosen = -self._surplus(), []
        for guess in self._youngest_guesses():
            if missing > 0:
                missing -= _amount(self._blank, guess)
                chosen.append(guess)
        return self._reverse(chosen)

    def _free_what_is_loose(self) -> bool:
        """Take back payments that stand against nothing any more, as far as others of what is gone are open instead."""
        excess, chosen = sum(self._excess(key) for key in self._debts), []
        loose = {clearing.id: clearing.unapplied for clearing in _standing(self._here)}
        for guess in self._youngest_guesses():
            if excess > 0 and (part := loose.get(guess.text("id"), 0)):
                excess -= part
                chosen.append(guess)
        return self._reverse(chosen)

    def _excess(self, invoice: str) -> int:
        """How much more is open here than in the file."""
        return max(0, self._here.invoices[invoice].open - self._said.get(invoice, 0))

    def _youngest_guesses(self) -> list[Event]:
        """Those of invoices that money stands beside, then all others; of each the youngest first."""
        beside = {clearing.invoice for clearing in _standing(self._here) if clearing.unapplied}
        return sorted(
            self._guesses, key=lambda one: (one.text("invoice") in beside, _moment(one), one.text("id")), reverse=True
        )

    def _reverse(self, guesses: Sequence[Event], now: Moment | None = None) -> bool:
        ids = {guess.id for guess in guesses}
        self._guesses = [guess for guess in self._guesses if guess.id not in ids]
        self._add([_reversal(guess, max(now or _moment(guess), _moment(guess))) for guess in guesses])
        return bool(guesses)

    def take_as_paid(self) -> None:
        """Take as paid what the books say more: of what is gone, the oldest first, then of what is there in part."""
        for invoices in (self._gone, self._said.keys()):
            self._pay(sorted(invoices, key=self._age))

    def _pay(self, invoices: Iterable[str]) -> None:
        ids = {event.id for event in (*self._known, *self._added) if event.kind == "payment"}
        left, paid = self._surplus(), []
        for key in invoices:
            if (part := min(self._excess(key), left)) > 0:
                left -= part
                paid.append(self._payment(key, part, ids))
                ids.add(paid[-1].id)
        self._add(paid)

    def _payment(self, invoice: str, part: int, taken: Collection[str | None]) -> Event:
        """Now, or as soon as there is an invoice that is dated ahead."""
        on, clock = max(self._now, _moment(self._made[invoice]))
        data = {
            "id": _free_id(invoice, on, taken),
            "amount": money.show(part, self._blank.currency),
            "invoice": invoice,
        }
        return Event(kind="payment", account=self._blank.id, on=on, clock=clock, data=data)

    def _add(self, events: Sequence[Event]) -> None:
        if events:
            self._added += events
            self._here = books(self._blank, [*self._known, *self._added], self._moment)

    def done(self) -> Settlement:
        """What was found."""
        apart = {key: part - self._here.invoices[key].open for key, part in self._said.items()}
        return Settlement(
            events=self._added,
            changes=self._changes(),
            settled_here={key: part for key, part in apart.items() if part > 0},
            unmatched=self._unmatched(),
            used_again=self._used_again,
        )

    def _unmatched(self) -> Mapping[str, int]:
        if not self._loose():
            return {}
        found = {key: self._here.invoices[key].open for key in sorted(self._gone, key=self._age)}
        return {key: part for key, part in found.items() if part}

    def _changes(self) -> Mapping[str, int]:
        payments = {event.id: event for event in self._known if event.kind == "payment"}
        changes: Counter[str] = Counter()
        for event in self._added:
            sign, payment = (1, event) if event.kind == "payment" else (-1, payments[event.text("payment")])
            changes[payment.text("invoice")] += sign * _amount(self._blank, payment)
        return {key: amount for key, amount in changes.items() if amount}


def _reversal(payment: Event, moment: Moment) -> Event:
    data = {"payment": payment.text("id")}
    return Event(kind="payment_reversed", account=payment.account, on=moment[0], clock=moment[1], data=data)


def _amount(blank: Account, event: Event) -> int:
    return money.parse(event.text("amount"), blank.currency)


def _standing(ledger: Ledger) -> Iterator[Clearing]:
    return (clearing for clearing in ledger.clearings.values() if not clearing.reversed_on)


def _allotted(clearings: Iterable[Clearing]) -> Counter[str]:
    """How much stands against each invoice."""
    found: Counter[str] = Counter()
    for clearing in clearings:
        for part in clearing.allocations:
            found[part.invoice] += part.amount
    return found


def _is_note(event: Event) -> bool:
    return event.kind == "invoice" and event.text("amount").startswith("-")


def _free_id(invoice: str, on: dt.date, taken: Collection[str | None]) -> str:
    """An id that says what the payment is; an invoice may be gone twice on a day."""
    name = f"{PREFIX}{invoice[:LONGEST]} {on}"
    return next(key for number in count(1) if (key := f"{name} {number}" if number > 1 else name) not in taken)


def _moment(event: Event) -> Moment:
    return event.on, event.clock
