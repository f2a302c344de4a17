"""What is open of each invoice, made anew from all events so far (contract, section 5)."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arflow import money
from arflow.accounts.events import Event


@dataclass
class Part:
    """An instalment, or an invoice that has none."""

    invoice: str
    due: dt.date
    amount: int


@dataclass
class Money:
    """A payment, credit, write-off or negative invoice, and which parts it has paid."""

    kind: str
    id: str
    on: dt.date
    amount: int
    at: int
    paid: list[tuple[Part, int]] = field(default_factory=list)
    is_undone: bool = False

    @property
    def rest(self) -> int:
        """What stands against no invoice."""
        return self.amount - sum(amount for _, amount in self.paid)

    def paid_to(self, invoices: Sequence[str]) -> int:
        """What has gone to these invoices."""
        return sum(amount for part, amount in self.paid if part.invoice in invoices)


@dataclass
class Dispute:
    """A dispute. Without an amount it covers all that is open."""

    id: str
    invoice: str
    on: dt.date
    amount: int | None
    is_open: bool = True


class Ledger:
    """The ledger of one account after these events. Positions in `events` tell what was recorded after what."""

    def __init__(self, events: Sequence[Event], currency: str) -> None:
        self.currency = currency
        self.parts: list[Part] = []
        self.issued: dict[str, dt.date] = {}
        self.money: list[Money] = []
        self.disputes: list[Dispute] = []
        for at, event in enumerate(events):
            self._take(event, at)

    # --- what there is ------------------------------------------------------------------------------------------------

    def open(self, part: Part) -> int:
        """What is open of a part."""
        return part.amount - sum(amount for one in self._done() for paid, amount in one.paid if paid is part)

    def parts_of(self, invoice: str) -> list[Part]:
        """The parts of an invoice, the earliest first."""
        return sorted((part for part in self.parts if part.invoice == invoice), key=lambda part: part.due)

    def open_of(self, invoice: str) -> int:
        """What is open of an invoice."""
        return sum(self.open(part) for part in self.parts_of(invoice))

    def oldest_first(self) -> list[Part]:
        """All parts by due date, then by the id of their invoice."""
        return sorted(self.parts, key=lambda part: (part.due, part.invoice))

    def payments(self) -> list[Money]:
        """The payments that stand, in their order."""
        return [one for one in self._done() if one.kind == "payment"]

    def unapplied(self) -> int:
        """What stands against no invoice."""
        return sum(one.rest for one in self._done())

    def gross(self, day: dt.date) -> int:
        """All that is overdue on `day`."""
        return sum(self.open(part) for part in self.parts if part.due < day)

    def disputed(self) -> list[tuple[Part, int]]:
        """Which parts open disputes cover, and how much of each: the earliest instalment first."""
        found = []
        for invoice in self.issued:
            amounts = [one.amount for one in self.disputes if one.is_open and one.invoice == invoice]
            left = self.open_of(invoice) if None in amounts else sum(amount or 0 for amount in amounts)
            for part in self.parts_of(invoice):
                covered = min(left, self.open(part))
                left -= covered
                found.append((part, covered))
        return found

    def settled_by(self, invoice: str) -> list[Money]:
        """All that has gone to an invoice, in its order."""
        return [one for one in self._done() if one.paid_to([invoice])]

    def _done(self) -> Iterator[Money]:
        return (one for one in self.money if not one.is_undone)

    # --- what happens -------------------------------------------------------------------------------------------------

    def _take(self, event: Event, at: int) -> None:
        match event.kind:
            case "invoice":
                self._invoice(event, at)
            case "payment" | "credit":
                self._money(event, at)
            case "write_off":
                invoice = event.text("invoice")
                self._pay(Money("write_off", invoice, event.on, self.open_of(invoice), at), self.parts_of(invoice))
            case "payment_reversed":
                self._undo("payment", event.text("payment"))
            case "write_off_reversed":
                self._undo("write_off", event.text("invoice"))
            case "dispute":
                amount = self.parsed(event.text("amount")) if event.text("amount") else None
                self.disputes.append(Dispute(event.text("id"), event.text("invoice"), event.on, amount))
            case "dispute_closed":
                self._close(event, at)

    def parsed(self, text: str) -> int:
        """An amount in minor units."""
        return money.parse(text, self.currency)

    def _invoice(self, event: Event, at: int) -> None:
        name, amount = event.text("id"), self.parsed(event.text("amount"))
        if amount < 0:
            self._pay(Money("negative", name, event.on, -amount, at), self.oldest_first())
            return
        self.issued[name] = event.day("issued") if "issued" in event.data else event.on
        parts = event.data.get("instalments")
        if isinstance(parts, tuple):
            self.parts += [Part(name, one["due"], self.parsed(one["amount"])) for one in parts]
        else:
            self.parts.append(Part(name, event.day("due"), amount))

    def _money(self, event: Event, at: int) -> None:
        invoice = event.text("invoice")
        parts = self.parts_of(invoice) if invoice else self.oldest_first()
        amount = self.parsed(event.text("amount")) if event.text("amount") else self.open_of(invoice)
        self._pay(Money(event.kind, event.text("id"), event.on, amount, at), parts)

    def _pay(self, one: Money, parts: Sequence[Part]) -> None:
        left = one.amount
        for part in parts:
            paid = min(left, self.open(part))
            if paid > 0:
                one.paid.append((part, paid))
                left -= paid
        self.money.append(one)

    def _undo(self, kind: str, name: str) -> None:
        standing = [one for one in self._done() if (one.kind, one.id) == (kind, name)]
        standing[-1].is_undone = True

    def _close(self, event: Event, at: int) -> None:
        dispute = next(one for one in self.disputes if one.id == event.text("id"))
        dispute.is_open = False
        parts, is_open = self.parts_of(dispute.invoice), self.open_of(dispute.invoice)
        amount = 0
        if event.text("outcome") == "upheld":
            amount = is_open if dispute.amount is None else min(dispute.amount, is_open)
        if event.text("outcome") == "partly_upheld":
            amount = self.parsed(event.text("credit"))
        self._pay(Money("credit", dispute.id, event.on, amount, at), parts)
