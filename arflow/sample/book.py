"""What is open on one account of the sample: just enough of a ledger that payments and references make sense."""

import datetime as dt
from dataclasses import dataclass


@dataclass(slots=True)
class Item:
    """One instalment and what is open of it, in minor units."""

    invoice: str
    due: dt.date
    open: int


class Book:
    """The items of one account. Money goes to the oldest due date, then the invoice id (contract, section 5)."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._allocated: dict[str, list[tuple[Item, int]]] = {}

    def bill(self, invoice: str, items: list[tuple[dt.date, int]]) -> None:
        """Add an invoice with its (due date, amount) instalments."""
        self._items += [Item(invoice, due, amount) for due, amount in items]
        self._items.sort(key=lambda item: (item.due, item.invoice))

    def open_of(self, invoice: str) -> int:
        """What is open of `invoice`."""
        return sum(item.open for item in self._items if item.invoice == invoice)

    def overdue_of(self, invoice: str, day: dt.date) -> int:
        """What is overdue of `invoice` on `day`."""
        return sum(item.open for item in self._items if item.invoice == invoice and item.due < day)

    def overdue_invoices(self, day: dt.date) -> list[str]:
        """The invoices of which something is overdue on `day`, the oldest due date first, each once."""
        return list(dict.fromkeys(item.invoice for item in self._items if item.open and item.due < day))

    def next_to_pay(self) -> str | None:
        """The invoice that money without a reference would go to."""
        return next((item.invoice for item in self._items if item.open), None)

    def oldest_due(self) -> dt.date | None:
        """The oldest due date of which something is open."""
        return next((item.due for item in self._items if item.open), None)

    def take(self, amount: int, invoice: str | None, key: str | None = None) -> None:
        """Allocate money or credit; what is left over stands against nothing. `key` names a payment."""
        for item in self._items:
            if invoice in (None, item.invoice) and amount and item.open:
                part = min(amount, item.open)
                item.open -= part
                amount -= part
                if key is not None:
                    self._allocated.setdefault(key, []).append((item, part))

    def give_back(self, key: str) -> None:
        """Undo exactly what the payment `key` has paid."""
        for item, part in self._allocated.pop(key, []):
            item.open += part
